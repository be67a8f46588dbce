"""Detectors as data: parsed from the catalogue, checked once, frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from wardstead.inspection.patterns.folding import folded
from wardstead.inspection.patterns.needs import Need, has_mark, need
from wardstead.inspection.patterns.pattern import beginnings, check_width, expand, outline, parse, prefixes
from wardstead.inspection.validators import VALIDATORS
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import read_yaml

WINDOW_BYTES = 4096
"""The widest match and its right neighbour fit in it; so do matches that overlap in a chain, or the text is cut."""
CONTEXT_BYTES = 64
"""How far to the left of a match its context words may stand."""
ENCODED = "encoded"
"""The category of runs that may be encoded."""
DOCUMENTED = "documented"
"""The category of keys that manuals print for everybody: no credentials."""
CREDENTIALS = "credentials"
ACTIVE_CONTENT = "active-content"
ADDRESS_WITH_DATA = "address-with-data"
"""The type of addresses that carry data to a host."""

_MARK: Final = 4
_LETTERS: Final = re.compile("[A-Za-z]{2}")
_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One detector as the catalogue writes it."""

    id: _Name
    type: _Name
    category: _Name
    source: Annotated[str, msgspec.Meta(min_length=3)]
    pattern: str
    validator: str = ""
    context: tuple[Annotated[str, msgspec.Meta(min_length=2)], ...] = ()
    overlong: str = ""
    not_behind: str = ""
    examples: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    counter_examples: tuple[str, ...] = ()


class _Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A catalogue file."""

    version: int
    detectors: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class Detector:
    """What to look for, as bytes of UTF-8.

    ``validator`` names one of ``VALIDATORS``. One of the ``context`` words, if there are any, must stand to the left.
    ``overlong`` is a class of characters: a match followed by one of them ran into its pattern's bound, and the rest
    of the secret would get away, so it blocks. Right behind what ``not_behind`` matches, a match is part of something longer, and
    none. A group of the pattern marks the secret in it: the rest may stay.
    ``outline`` matches wherever the pattern does, and is cheaper to look for; ``marked`` says that it is very cheap;
    ``need`` what every match holds.
    """

    id: str
    type: str
    category: str
    pattern: str
    outline: str
    prefixes: str
    marked: bool
    need: Need
    validator: str = ""
    context: tuple[str, ...] = ()
    overlong: str = ""
    not_behind: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    """What a secret of this kind begins with, where that is like nothing else."""
    trusted: frozenset[str] = frozenset()
    """Hosts: a match that is an address there is none."""


def load_catalogues(texts: Mapping[str, str]) -> tuple[Detector, ...]:
    """The detectors of catalogue files, by name. The first to find something names it: files in the order of their names.

    Raises ``ConfigurationError`` that names file and entry.
    """
    found: dict[str, Detector] = {}
    for where in sorted(texts):
        for entry in read_yaml(texts[where], where, _Catalogue, ours=True).detectors:
            if entry.id in found:
                raise ConfigurationError(f"two detectors have the id {entry.id!r}", where=where)
            found[entry.id] = _detector(entry, f"{where}: {entry.id}")
    return tuple(found.values())


def catalogue_schema() -> dict[str, object]:
    """The JSON Schema of a catalogue file."""
    return msgspec.json.schema(_Catalogue)


def digest(detectors: tuple[Detector, ...]) -> str:
    """Changes whenever what is found could change."""
    said = [
        (
            one.id,
            one.type,
            one.category,
            one.pattern,
            one.validator,
            one.context,
            one.overlong,
            one.not_behind,
            sorted(one.trusted),
        )
        for one in detectors
    ]
    return sha256(repr(said).encode()).hexdigest()[:12]


def trusting(detectors: tuple[Detector, ...], hosts: frozenset[str]) -> tuple[Detector, ...]:
    """The detectors, of which those of addresses leave out what is on one of ``hosts``."""
    if not hosts:
        return detectors
    return tuple(replace(one, trusted=hosts) if one.type == ADDRESS_WITH_DATA else one for one in detectors)


def canary(text: str) -> Detector:
    """A planted string that must never be seen in a prompt or an answer."""
    if not 8 <= len(text) <= 256 or not text.isascii() or not text.isprintable():
        raise ConfigurationError("a canary has 8 to 256 printable ASCII characters", where="inspection.canaries")
    return windowed("canary", "canary", "".join(char if char.isalnum() else f"\\x{ord(char):02x}" for char in text))


def windowed(name: str, category: str, pattern: str, needs: Need | None = None) -> Detector:
    """A detector of our own, of the type ``name``. ``needs``: where that is known better than from the pattern.

    Raises ``ConfigurationError`` for a pattern that the guard cannot use.
    """
    tree = parse(pattern, name)
    check_width(tree, name, WINDOW_BYTES - 1)
    looks = outline(tree, name), prefixes(tree, name), has_mark(tree), needs or need(tree)
    return Detector(name, name, category, pattern, *looks)


def _detector(entry: _Entry, where: str) -> Detector:
    if entry.validator and entry.validator not in VALIDATORS:
        raise ConfigurationError(f"there is no validator {entry.validator!r}", where=where)
    pattern = expand(entry.pattern, where)
    tree = parse(pattern, where)
    # The byte to the right decides a word boundary and whether a match is overlong, so it must fit the window too.
    check_width(tree, where, WINDOW_BYTES - 1)
    if entry.overlong and not re.fullmatch(r"\[[A-Za-z0-9._~%!$&*+/@#?^=-]+\]", entry.overlong):
        raise ConfigurationError("'overlong' is one class of characters, such as [A-Za-z0-9]", where=where)
    if entry.not_behind:
        check_width(parse(entry.not_behind, where), where, CONTEXT_BYTES - 1)
    return Detector(
        entry.id,
        entry.type,
        entry.category,
        pattern,
        outline(tree, where),
        prefixes(tree, where),
        has_mark(tree),
        need(tree),
        entry.validator,
        _context(entry.context, where),
        entry.overlong,
        entry.not_behind,
        entry.examples,
        entry.counter_examples,
        _marks(beginnings(tree)) if entry.category == CREDENTIALS else (),
    )


def _marks(begins: list[str]) -> tuple[str, ...]:
    """Those of the beginnings that no word begins with: four characters, a letter and a sign or capitals among them."""
    unlike = [one for one in begins if len(one) >= _MARK and " " not in one and not (one.islower() and one.isalpha())]
    return tuple(one for one in unlike if _LETTERS.search(one))


def _context(words: tuple[str, ...], where: str) -> tuple[str, ...]:
    """As the search sees them: what they look like, and only ASCII letters have no case."""
    context = tuple(dict.fromkeys(folded(word).encode().lower().decode() for word in words))
    if any(len(word.encode()) < 2 for word in context):
        raise ConfigurationError("a context word has at least two characters that can be seen", where=where)
    return context
