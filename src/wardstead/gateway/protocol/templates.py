"""Prompt templates that are kept here: as they are made and shown, named among the parts of a message, and filled.

A placeholder is a name in two braces, ``{{customer}}``. What fills it is put in as it is, once: a value that looks like a
placeholder stays one. The whole text is inspected after that, like any other of its message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from wardstead.gateway.protocol.documents import Enclosed
from wardstead.gateway.protocol.fields import BadField, mapping, text
from wardstead.gateway.protocol.files import Shown

MOST_CHARACTERS: Final = 100_000
"""Of a template as it is kept."""
MOST_NAMED: Final = 16
"""So many templates stand in one request."""
_ID_CHARACTERS: Final = 64
_VARIABLES: Final = 64
_FILLED: Final = 1 << 20
"""So many characters a filled template may have: one placeholder may stand there often."""
_PLACEHOLDER: Final = re.compile(r"\{\{ ?([A-Za-z_][A-Za-z0-9_]{0,39}) ?\}\}")


class Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template that somebody sends. ``label``: that it has at least."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_CHARACTERS)]
    label: str = ""


def parse_made(body: bytes) -> Made:
    """A template to be kept. Raises ``BadField``."""
    try:
        return msgspec.json.decode(body, type=Made)
    except msgspec.DecodeError as error:
        raise BadField("is not understood", where="body", why=str(error)[:200]) from None


def template_part(part: dict[str, Any], where: str) -> Enclosed:
    """The template that a part names: ``{"type": "template", "template_id": …, "variables": {…}}``. Raises ``BadField``."""
    if unknown := set(part) - {"type", "template_id", "variables"}:
        raise BadField("is not a field of a template", where=f"{where}.{min(unknown)[:80]}")
    name = str(text(part.get("template_id"), f"{where}.template_id"))
    if not 0 < len(name) <= _ID_CHARACTERS:
        raise BadField("must be the id of a template", where=f"{where}.template_id")
    given = mapping(part.get("variables") or {}, f"{where}.variables")
    if len(given) > _VARIABLES:
        raise BadField(f"holds more than {_VARIABLES}", where=f"{where}.variables")
    values = {one: str(text(value, f"{where}.variables.{one[:40]}")) for one, value in given.items()}
    return Enclosed("template", kept=name, variables=values)


def placeholders(template: str) -> list[str]:
    """The names that a template wants to be filled, each once, in their order."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(template)))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The text with each placeholder filled. Raises ``BadField`` for one without a value, and for a value without a place."""
    wanted = placeholders(template)
    if missing := [name for name in wanted if name not in values]:
        raise BadField("is wanted by the template", where=f"variables.{missing[0]}")
    if unknown := sorted(values.keys() - set(wanted)):
        raise BadField("is no placeholder of the template", where=f"variables.{unknown[0][:40]}")
    size = len(template) + sum(len(values[found]) for found in _PLACEHOLDER.findall(template))
    if size > _FILLED:
        raise BadField(f"make it longer than {_FILLED:,} characters", where="variables")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def template_object(one: Shown, template: str | None = None) -> dict[str, Any]:
    """As ``GET /v1/templates/ID`` answers; in a list without its text."""
    said: dict[str, Any] = {
        "id": one.id, "object": "template", "name": one.name, "created_at": one.created_ms // 1000,
        "wardstead": {"label": one.label, "owner": one.owner},
    }  # fmt: skip
    if template is not None:
        said |= {"text": template, "variables": placeholders(template)}
    return said
