"""Many parts searched as one: for most hold nothing, and that is known of all of them after one scan.

What matches in none of the joined parts matches in no single one: a border can only lend context from before it. So who finds
something in the whole looks at the part where it begins by itself, and says only what is found there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

BETWEEN: Final = b"\x00\n\x00"
"""Nothing reaches over it."""


class Together:
    """Parts, joined."""

    __slots__ = ("_starts", "data")

    def __init__(self, parts: Sequence[bytes]) -> None:
        """As ``data``, one behind the other."""
        self.data = BETWEEN.join(parts)
        self._starts = list(accumulate([len(part) + len(BETWEEN) for part in parts], initial=0))

    def parts_at(self, places: Iterable[int]) -> list[int]:
        """The parts in which these places of ``data`` are."""
        return sorted({bisect_right(self._starts, place) - 1 for place in places})
