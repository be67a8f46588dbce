"""What every match of a pattern holds: where a text has none of it, the pattern need not be looked for.

Most patterns are of numbers or of keys, and most of a text is neither. What they need is told from their syntax tree, and looked
for in the same scan as all that has a mark of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial
from re import _constants as c  # type: ignore[attr-defined]  # see ``pattern``
from typing import Any


class Need(StrEnum):
    """What every match of a pattern holds, the rarest first."""

    NUMBER = "number"
    """Nine digits, near each other."""
    WORD = "word"
    """Twenty-four letters and digits, in a row."""
    AT = "at sign"
    COLONS = "colons"
    DIGITS = "digits"
    """Six of them, near each other."""
    RUN = "run"
    """Sixteen characters of keys, in a row."""
    DIGIT = "digit"
    SPACED = "spaced"
    """Four characters that stand apart from each other. No pattern is known to hold them: who looks for such says so."""
    MARKUP = "markup"
    """Something in the middle of a word that is not part of it, as far as it is seen at once. Who looks for such says so, too."""
    NOTHING = ""


_DIGIT = frozenset(b"0123456789")
_SIGN = frozenset(range(0x80)) - frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_TOKEN = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_KEY = _TOKEN | frozenset(b"_-/+")
"""What keys are made of, and base64."""


class _Role(Enum):
    MEMBER = "member"
    BETWEEN = "between"
    OTHER = "other"
    """It may end a row."""


_RoleOf = Callable[[AbstractSet[int]], _Role]


@dataclass(frozen=True, slots=True)
class Row:
    """``least`` characters of ``codes``, one after the other; at most ``gap`` of ``between`` stand between two of them.

    INVARIANT: of a letter, both cases are in a set or none: patterns may not mind it.
    """

    least: int
    codes: frozenset[int]
    gap: int = 0
    between: frozenset[int] = frozenset()

    def role(self, codes: AbstractSet[int]) -> _Role:
        """What a character is that is one of ``codes``."""
        if codes <= self.codes:
            return _Role.MEMBER
        return _Role.BETWEEN if codes - self.codes <= self.between else _Role.OTHER

    @property
    def outline(self) -> str:
        """The pattern of it."""
        one, between = _of(self.codes), f"{_of(self.between)}{{0,{self.gap}}}" if self.gap else ""
        return f"(?:{one}{between}){{{self.least - 1}}}{one}" if self.least > 1 else one


def _of(codes: Iterable[int]) -> str:
    return "[" + "".join(f"\\x{code:02x}" for code in sorted(codes)) + "]"


_ROWS = {
    Need.NUMBER: Row(9, _DIGIT, 4, _SIGN),
    Need.WORD: Row(24, _TOKEN),
    Need.AT: Row(1, frozenset(b"@")),
    Need.COLONS: Row(2, frozenset(b":"), 4, _HEX),
    Need.DIGITS: Row(6, _DIGIT, 4, _SIGN),
    Need.RUN: Row(16, _KEY),
    Need.DIGIT: Row(1, _DIGIT),
}
_KEYS, _OTHERS = _of(_KEY), _of(frozenset(range(256)) - _KEY)
GATES = {need: row.outline for need, row in _ROWS.items()} | {
    Need.SPACED: "|".join(f"{_KEYS}(?:{_OTHERS}{{{apart}}}{_KEYS}){{3}}" for apart in (1, 2)),
    Need.MARKUP: r"[0-9A-Za-z_+/=.:@-](?:[*`~]{1,4}[0-9A-Za-z_+/=.:@-]|[\x22'][ \t\r\n]{0,4}[+&.|]{0,2}[ \t\r\n]{0,20}[\x22']"
    r"|\x3c[/!A-Za-z]|\x1b\[|=\r?\n)",
}
"""Where a text holds what a pattern needs. (One that needs nothing is looked for everywhere.)"""
_OF_CATEGORY = {c.CATEGORY_DIGIT: _DIGIT, c.CATEGORY_WORD: _TOKEN | frozenset(b"_")}
_FEW_CODES = 6


def has_mark(items: Any) -> bool:
    """Whether every match has three given characters in a row: such patterns are found at no cost, all together."""
    return _holds(_parts(items), 3, 0, _given)


def need(items: Any) -> Need:
    """What every match is known to hold: where a text has none of it, the pattern need not be looked for."""
    parts = _parts(items)
    for kind, row in _ROWS.items():
        if _holds(parts, row.least, row.gap, row.role):
            return kind
    return Need.NOTHING


@dataclass(frozen=True, slots=True)
class _Repeat:
    inner: tuple[_Part, ...]
    low: int
    high: int


_Part = AbstractSet[int] | _Repeat | list[tuple["_Part", ...]]
"""One of these characters, a repeat, or one of several."""


def _parts(items: Any) -> tuple[_Part, ...]:
    """A syntax tree as far as it matters here."""
    parts: list[_Part] = []
    for op, value in items:
        if op in {c.MAX_REPEAT, c.MIN_REPEAT}:
            parts.append(_Repeat(_parts(value[2]), int(value[0]), int(value[1])))
        elif op is c.SUBPATTERN:
            parts += _parts(value[3])
        elif op is c.BRANCH:
            parts.append([_parts(branch) for branch in value[1]])
        elif op is not c.AT:
            parts.append(_codes(op, value))
    return tuple(parts)


_Place = tuple[int, int]
"""How many characters of a row have been seen, and how many others since the last one."""
_Step = Callable[[frozenset[_Place]], frozenset[_Place]]


def _holds(parts: Iterable[_Part], least: int, gap: int, role: _RoleOf) -> bool:
    """Whether every match holds a row."""
    return all(seen >= least for seen, _ in _after(parts, frozenset({(0, 0)}), least, gap, role))


def _after(parts: Iterable[_Part], places: frozenset[_Place], least: int, gap: int, role: _RoleOf) -> frozenset[_Place]:
    """From all places in a row that one may be at, all that one may be at after ``parts``. At ``least`` one stays."""

    def through(inner: Iterable[_Part], places: frozenset[_Place]) -> frozenset[_Place]:
        return _after(inner, places, least, gap, role)

    for one in parts:
        if isinstance(one, _Repeat):
            places = _repeated(places, one.low, partial(through, one.inner))
            places = _repeated(places, one.high - one.low, partial(_perhaps, partial(through, one.inner)))
        elif isinstance(one, list):
            places = frozenset().union(*(through(branch, places) for branch in one))
        else:
            what = role(one)
            places = frozenset([_next(place, least, gap, what) for place in places])
    return places


def _repeated(places: frozenset[_Place], times: int, once: _Step) -> frozenset[_Place]:
    for _ in range(times):
        before, places = places, once(places)
        if places == before:
            break
    return places


def _perhaps(once: _Step, places: frozenset[_Place]) -> frozenset[_Place]:
    return places | once(places)


def _next(place: _Place, least: int, gap: int, role: _Role) -> _Place:
    seen, apart = place
    if seen >= least:
        return place
    if role is _Role.MEMBER:
        return seen + 1, 0
    return (seen, apart + 1) if role is _Role.BETWEEN and seen and apart < gap else (0, 0)


def _given(codes: AbstractSet[int]) -> _Role:
    """A class of so few characters is as good as a given one."""
    return _Role.MEMBER if len(codes) <= _FEW_CODES else _Role.OTHER


def _codes(op: Any, value: Any) -> AbstractSet[int]:
    """The characters of which an element is one."""
    if op is c.LITERAL:
        return {value}
    codes: set[int] = set()
    for kind, one in value:
        codes.update({one} if kind is c.LITERAL else range(one[0], one[1] + 1) if kind is c.RANGE else _OF_CATEGORY[one])
    return codes
