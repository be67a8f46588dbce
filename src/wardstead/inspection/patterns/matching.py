"""Finding matches: Hyperscan tells which patterns occur at all, RE2 where, validators whether they are real.

Everything here works on bytes, those of a ``View``. A match at a given start is RE2's leftmost-first one; after a candidate
that is not real, the search goes on one byte later, after a real one at its end. So a start decides by itself, which is
what makes the streamed and the whole result equal. (An encoded run is searched on from its end, real or not, for nothing but
its bound ends it.)

Most texts hold nothing, and that is known after one scan for patterns with a mark of their own: the others hold three
digits, sixteen characters of a key, or at least a digit, and are looked for near such places alone. A pattern that needs
context is looked for only where one of its words has been seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import hyperscan
import msgspec
import re2

from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, Detector
from wardstead.inspection.patterns.context import Context, caseless, ending
from wardstead.inspection.patterns.encoded import Encoding, encodings, is_row
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.narrowing import Seeds
from wardstead.inspection.patterns.pattern import WORD, Need
from wardstead.inspection.patterns.scanning import ALL, TOGETHER, Kept, Scanner
from wardstead.inspection.validators import VALIDATORS, Validator
from wardstead.inspection.validators.active import untrusted
from wardstead.kernel.errors import ConfigurationError

DEPTH: Final = 2
"""What is encoded in what was encoded is found; deeper it is not."""


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


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One detector, ready to run. ``group`` is the part of the pattern that is the secret."""

    search: Any
    group: int
    validator: Validator | None
    context: Context | None
    overlong: re.Pattern[bytes] | None


class _Neighbourhood:
    """The detectors whose matches hold what ``need`` says: looked for near that alone."""

    __slots__ = ("_bound", "_free", "_need", "_owners", "_reach", "_words", "bound")

    def __init__(self, need: Need, free: Mapping[int, Detector], bound: Mapping[int, Detector], kept: Kept | None) -> None:
        self._need = need
        self.bound = _mask(bound)
        self._reach = max((one.width for one in (*free.values(), *bound.values())), default=0) + 1
        self._free = Scanner({number: one.outline for number, one in free.items()}, TOGETHER, kept)
        self._bound = Scanner({number: one.outline for number, one in bound.items()}, TOGETHER, kept)
        lenders = _lenders(bound)
        self._owners = [_mask(numbers) for numbers in lenders.values()]
        self._words = Scanner({at: _hint(word) for at, word in enumerate(lenders)}, ALL, kept)

    def candidates(self, seeds: Seeds) -> list[int]:
        """Those of its detectors that may have a match in a text with such seeds."""
        part = seeds.near(self._need, self._reach + CONTEXT_BYTES, self._reach)
        lent = 0
        for word in self._words.hits(part):
            lent |= self._owners[word]
        return self.among(part, lent)

    def among(self, part: bytes, lent: int) -> list[int]:
        """Those that may have a match in ``part`` where these have context."""
        found = self._free.hits(part)
        # Looked at one by one, a few cost less than a scan for all.
        if lent:
            found += _numbers(lent) if lent.bit_count() <= _FEW else [one for one in self._bound.hits(part) if lent >> one & 1]
        return found


class Matcher:
    """All detectors, compiled. Safe for threads."""

    def __init__(self, detectors: Sequence[Detector], *, scan: bool = True, kept: Kept | None = None) -> None:
        """Compile, or take from ``kept`` what was compiled before. Raises ``ConfigurationError`` for a pattern that is refused.

        Without ``scan`` every detector is a candidate for every text: the same matches, slower for each text, and ready
        in a tenth of the time. Guards need it.
        """
        self.detectors = tuple(detectors)
        self._scan = scan
        self._options = _options()
        self._runs = encodings(self.detectors)
        self._first_run = len(self.detectors)
        everything = dict(enumerate((*self.detectors, *(one.looks for one in self._runs))))
        self._everything = list(everything)
        free = {number: one for number, one in everything.items() if not one.context}
        bound = {number: one for number, one in everything.items() if one.context}
        try:
            self._compiled = [_compile(one, self._options) for one in self.detectors]
            if scan:
                self._compile_scanners(free, bound, kept)
                self._compile_closures(free, bound, kept)
        except (re2.error, hyperscan.error) as error:
            raise ConfigurationError("a detector's pattern is refused", where="detectors", why=str(error)) from None

    def _compile_scanners(self, free: Mapping[int, Detector], bound: Mapping[int, Detector], kept: Kept | None) -> None:
        cheap = {number: one for number, one in free.items() if one.marked or one.need is Need.NOTHING}
        anywhere = {number: one for number, one in bound.items() if one.need is Need.NOTHING}
        lenders = _lenders(anywhere)
        self._owners = list(lenders.values())
        words = {_WORDS + at: _hint(word) for at, word in enumerate(lenders)}
        self._first = Scanner({number: one.outline for number, one in cheap.items()} | words, ALL, kept)
        self._neighbourhoods = {need: _neighbourhoods(need, cheap, free, bound, kept) for need in Need}

    def _compile_closures(self, free: Mapping[int, Detector], bound: Mapping[int, Detector], kept: Kept | None) -> None:
        self._free_pending = _in_progress([one.prefixes for one in free.values() if one.prefixes], self._options)
        self._bound_closures = {number: one.prefixes for number, one in bound.items() if one.prefixes}
        self._bound_pending = _in_progress(self._bound_closures.values(), self._options)
        self._pending_mask = _mask(self._bound_closures)
        self._unions: dict[int, Find | None] = {}
        lenders = _lenders(bound)
        self._lenders = [_mask(numbers) for numbers in lenders.values()]
        self._words = Scanner({at: _hint(word) for at, word in enumerate(lenders)}, ALL, kept)

    def candidates(self, data: bytes, begin: int) -> list[int]:
        """The detectors that may have a match that starts at or after ``begin``: none is left out."""
        if not self._scan:
            return self._everything
        # With its left context. What only matches there makes a candidate that is then looked at exactly.
        part = data[max(0, begin - CONTEXT_BYTES) :]
        found: list[int] = []
        for hit in self._first.hits(part):
            if hit < _WORDS:
                found.append(hit)
            else:
                found += self._owners[hit - _WORDS]
        seeds = Seeds(part)
        if seeds.needs:
            here = [one for need in seeds.needs for one in self._neighbourhoods[need]]
            if len(part) > _PIECE:
                for one in here:
                    found += one.candidates(seeds)
            else:
                lent = self._lent(part)
                for one in here:
                    found += one.among(part, lent & one.bound)
        return found if len(found) < 2 else sorted(set(found))

    def first_pending(self, data: bytes, begin: int) -> int:
        """The first place from ``begin`` on where a match may be in progress at the end of ``data``."""
        low = max(0, begin - 1)
        part = data[low:]
        first = max(begin, low + len(part.rstrip(WORD)))
        if first <= begin:
            return first
        at = -1 if self._free_pending is None else self._free_pending(part, begin - low)
        if at >= 0:
            first = min(first, low + at)
        at = -1 if self._bound_pending is None else self._bound_pending(part, begin - low)
        if 0 <= at < first - low:
            at = self._lent_pending(data, begin)
            first = first if at < 0 else min(first, low + at)
        return first

    def _lent_pending(self, data: bytes, begin: int) -> int:
        """As the detectors whose context words have been seen have it."""
        low = max(0, begin - 1)
        lent = self._lent(data[max(0, begin - CONTEXT_BYTES) :]) & self._pending_mask
        if not lent:
            return -1
        pending = self._unions.get(lent)
        if pending is None:
            if len(self._unions) >= _UNIONS:
                self._unions.clear()
            closures = [self._bound_closures[number] for number in _numbers(lent)]
            pending = self._unions[lent] = _in_progress(closures, self._options)
        return pending(data[low:], begin - low) if pending else -1

    def _lent(self, part: bytes) -> int:
        """The detectors that need context, and may have some in ``part``: a bit for each."""
        lent = 0
        for word in self._words.hits(part):
            lent |= self._lenders[word]
        return lent

    def matches(self, number: int, data: bytes, begin: int, before: int) -> Scan:
        """The real matches of one detector whose pattern starts in ``[begin, before)`` of ``data``."""
        if number >= self._first_run:
            return self._in_runs(number, data, begin, before, DEPTH)
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

    def _in_runs(self, number: int, data: bytes, begin: int, before: int, depth: int) -> Scan:
        """The runs of one encoding that hold a match: for each detector that has one there, the run is its match."""
        one, found = self._runs[number - self._first_run], []
        while begin < before:
            match = one.search(data, begin)
            if match is None or match.start() >= before:
                break
            start, begin = match.span()
            said = self._said(one, data, start, begin, depth)
            found += [Match(start, begin, inside, overlong) for inside, overlong in sorted(said.items())]
        return Scan(found, begin)

    def _said(self, one: Encoding, data: bytes, start: int, end: int, depth: int) -> dict[int, bool]:
        """The detectors that find something in what a run spells, and whether it goes on."""
        found: dict[int, bool] = {}
        run = data[start:end]
        for text in one.read(run):
            row, before = one.spaced and is_row(run, text), data[max(0, start - CONTEXT_BYTES) : start] if one.spaced else b""
            said = text.encode() if one.spaced else View(text).data
            for match in self._inside(before + said, depth):
                if match.end > len(before) and not (row and self._compiled[match.detector].context is None):
                    found[match.detector] = found.get(match.detector, False) or match.overlong
        return found

    def _inside(self, data: bytes, depth: int) -> Iterator[Match]:
        """The matches in what a run spells."""
        for number in self.candidates(data, 0):
            if number < self._first_run:
                yield from self.matches(number, data, 0, len(data)).matches
            elif depth > 1:
                yield from self._in_runs(number, data, 0, len(data), depth - 1).matches


_UNIONS: Final = 1024
_NARROW: Final = 48
_PIECE: Final = 384
"""In so few bytes, nothing is gained by looking near digits alone."""
_FEW: Final = 8
_SHORT: Final = 4
_WORDS: Final = 1 << 20
"""The first number of a context word where words and patterns are looked for together."""


def _neighbourhoods(
    need: Need,
    cheap: Mapping[int, Detector],
    free: Mapping[int, Detector],
    bound: Mapping[int, Detector],
    kept: Kept | None,
) -> list[_Neighbourhood]:
    """Those of narrow patterns and those of wide ones: a wide one has to be looked for far around."""
    if need is Need.NOTHING:
        return []
    split = []
    for wide in (False, True):
        here = {n: one for n, one in free.items() if n not in cheap and one.need is need and (one.width > _NARROW) is wide}
        near_words = {n: one for n, one in bound.items() if one.need is need and (one.width > _NARROW) is wide}
        if here or near_words:
            split.append(_Neighbourhood(need, here, near_words, kept))
    return split


def _mask(numbers: Iterable[int]) -> int:
    """A set of detectors as bits: a word may serve hundreds."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


def _numbers(mask: int) -> list[int]:
    numbers = []
    while mask:
        low = mask & -mask
        numbers.append(low.bit_length() - 1)
        mask ^= low
    return numbers


Find = Callable[[bytes, int], int]
"""Where something begins in a text from some place on; less than nothing where it does not."""


def _in_progress(closures: Iterable[str], options: Any) -> Find | None:
    """What finds the first place at which a match of any of these closures reaches to the end."""
    either = "|".join(closures)
    if not either:
        return None
    # Its generator and its match cost more than the search, which is made twice for each piece of a stream.
    search, anywhere = re2.compile(f"(?:{either})\\z".encode(), options=options)._regexp.Match, re2._Anchor.UNANCHORED

    def find(data: bytes, begin: int) -> int:
        return int(search(anywhere, data, begin, len(data))[0][0])

    return find


def _hint(word: bytes) -> str:
    """Short words stand in others everywhere; of long ones the letters alone are a good hint, and cheaper."""
    return ending(word) if len(word) <= _SHORT else caseless(word)


def _lenders(bound: Mapping[int, Detector]) -> dict[bytes, frozenset[int]]:
    """By context word: the detectors that it serves."""
    serves: dict[bytes, set[int]] = {}
    for number, one in bound.items():
        for word in one.context:
            serves.setdefault(word.encode(), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in serves.items()}


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    options.log_errors = False
    return options


def _validator(detector: Detector) -> Validator | None:
    validator = VALIDATORS[detector.validator] if detector.validator else None
    return untrusted(validator, detector.trusted) if validator and detector.trusted else validator


def _compile(detector: Detector, options: Any) -> _Compiled:
    pattern = re2.compile(detector.pattern.encode(), options=options)
    return _Compiled(
        pattern.search,
        pattern.groups,
        _validator(detector),
        Context(detector.context, options) if detector.context else None,
        re.compile(detector.overlong.encode()) if detector.overlong else None,
    )
