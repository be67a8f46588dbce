"""Templates and static files: read once, with the package; static files are named by their content, so they never go stale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from wardstead.console.marking import visible

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_REDACTION: Final = re.compile(r"\[redacted:([a-z0-9-]{2,40})\]")
STATIC: Final = "/console/static"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that is served as it is."""

    body: bytes
    media_type: str
    path: str


class StaticFiles:
    """The static files of the package, in memory: a few, and small."""

    def __init__(self) -> None:
        """Reads them all."""
        folder = files("wardstead.console") / "static"
        self.by_name = {item.name: _static(item) for item in folder.iterdir() if item.is_file()}
        self.by_path = {one.path: one for one in self.by_name.values()}


def _static(item: Traversable) -> StaticFile:
    body = item.read_bytes()
    kind = _TYPES[item.name[item.name.rindex(".") :]]
    return StaticFile(body, f"{kind}; charset=utf-8", f"{STATIC}/{sha256(body).hexdigest()[:12]}/{item.name}")


def environment(static: StaticFiles) -> Environment:
    """The template environment: everything is escaped, and a name that does not exist is an error."""
    made = Environment(
        loader=PackageLoader("wardstead.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["chips"] = chips
    made.filters["cut"] = cut
    made.filters["ends"] = ends
    made.filters["moment"] = moment
    made.filters["visible"] = visible
    made.globals["shown_characters"] = SHOWN_CHARACTERS
    made.globals["shown_texts"] = SHOWN_TEXTS
    made.globals["static"] = lambda name: static.by_name[name].path
    return made


SHOWN_CHARACTERS: Final = 20_000
"""How much of one text a page shows; all of it is a download away."""


SHOWN_TEXTS: Final = 40
"""How many texts of one step a page shows: half of them the first, half the last."""
T = TypeVar("T")


def ends(texts: Sequence[T]) -> Sequence[T]:
    """As many texts as a page shows."""
    half = SHOWN_TEXTS // 2
    return texts if len(texts) <= SHOWN_TEXTS else [*texts[:half], *texts[-half:]]


def cut(text: str) -> str:
    """As much of a text as a page shows."""
    return text[:SHOWN_CHARACTERS]


def chips(text: str) -> Markup:
    """The text, escaped, with each ``[redacted:type]`` as a marked chip."""
    out: list[Any] = []
    end = 0
    for match in _REDACTION.finditer(text):
        out += [escape(text[end : match.start()]), Markup('<mark class="chip redaction">{} redacted</mark>').format(match[1])]
        end = match.end()
    return Markup("").join([*out, escape(text[end:])])


def moment(time: str) -> Markup:
    """An RFC 3339 time as people read it; the exact one stays in the element."""
    day, _, clock = time.partition("T")
    return Markup('<time datetime="{}">{} <b>{}</b></time>').format(time, day, clock[:8])
