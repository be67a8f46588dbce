"""Detectors as data: parsed from the catalogue, checked once, frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
import yaml

from wardstead.inspection.pattern import parse, prefixes, width
from wardstead.inspection.validators import VALIDATORS, Validator
from wardstead.kernel.errors import ConfigurationError

WINDOW_BYTES = 4096
"""The most that is ever held back: no pattern may match more than this."""
CONTEXT_BYTES = 64
"""How far to the left of a match its context words may stand."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One detector as the catalogue writes it."""

    type: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
    category: str
    source: str
    pattern: str
    validator: str = ""
    context: tuple[str, ...] = ()
    overlong: bool = False
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...] = ()


class _Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A catalogue file."""

    version: int
    detectors: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class Detector:
    """What to look for. ``overlong`` blocks a match that fills its pattern's bound: the rest of it would get away."""

    type: str
    category: str
    pattern: str
    prefixes: str
    width: int
    validator: Validator | None = None
    context: tuple[bytes, ...] = ()
    overlong: bool = False
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()


def load_catalogue(text: str, where: str) -> tuple[Detector, ...]:
    """The detectors of a catalogue file. Raises ``ConfigurationError`` that names the entry."""
    try:
        catalogue = msgspec.convert(yaml.safe_load(text), _Catalogue)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigurationError("the catalogue does not fit its schema", where=where, why=str(error)) from None
    return tuple(_detector(entry, f"{where}: {entry.type}") for entry in catalogue.detectors)


def catalogue_schema() -> dict[str, object]:
    """The JSON Schema of a catalogue file."""
    return msgspec.json.schema(_Catalogue)


def _detector(entry: _Entry, where: str) -> Detector:
    if entry.validator and entry.validator not in VALIDATORS:
        raise ConfigurationError(f"there is no validator {entry.validator!r}", where=where)
    tree = parse(entry.pattern, where)
    return Detector(
        entry.type,
        entry.category,
        entry.pattern,
        prefixes(tree, where),
        # One byte of right context decides a word boundary, so it must fit the window too.
        width(tree, where, WINDOW_BYTES - 1),
        VALIDATORS.get(entry.validator),
        tuple(word.lower().encode() for word in entry.context),
        entry.overlong,
        entry.examples,
        entry.counter_examples,
    )


def canary(text: str) -> Detector:
    """A planted string that must never be seen in a prompt or an answer."""
    if not 8 <= len(text) <= 256 or not text.isascii() or not text.isprintable():
        raise ConfigurationError("a canary has 8 to 256 printable ASCII characters", where="inspection.canaries")
    pattern = "".join(char if char.isalnum() else f"\\x{ord(char):02x}" for char in text)
    tree = parse(pattern, "canary")
    return Detector("canary", "canary", pattern, prefixes(tree, "canary"), len(text))
