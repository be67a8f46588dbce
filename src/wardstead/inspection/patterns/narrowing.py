"""The parts of a text that hold what a match must hold, and so all that needs to be scanned for it.

Most patterns are of numbers or of keys, and most of a text is neither. Finding the digits takes a byte translation and a search
for bytes, a twentieth of what scanning the whole text for the patterns takes.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from wardstead.inspection.patterns.pattern import DIGIT, KEY, Need

_BETWEEN: Final = b"\x00\n\x00"
"""Between parts. What matches across it is a candidate that is then looked at exactly, like every other."""


class Seeds:
    """Where a text holds digits, keys and signs. ``needs``: what it holds at all."""

    __slots__ = ("_data", "_digits", "_keys", "needs")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._digits = digits = data.translate(_DIGITS)
        self._keys = keys = data.translate(_KEYS)
        self.needs: list[Need] = []
        if b"1" in digits:
            self.needs = [Need.DIGIT, Need.DIGITS] if b"111" in digits else [Need.DIGIT]
        if _RUN in keys:
            self.needs.append(Need.RUN)
        if _APART in keys or _FURTHER_APART in keys:
            self.needs.append(Need.SPACED)
        if b"@" in data:
            self.needs.append(Need.AT)
        if b":" in data:
            self.needs.append(Need.COLON)

    def near(self, need: Need, before: int, after: int) -> bytes:
        """All of the text that is within so many bytes of what ``need`` says; nothing where it has none of that.

        INVARIANT: a match that holds such a seed, with so many bytes to its left and right, stands whole in the result.
        """
        data = self._data
        if need is Need.SPACED:  # rare, and of either width
            return data
        seed = _SEEDS[need]
        marks = self._keys if need is Need.RUN else self._digits if need in _OF_DIGITS else data
        at = marks.find(seed)
        parts = []
        covered = 0
        reach = before + after + len(seed)
        while at >= 0:
            begin = max(0, at - before)
            # The last seed of those whose surroundings touch.
            while (further := marks.rfind(seed, at + 1, at + reach + len(seed))) >= 0:
                at = further
            end = min(len(data), at + len(seed) + after)
            parts.append(data[begin:end])
            covered += end - begin
            at = marks.find(seed, at + 1)
        return data if 2 * covered > len(data) else _BETWEEN.join(parts)


def _table(codes: AbstractSet[int]) -> bytes:
    return bytes(0x31 if code in codes else 0x20 for code in range(256))


_DIGITS: Final = _table(DIGIT)
_KEYS: Final = _table(KEY)
_RUN: Final = b"1" * 16
_APART: Final = b"1 1 1 1"
_FURTHER_APART: Final = b"1  1  1  1"
_OF_DIGITS: Final = frozenset((Need.DIGIT, Need.DIGITS))
_SEEDS: Final = {Need.DIGITS: b"111", Need.DIGIT: b"1", Need.RUN: _RUN, Need.AT: b"@", Need.COLON: b":"}
