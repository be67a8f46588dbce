"""Where at the end of what has arrived a match may be in progress: the prefix closures (``pattern``), searched together.

One automaton would tell it with one search. But its states are the combinations of all that may have begun, and RE2 makes
each as the first text needs it. With passwords, addresses and numbers in one, nearly every piece of a text of a new kind needs
new ones, for more than memory holds: 270 µs a chunk. What is alike begins alike: three automata have few states, and cost
a search each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from wardstead.inspection.patterns.candidates import mask_of, numbers_of
from wardstead.inspection.patterns.catalogue import ACTIVE_CONTENT, CREDENTIALS, ENCODED, Detector
from wardstead.inspection.patterns.finding import ANYWHERE, Find, finder, searcher
from wardstead.inspection.patterns.pattern import WORD

_APART: Final = ({CREDENTIALS}, {ACTIVE_CONTENT, ENCODED})
"""The categories whose closures have an automaton to themselves; the others share one."""
_UNIONS: Final = 1024


class Progress:
    """The prefix closures of patterns, compiled. Safe for threads."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """Raises ``re2.error`` for a closure that is refused."""
        closed = {number: one for number, one in enumerate(detectors) if one.prefixes}
        apart: list[dict[int, Detector]] = [{} for _ in (*_APART, None)]
        for number, one in closed.items():
            at = next((at for at, some in enumerate(_APART) if one.category in some), -1)
            apart[at][number] = one
        groups = [some for some in apart if some]
        self._groups = [(searcher(_at_the_end(one.prefixes for one in some.values())), _Group(some)) for some in groups]

    def first(self, data: bytes, begin: int, lent: Callable[[], int]) -> int:
        """The first place from ``begin`` on where a match may be in progress at the end of ``data``.

        ``lent`` is asked for the patterns that have context there, a bit for each: where it matters.
        """
        low = begin - 1 if begin > 1 else 0
        part = data[low:]
        size, begin = len(part), begin - low
        # A pattern without a closure is part of a word, and waits for its end.
        first = len(part.rstrip(WORD))
        for search, group in self._groups:
            if first <= begin:
                break
            # In a text that holds nothing, mostly nothing at all is in progress.
            at = search(ANYWHERE, part, begin, size)[0][0]
            if 0 <= at < first:
                first = min(first, group.exactly(part, begin, lent, at))
        return low + max(first, begin)


class _Group:
    """Closures that share an automaton."""

    def __init__(self, some: Mapping[int, Detector]) -> None:
        self._bound = {number: one.prefixes for number, one in some.items() if one.context}
        self._mask = mask_of(self._bound)
        self._free = _in_progress([one.prefixes for one in some.values() if not one.context])
        self._unions: dict[int, Find] = {}

    def exactly(self, part: bytes, begin: int, lent: Callable[[], int], at: int) -> int:
        """The first place in ``part`` where one is in progress that needs no context, or has it; ``at``: where any one is."""
        if not self._bound:
            return at
        free = self._free(part, begin)[0][0]
        if free == at:
            return at
        having = lent() & self._mask
        bound = self._of(having)(part, begin)[0][0] if having else -1
        return min((one for one in (free, bound) if one >= 0), default=len(part))

    def _of(self, lent: int) -> Find:
        """What finds a match in progress of those that have context."""
        union = self._unions.get(lent)
        if union is None:
            if len(self._unions) >= _UNIONS:
                self._unions.clear()
            union = self._unions[lent] = _in_progress([self._bound[number] for number in numbers_of(lent)])
        return union


def _in_progress(closures: Iterable[str]) -> Find:
    """What finds the first place at which a match of any of these closures reaches to the end."""
    either = list(closures)
    return finder(_at_the_end(either)) if either else _nowhere


def _at_the_end(closures: Iterable[str]) -> str:
    return f"(?:{'|'.join(closures)})\\z"


def _nowhere(_data: bytes, _begin: int) -> Sequence[tuple[int, int]]:
    return [(-1, -1)]
