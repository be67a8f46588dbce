"""Findings that mean more together: a name with a diagnosis, twenty people in one text.

Read from the beginning of a text to its end, and each finding is looked at once, with those before it: so a text that arrives in
pieces comes to the same as the whole, and it is the finding that completes a combination which is taken out or stops the text.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from wardstead.inspection.policy import Combination


@dataclass(frozen=True, slots=True)
class Kind:
    """What a detector calls its findings."""

    type: str
    category: str


class Combinations:
    """The combinations of a policy over numbered kinds of findings. Immutable: ``begin`` starts on a text."""

    __slots__ = ("all", "places")

    def __init__(self, combinations: Sequence[Combination], kinds: Sequence[Kind]) -> None:
        """``kinds`` in the order of the detectors' numbers."""
        self.all = tuple(combinations)
        self.places = [self._places(kind) for kind in kinds]
        """By number: in which combinations such a finding counts, and for which of their terms (the first that takes it)."""

    def _places(self, kind: Kind) -> tuple[tuple[int, int], ...]:
        found = []
        for number, one in enumerate(self.all):
            term = next((at for at, term in enumerate(one.terms) if term.takes(kind.type, kind.category)), None)
            if term is not None:
                found.append((number, term))
        return tuple(found)

    def begin(self) -> Tracker | None:
        """What follows one text; ``None`` where there is nothing to follow."""
        return Tracker(self) if self.all else None


class Tracker:
    """What has been found in one text so far and is still in it. Places are characters, and never go back."""

    __slots__ = ("_combinations", "_seen")

    def __init__(self, combinations: Combinations) -> None:
        """Made by ``Combinations.begin``."""
        self._combinations = combinations
        # For each term of each combination: where each value began last, the least recent first.
        self._seen: list[list[OrderedDict[bytes, int]]] = [[OrderedDict() for _ in one.terms] for one in combinations.all]

    def completed(self, kind: int, end: int, value: bytes) -> list[Combination]:
        """The combinations that a finding completes with what was noted before it."""
        return [
            self._combinations.all[number]
            for number, term in self._combinations.places[kind]
            if self._is_complete(number, term, end, value)
        ]

    def _is_complete(self, number: int, own: int, end: int, value: bytes) -> bool:
        one = self._combinations.all[number]
        for at, (term, seen) in enumerate(zip(one.terms, self._seen[number], strict=True)):
            if one.within:
                _forget(seen, end - one.within)
            extra = at == own and value not in seen
            if len(seen) + extra < term.count:
                return False
        return True

    def note(self, kind: int, start: int, value: bytes) -> None:
        """A finding that stays in the text counts from now on."""
        for number, term in self._combinations.places[kind]:
            one, seen = self._combinations.all[number], self._seen[number][term]
            if value in seen:
                seen.move_to_end(value)
            elif not one.within and len(seen) >= one.terms[term].count:
                continue  # more of them say nothing new
            seen[value] = start


def _forget(seen: OrderedDict[bytes, int], before: int) -> None:
    """Drop what began before a place: nothing that follows can be near enough to it."""
    while seen and next(iter(seen.values())) < before:
        seen.popitem(last=False)
