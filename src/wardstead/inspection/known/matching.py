"""Patterns and what a deployment knows of its own, as one ``Matcher``."""

from __future__ import annotations

from collections.abc import Sequence

from wardstead.inspection.combining import Kind
from wardstead.inspection.known.ports import Windowed
from wardstead.inspection.patterns.catalogue import Detector
from wardstead.inspection.patterns.matching import Known, Match, Matcher, Scan
from wardstead.inspection.patterns.scanning import Kept


class KnownMatcher(Matcher):
    """A ``Matcher`` whose numbers go on, after the patterns', with the lists of ``windowed``.

    A ``Windowed`` is always a candidate, by a number below zero; its places decide by themselves where they start, so its
    search has nothing to resume.
    """

    def __init__(
        self, detectors: Sequence[Detector], windowed: Sequence[Windowed], *, scan: bool = True, kept: Kept | None = None
    ) -> None:
        """See ``Matcher``."""
        super().__init__(detectors, scan=scan, kept=kept)
        self._windowed = tuple(windowed)
        self._first_lists = [len(detectors)]
        for one in windowed:
            self._first_lists.append(self._first_lists[-1] + len(one.lists))
        self._always = [-1 - at for at in range(len(self._windowed))]

    def candidates(self, data: bytes, begin: int, before: int) -> list[int]:
        """See ``Matcher.candidates``."""
        return [*self._always, *super().candidates(data, begin, before)]

    def first_pending(self, data: bytes, begin: int) -> int:
        """See ``Matcher.first_pending``."""
        return min(super().first_pending(data, begin), *(one.first_pending(data, begin) for one in self._windowed))

    def matches(self, number: int, data: bytes, begin: int, before: int, known: Known | None = None) -> Scan:
        """See ``Matcher.matches``."""
        if number >= 0:
            return super().matches(number, data, begin, before, known)
        at = -1 - number
        first = self._first_lists[at]
        places = self._windowed[at].matches(data, begin, before)
        return Scan([Match(one.start, one.end, first + one.number) for one in places], begin)


def matcher_of(
    detectors: Sequence[Detector], windowed: Sequence[Windowed], *, scan: bool = True, kept: Kept | None = None
) -> Matcher:
    """The patterns' own matcher where there is nothing else to look for."""
    return KnownMatcher(detectors, windowed, scan=scan, kept=kept) if windowed else Matcher(detectors, scan=scan, kept=kept)


def kinds_of_lists(windowed: Sequence[Windowed]) -> list[Kind]:
    """What the numbers after the patterns' find."""
    return [Kind(one.type, one.category) for each in windowed for one in each.lists]
