"""Patterns for what stands in prose: addresses, dates, people with their titles, ages.

They begin with any capital or digit and may go on for a line, so a stream that waited for each of them would hardly move. They
look at whole texts instead, and are free of what streaming asks of a pattern: letters of every script, classes of anything.
RE2 runs them, so that no text takes them long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
import re2

from wardstead.inspection.patterns.finding import Find, Tell, finder, teller
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.inspection.validators import VALIDATORS, Validator
from wardstead.inspection.verdict import char_count
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import read_yaml

CONTEXT_BYTES: Final = 96
"""How far to the left of a match its context words may stand."""
LONGEST: Final = 1024
"""No match is longer, in bytes: what is real in a longer one is not known."""

_NOT_AT_THE_END: Final = b" \t\r\n.,;:-"
_DIGIT: Final = re.compile(rb"[0-9]")

_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pattern as the catalogue writes it: as in ``catalogue``, for RE2 on UTF-8. ``score``: how sure a match is.

    Where a text has no digit (``digits``) or none of the strings that it ``needs``, it is not looked for. What stands right
    behind ``not_behind`` (for Python's engine) is none.

    In a pattern ``<<name>>`` stands for one of the file's ``parts``, and in a part for one before it.
    """

    id: _Name
    type: _Name
    category: _Name
    source: Annotated[str, msgspec.Meta(min_length=3)]
    pattern: str
    validator: str = ""
    not_behind: str = ""
    context: tuple[Annotated[str, msgspec.Meta(min_length=2)], ...] = ()
    digits: bool = False
    needs: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    score: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    examples: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    counter_examples: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    parts: dict[_Name, str] = {}
    patterns: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern that is ready to run. ``written``: with its parts filled in."""

    entry: Entry
    written: str
    find: Find
    context: Find | None
    not_behind: re.Pattern[bytes] | None
    validator: Validator | None
    needed: Tell | None

    def may_match(self, data: bytes) -> bool:
        """Whether all that it needs is there: to be asked of a text with digits where it wants some."""
        return self.needed is None or self.needed(data)

    def matches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """The bytes of each real match, in order; none overlaps the next."""
        if not self.may_match(data):
            return
        at = 0
        # The last group, if any, is what is found.
        while (spans := self.find(data, at))[0][0] >= 0:
            begin, (start, end) = spans[0][0], spans[-1]
            end = start + len(data[start:end].rstrip(_NOT_AT_THE_END))
            if self._is_real(data, begin, start, end):
                yield start, end
                at = max(end, begin + 1)
            else:
                at = begin + 1

    def _is_real(self, data: bytes, begin: int, start: int, end: int) -> bool:
        if end <= start or end - start > LONGEST:
            return False
        before = data[max(0, begin - CONTEXT_BYTES) : begin]
        if self.context is not None and self.context(before, 0)[0][0] < 0:
            return False
        if self.not_behind is not None and self.not_behind.search(before) is not None:
            return False
        return self.validator is None or self.validator(data[start:end]) == end - start


def load_phrases(texts: Mapping[str, str]) -> tuple[Phrase, ...]:
    """The patterns of catalogue files. Raises ``ConfigurationError`` that names file and entry."""
    found: dict[str, Phrase] = {}
    for where in sorted(texts):
        file = read_yaml(texts[where], where, _File, ours=True)
        parts: dict[str, str] = {}
        for name, part in file.parts.items():
            parts[name] = _filled(part, parts)
        for entry in file.patterns:
            if entry.id in found:
                raise ConfigurationError(f"two patterns have the id {entry.id!r}", where=where)
            found[entry.id] = _compiled(entry, parts, f"{where}: {entry.id}")
    return tuple(found.values())


class ProseDetector:
    """A ``TextDetector`` of these patterns. Safe for threads."""

    id = "prose"
    directions = frozenset(Direction)
    origins = frozenset(Origin) - {Origin.STRUCTURE}
    marks = False
    slow = False
    cuts = False

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        """``phrases``: as loaded from the catalogue."""
        self._with_digits = _Group([one for one in phrases if one.entry.digits])
        self._others = _Group([one for one in phrases if not one.entry.digits])
        self.types: Mapping[str, str] = {one.entry.type: one.entry.category for one in phrases}
        self.version = sha256(repr([msgspec.structs.astuple(one.entry) for one in phrases]).encode()).hexdigest()[:12]

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        """See ``TextDetector``. Of matches of one type that overlap, their union."""
        return [self._in(text) for text in texts]

    def _in(self, text: str) -> list[Span]:
        data = text.encode("utf-8", "replace")
        phrases = self._others.of(data)
        if _DIGIT.search(data) is not None:
            phrases += self._with_digits.of(data)
        found = [(one.entry.type, start, end, one.entry.score) for one in phrases for start, end in one.matches(data)]
        united: dict[str, list[tuple[int, int, float]]] = {}
        for kind, start, end, score in sorted(found, key=lambda one: one[1]):
            spans = united.setdefault(kind, [])
            if spans and start < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]), max(score, spans[-1][2]))
            else:
                spans.append((start, end, score))
        places = sorted((start, end, kind, score) for kind, spans in united.items() for start, end, score in spans)
        if data.isascii():
            return [Span(kind, start, end, score) for start, end, kind, score in places]
        return [Span(kind, char_count(data[:start]), char_count(data[:end]), score) for start, end, kind, score in places]


class _Group:
    """Patterns of which most texts match none: that takes one scan. Where one does, they are looked for in bunches first."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._choosy = [one for one in phrases if one.needed]
        others = [one for one in phrases if not one.needed]
        self._either = _any_of(others)
        self._bunches = [(_any_of(some), some) for at in range(0, len(others), _BUNCH) if (some := others[at : at + _BUNCH])]

    def of(self, data: bytes) -> list[Phrase]:
        """Those that may match: none that does is left out."""
        found = [one for one in self._choosy if one.may_match(data)]
        if self._either(data):
            found += [one for either, bunch in self._bunches if either(data) for one in bunch]
        return found


_BUNCH: Final = 6


def _any_of(phrases: Sequence[Phrase]) -> Tell:
    """Whether one of them matches, real or not."""
    options = _options()
    options.never_capture = True  # RE2 would place the groups of all
    return teller("|".join(f"(?:{one.written})" for one in phrases), options) if phrases else lambda _data: False


def _compiled(entry: Entry, parts: Mapping[str, str], where: str) -> Phrase:
    if entry.validator and entry.validator not in VALIDATORS:
        raise ConfigurationError(f"there is no validator {entry.validator!r}", where=where)
    written = _filled(entry.pattern, parts)
    if "<<" in written:
        raise ConfigurationError("the pattern names a part that the file does not have", where=where)
    try:
        find = finder(written, _options())
        context = finder(_standing(entry.context), _options()) if entry.context else None
        not_behind = re.compile(f"(?:{entry.not_behind})\\Z".encode()) if entry.not_behind else None
    except (re2.error, re.error) as error:
        raise ConfigurationError("the pattern is refused", where=where, why=str(error)) from None
    if len(find(b"", 0)) > _MOST_SPANS:
        raise ConfigurationError(
            "a capturing group marks what is found: at most one", where=where, next_step="write (?:…) for the others"
        )
    validator = VALIDATORS[entry.validator] if entry.validator else None
    return Phrase(entry, written, find, context, not_behind, validator, _teller_of(entry.needs) if entry.needs else None)


def _teller_of(texts: Sequence[str]) -> Tell:
    """Whether one of some texts is there: one scan, however many they are."""
    few = [one.encode() for one in texts]
    if len(few) <= _FEW:
        return lambda data: any(one in data for one in few)
    options = _options()
    options.never_capture = True
    return teller("|".join(re2.escape(one) for one in texts), options)


_FEW: Final = 4
_MOST_SPANS: Final = 2
"""The whole match and one group."""


def _filled(pattern: str, parts: Mapping[str, str]) -> str:
    for name, part in parts.items():
        pattern = pattern.replace(f"<<{name}>>", part)
    return pattern


def _standing(words: Sequence[str]) -> str:
    """Any of these words by itself, whatever its case. Two words are a name of data as well: see ``patterns.context``."""
    either = "|".join(re2.escape(word).replace(r"\ ", "[ _-]?") for word in words)
    return rf"(?i)(?:^|[^\p{{L}}\p{{N}}])(?:{either})(?:[^\p{{L}}\p{{N}}]|$)"


def _options() -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    return options
