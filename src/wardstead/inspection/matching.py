"""Finding matches: Hyperscan tells which patterns occur at all, RE2 where, validators whether they are real.

Everything here works on UTF-8 bytes, after ``opened``. A match at a given start is RE2's leftmost-first one; after a
candidate that is not real, the search goes on one byte later, after a real one at its end. So a start decides by itself,
which is what makes the streamed and the whole result equal.

Most texts hold nothing, and that is known after two scans: for all patterns that need no context, and for all context
words. A pattern that needs context is looked for only where one of its words has been seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hyperscan
import msgspec
import re2

from wardstead.inspection.catalogue import CONTEXT_BYTES, Detector
from wardstead.inspection.context import Context, caseless, standing
from wardstead.inspection.pattern import WORD, begins_with_digit
from wardstead.inspection.scanning import ALL, Scanner
from wardstead.inspection.validators import VALIDATORS, Validator
from wardstead.kernel.errors import ConfigurationError


class Match(msgspec.Struct, frozen=True, order=True, gc=False):
    """``[start, end)`` in bytes is what ``detector`` (its number) looks for. ``overlong``: the secret goes on."""

    start: int
    end: int
    detector: int
    overlong: bool = False
    score: float = 1.0
    """How sure the detector is."""


class Scan(msgspec.Struct, frozen=True):
    """The matches of one detector, and where its search is to go on."""

    matches: list[Match]
    resume: int


def opened(data: bytes) -> bytes:
    """``data`` with the escapes ``\\n``, ``\\r`` and ``\\t`` as white space of the same length: what is searched.

    JSON, source code and logs stand in texts escaped, and the letter of an escape would else be the beginning of a word:
    ``\\nAKIA…`` has no boundary before the key. Lengths and places stay what they are.
    """
    if b"\\" not in data:
        return data
    return data.replace(b"\\n", b"\n ").replace(b"\\r", b"\r ").replace(b"\\t", b"\t ")


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One detector, ready to run. ``group`` is the part of the pattern that is the secret."""

    search: Any
    group: int
    validator: Validator | None
    context: Context | None
    overlong: re.Pattern[bytes] | None


class Matcher:
    """All detectors, compiled. Safe for threads."""

    def __init__(self, detectors: Sequence[Detector], *, scan: bool = True) -> None:
        """Compile. Raises ``ConfigurationError`` for a pattern that an engine refuses.

        Without ``scan`` every detector is a candidate for every text: the same matches, slower for each text, and ready
        in a tenth of the time. Guards need it.
        """
        self.detectors = tuple(detectors)
        self._scan = scan
        self._options = options = _options()
        self._unions: dict[tuple[int, ...], Any] = {}
        self._closures: dict[tuple[int, ...], Any] = {}
        numbered = dict(enumerate(detectors))
        free = {number: one for number, one in numbered.items() if not one.context}
        bound = {number: one for number, one in numbered.items() if one.context}
        self._lenders = _lenders(bound)
        self._need_digits = frozenset(number for number, one in bound.items() if one.digits)
        try:
            self._compiled = [_compile(one, options) for one in detectors]
            if not scan:
                return
            self._words = Scanner({at: _hint(word) for at, word in enumerate(self._lenders)}, ALL)
            self._owners = list(self._lenders.values())
            self._marked = Scanner({number: one.outline for number, one in free.items() if one.marked}, ALL)
            unmarked = {number: one for number, one in free.items() if not one.marked}
            self._free, self._free_digits = _scanners(unmarked)
            self._bound, self._bound_digits = _scanners(bound)
            closures = {number: one.prefixes for number, one in free.items() if one.prefixes}
            by_digit = {number for number, closure in closures.items() if begins_with_digit(closure)}
            self._digit_closures = Scanner({number: _at_end(closures[number]) for number in by_digit})
            self._other_closures = Scanner({number: _at_end(closures[number]) for number in closures.keys() - by_digit})
            self._bound_closures = frozenset(number for number, one in bound.items() if one.prefixes)
        except (re2.error, hyperscan.error) as error:
            raise ConfigurationError("a detector's pattern is refused", where="detectors", why=str(error)) from None

    def lent(self, data: bytes, begin: int) -> frozenset[int]:
        """The detectors that need context and may have some, for matches that start at or after ``begin``."""
        if not self._scan:
            return _NONE
        words = self._words.hits(data[max(0, begin - CONTEXT_BYTES) :])
        return frozenset().union(*[self._owners[word] for word in words]) if words else _NONE

    def candidates(self, data: bytes, begin: int, lent: frozenset[int]) -> list[int]:
        """The detectors that may have a match that starts at or after ``begin``: none is left out."""
        if not self._scan:
            return list(range(len(self.detectors)))
        # One byte of left context: a spurious boundary only makes a candidate that is then looked at exactly.
        part = data[max(0, begin - 1) :]
        digits = _DIGITS.search(part) is not None
        found = self._marked.hits(part) + self._free.hits(part)
        if digits:
            found += self._free_digits.hits(part)
        return sorted(found + self._lent_candidates(part, lent, digits=digits))

    def _lent_candidates(self, part: bytes, lent: frozenset[int], *, digits: bool) -> list[int]:
        wanted = lent if digits else lent - self._need_digits
        if len(wanted) <= _FEW:
            return list(wanted)  # looked at one by one they cost less than a scan for all
        under = self._bound.hits(part) + (self._bound_digits.hits(part) if digits else [])
        return [number for number in under if number in wanted]

    def first_pending(self, data: bytes, begin: int, lent: frozenset[int]) -> int:
        """The first place from ``begin`` on where a match may be in progress at the end of ``data``."""
        part = data[max(0, begin - 1) :]
        words = part.rstrip(WORD)
        first = max(begin, len(data) - len(part) + len(words))
        # What is in progress from before the last word was so when that word began: a prefix of a beginning is a beginning.
        found = self._other_closures.hits(words) if words else []
        if _DIGIT.search(words) is not None:
            found += self._digit_closures.hits(words)
        found += lent & self._bound_closures
        if not found or first <= begin:
            return first
        starts = [pending.search(data, begin) for pending in self._closures_of(tuple(sorted(found)))]
        return min([first, *[int(start.start()) for start in starts if start is not None]])

    def _closures_of(self, numbers: tuple[int, ...]) -> list[Any]:
        """The closures of these detectors: in one pattern when they have come together before, as the same few often do."""
        if numbers in self._unions:
            union = self._unions[numbers]
            if union is None:
                union = self._unions[numbers] = self._closure(numbers)
            return [union]
        if len(self._unions) >= _UNIONS:
            self._unions.clear()
        self._unions[numbers] = None
        return [self._closure((number,)) for number in numbers]

    def _closure(self, numbers: tuple[int, ...]) -> Any:
        closure = self._closures.get(numbers)
        if closure is None:
            either = "|".join(self.detectors[number].prefixes for number in numbers)
            closure = re2.compile(_at_end(either).encode(), options=self._options)
            if len(numbers) == 1:
                self._closures[numbers] = closure
        return closure

    def matches(self, number: int, data: bytes, begin: int, before: int) -> Scan:
        """The real matches of one detector whose pattern starts in ``[begin, before)`` of ``data``."""
        one, found = self._compiled[number], []
        context = one.context
        while begin < before:
            if context is not None:
                begin = context.next_start(data, begin, before)
            match = one.search(data, begin)
            if match is None or match.start() >= before:
                break
            start, end = match.span(one.group)
            real = 0
            if context is None or context.stands_before(data, match.start()):
                real = end - start if one.validator is None else one.validator(data[start:end])
            if not real:
                begin = match.start() + 1
                continue
            whole = real == end - start
            overlong = whole and one.overlong is not None and one.overlong.match(data, match.end()) is not None
            found.append(Match(start, start + real, number, overlong))
            begin = match.end() if whole else start + real
        return Scan(found, begin)


_NONE: frozenset[int] = frozenset()
_SHORT = 4
_UNIONS = 1024
_FEW = 8
_DIGIT, _DIGITS = re.compile(rb"[0-9]"), re.compile(rb"[0-9]{3}")


def _scanners(detectors: Mapping[int, Detector]) -> tuple[Scanner, Scanner]:
    """Of those that match without digits, and of those that need some."""
    return (
        Scanner({number: one.outline for number, one in detectors.items() if not one.digits}),
        Scanner({number: one.outline for number, one in detectors.items() if one.digits}),
    )


def _hint(word: bytes) -> str:
    """Short words stand in others everywhere; of long ones the letters alone are a good hint, and cheaper."""
    return standing(word) if len(word) <= _SHORT else caseless(word)


def _lenders(bound: Mapping[int, Detector]) -> dict[bytes, frozenset[int]]:
    """By context word: the detectors that it serves."""
    serves: dict[bytes, set[int]] = {}
    for number, one in bound.items():
        for word in one.context:
            serves.setdefault(word.encode(), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in serves.items()}


def _at_end(closure: str) -> str:
    return f"(?:{closure})\\z"


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    options.log_errors = False
    return options


def _compile(detector: Detector, options: Any) -> _Compiled:
    pattern = re2.compile(detector.pattern.encode(), options=options)
    return _Compiled(
        pattern.search,
        pattern.groups,
        VALIDATORS[detector.validator] if detector.validator else None,
        Context(detector.context, options) if detector.context else None,
        re.compile(detector.overlong.encode()) if detector.overlong else None,
    )
