"""Which patterns may be in a text at all. None that is there is left out; one that is not may be named.

Most texts hold nothing, and that is known after one scan by Hyperscan: for patterns with a mark of their own, and for what opens
the way to others: a digit, sixteen characters of a key, an at sign. A text of dates and prices has digits and no numbers that
matter: RE2 passes it at the speed of a scan, by one automaton for all patterns of numbers, which it makes as texts go through it.
Only where one of them is there Hyperscan says which. Patterns that need context are looked for where one of their words is near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, ENCODED, Detector
from wardstead.inspection.patterns.context import caseless, ending
from wardstead.inspection.patterns.decoding import may_be_base64
from wardstead.inspection.patterns.encoded import rows_of_keys
from wardstead.inspection.patterns.finding import Tell, teller
from wardstead.inspection.patterns.needs import GATES, Need
from wardstead.inspection.patterns.scanning import ALL, TOGETHER, Kept, Scanner

_Numbered = Mapping[int, Detector]
_Which = Callable[[bytes], list[int]]

_GATE_OF: Final = {
    Need.NUMBER: Need.DIGIT,
    Need.DIGITS: Need.DIGIT,
    Need.DIGIT: Need.DIGIT,
    Need.WORD: Need.RUN,
    Need.RUN: Need.RUN,
    Need.AT: Need.AT,
    Need.COLONS: Need.COLONS,
    Need.SPACED: Need.SPACED,
    Need.MARKUP: Need.MARKUP,
}
"""What holds the first holds the second, too, and that is looked for in every text: the fewer, the faster."""
_BITS: Final = {gate: 1 << at for at, gate in enumerate(dict.fromkeys(_GATE_OF.values()))}
_APART: Final = (Need.SPACED, Need.MARKUP)
"""Each of these by itself is a small automaton; with the others it makes theirs five times as slow."""
_WORDS: Final = 1 << 20
"""The first number of a context word where words and patterns are looked for together."""
_GATES: Final = 1 << 21
"""To this the bit of a gate is added."""
_NUMBERS: Final = {Need.NUMBER, Need.DIGITS}
_DIGITS: Final = {need for need, gate in _GATE_OF.items() if gate is Need.DIGIT}
_BOUND: Final = (_NUMBERS, {Need.DIGIT}, {Need.WORD, Need.RUN}, {Need.AT}, {Need.COLONS}, {Need.NOTHING})
"""Patterns with context are looked for in these groups: loose ones, which are in every text with a digit, by themselves."""
_MANY_BYTES: Final = 8192
"""So many that some row probably spells something: it is then read in parts anyway."""
_FEW: Final = 8
"""So many cost less one by one than in a scan for all."""
_SHORT: Final = 4


@dataclass(frozen=True, slots=True)
class _Group:
    """Patterns behind a gate. ``any_of``: whether one of them is there, which is told sooner than ``which`` of them are."""

    gate: int
    mask: int
    any_of: Tell
    which: _Which


class Candidates:
    """Patterns by their numbers, compiled. Safe for threads."""

    def __init__(self, detectors: Sequence[Detector], kept: Kept | None) -> None:
        """Raises ``re2.error`` or ``hyperscan.error`` for one that is refused."""
        numbered = dict(enumerate(detectors))
        at_once = {n: one.outline for n, one in numbered.items() if one.marked or not (one.context or one.need)}
        free = {n: one for n, one in numbered.items() if n not in at_once and not one.context}
        bound = {n: one for n, one in numbered.items() if n not in at_once and one.context}
        rows = {n: one for n, one in free.items() if one.category == ENCODED and _GATE_OF[one.need] is Need.RUN}
        self._rows = _Rows(rows, kept)
        free = {n: one for n, one in free.items() if n not in rows}
        by_gate = ({n: one for n, one in free.items() if _GATE_OF[one.need] is gate} for gate in _BITS)
        self._free = [_group(some, kept) for some in by_gate if some]
        numbers = _of(bound, _NUMBERS)
        self._numbers = mask_of(numbers)
        # With context or without: in most texts with digits none is there, and one automaton tells that of both at once.
        self._any_number = teller("|".join(one.outline for one in (_of(free, _DIGITS) | numbers).values()))
        self._bound = [_group(some, kept) for needs in _BOUND if (some := _of(bound, needs))]
        loose = {n: one for n, one in bound.items() if one.need and n not in numbers}
        self._loose = Words(loose, kept)
        self._gates = sum({one.gate for one in self._bound})
        self.words = Words({n: one for n, one in numbered.items() if one.context}, kept)
        # Words of what needs nothing else are looked for in every text, the others where a gate is open.
        early = _lenders(_of(bound, {Need.NOTHING}))
        self._early = list(early.values())
        words = {_WORDS + at: _hint(word) for at, word in enumerate(early)}
        gates = {_GATES + bit: GATES[gate] for gate, bit in _BITS.items() if gate not in _APART}
        apart = [{_GATES + _BITS[gate]: GATES[gate]} for gate in _APART]
        self._first = Scanner(at_once | words | gates, ALL, kept, apart=apart)

    def of(self, data: bytes, begin: int, before: int) -> list[int]:
        """Those that may have a match that starts in ``[begin, before)``."""
        # With its left context. What only matches there makes a candidate that is then looked at exactly.
        part = data[begin - CONTEXT_BYTES :] if begin > CONTEXT_BYTES else data
        hits = self._first.hits(part)
        if not hits:
            return hits
        found: list[int] = []
        lent = opened = 0
        for hit in hits:
            if hit < _WORDS:
                found.append(hit)
            elif hit < _GATES:
                lent |= self._early[hit - _WORDS]
            else:
                opened |= hit - _GATES
        at = data[begin - 1 :] if begin > 1 else data
        if opened:
            if opened & _BITS[Need.RUN]:
                found += self._rows.which(at, before - begin + 1 if begin > 1 else before)
            numbers = opened & _BITS[Need.DIGIT] and self._any_number(at)
            if numbers:
                lent |= self.words.lent(part) & self._numbers
            found += self._behind(at, opened if numbers else opened & ~_BITS[Need.DIGIT])
            if opened & self._gates:
                lent |= self._loose.lent(part)
        if lent:
            found += self._with_context(at, opened, lent)
        return found if len(found) < 2 else sorted(set(found))

    def _behind(self, part: bytes, opened: int) -> list[int]:
        """Those without context that may have a match in ``part``."""
        return [hit for group in self._free if opened & group.gate and group.any_of(part) for hit in group.which(part)]

    def _with_context(self, part: bytes, opened: int, lent: int) -> list[int]:
        """Those that may have a match in ``part``, of those in ``lent``."""
        groups = []
        for group in self._bound:
            if lent & group.mask:
                if (opened & group.gate or not group.gate) and group.any_of(part):
                    groups.append(group)
                else:
                    lent &= ~group.mask
        if lent.bit_count() <= _FEW:
            return numbers_of(lent)
        return [one for group in groups for one in group.which(part) if lent >> one & 1]


class Words:
    """The words of patterns that need context."""

    __slots__ = ("_lenders", "_scanner")

    def __init__(self, bound: _Numbered, kept: Kept | None) -> None:
        """Raises ``hyperscan.error``."""
        lenders = _lenders(bound)
        self._lenders = list(lenders.values())
        self._scanner = Scanner({at: _hint(word) for at, word in enumerate(lenders)}, ALL, kept)

    def lent(self, part: bytes) -> int:
        """The patterns that may have context in ``part``: a bit for each."""
        lent = 0
        for word in self._scanner.hits(part):
            lent |= self._lenders[word]
        return lent


def mask_of(numbers: Iterable[int]) -> int:
    """A set of patterns as bits: a word may serve hundreds."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


def numbers_of(mask: int) -> list[int]:
    """The numbers whose bits are set, in order."""
    numbers = []
    while mask:
        low = mask & -mask
        numbers.append(low.bit_length() - 1)
        mask ^= low
    return numbers


class _Rows:
    """Encodings whose runs are rows of sixteen characters of keys and more, in which alone they are looked for."""

    def __init__(self, some: _Numbered, kept: Kept | None) -> None:
        # Wherever there is such a row there is a run in base64, if it spells anything.
        self._base64 = [number for number, one in some.items() if one.outline == GATES[Need.RUN]]
        self._which = _which({number: one for number, one in some.items() if number not in self._base64}, kept)

    def which(self, part: bytes, before: int) -> list[int]:
        """Those that may have a run in ``part`` that begins before a place of it."""
        if len(part) > _MANY_BYTES:
            return self._which(part) + self._base64
        rows = list(dict.fromkeys(rows_of_keys(part, before)))
        if not rows:
            return []  # in a piece of a stream, the row that opened the way is mostly behind
        found = self._which(b"\n".join(rows))
        return found + self._base64 if may_be_base64(rows) else found


def _group(some: _Numbered, kept: Kept | None) -> _Group:
    gates = {_GATE_OF.get(one.need) for one in some.values()}
    any_of = teller("|".join(one.outline for one in some.values()))
    return _Group(sum(_BITS[gate] for gate in gates if gate), mask_of(some), any_of, _which(some, kept))


def _of(some: _Numbered, needs: AbstractSet[Need]) -> dict[int, Detector]:
    return {number: one for number, one in some.items() if one.need in needs}


def _which(some: _Numbered, kept: Kept | None) -> _Which:
    """What tells which of these may be in a text. Those with the same need share an automaton: others take minutes to compile."""
    scanners = [
        Scanner({number: one.outline for number, one in some.items() if one.need is need}, TOGETHER, kept)
        for need in dict.fromkeys(one.need for one in some.values())
    ]
    return lambda part: [hit for one in scanners for hit in one.hits(part)]


def _hint(word: bytes) -> str:
    """Short words stand in others everywhere; of long ones the letters alone are a good hint, and cheaper."""
    return ending(word) if len(word) <= _SHORT else caseless(word)


def _lenders(bound: _Numbered) -> dict[bytes, int]:
    """By context word: the patterns that it serves."""
    serves: dict[bytes, int] = {}
    for number, one in bound.items():
        for word in one.context:
            serves[word.encode()] = serves.get(word.encode(), 0) | 1 << number
    return serves
