"""Where at the end of what has arrived a match may be in progress: the prefix closures (``pattern``), searched together.

What began before the last word was in progress at its beginning. So it is looked for there, at a blank or a sign, where hardly
anything is: RE2 reads back from there and gives up at once. Searched at the end, where every value may be going on in whatever
the last word is, the same automaton has a state for each word of a new text, and makes more of them than memory holds. What is in
progress there is then followed to the end from where it began, by which few of all have begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wardstead.inspection.patterns.candidates import Words, mask_of, numbers_of
from wardstead.inspection.patterns.catalogue import ACTIVE_CONTENT, CONTEXT_BYTES, ENCODED, Detector
from wardstead.inspection.patterns.finding import ANYWHERE, WHOLE, Search, searcher
from wardstead.inspection.patterns.needs import Need
from wardstead.inspection.patterns.pattern import WORD

_APART: Final = {ACTIVE_CONTENT, ENCODED}
"""The categories whose closures have an automaton to themselves: what is alike begins alike, and makes few states."""
_MARKS: Final = b"\"'`<\x1b\r\n"
"""Markup in the middle of a word is part of a word, or holds one of these."""
_BEFORE: Final = CONTEXT_BYTES - 1
_TRIES: Final = 8
"""So many beginnings are followed one by one: of a long row of digits, each could be one."""


class Progress:
    """The prefix closures of patterns, compiled. Safe for threads."""

    def __init__(self, detectors: Sequence[Detector], words: Words) -> None:
        """``words``: those of all that need context. Raises ``re2.error`` for a closure that is refused."""
        closed = {number: one for number, one in enumerate(detectors) if one.prefixes}
        bound = {number: one for number, one in closed.items() if one.context}
        free = [one for one in closed.values() if not one.context]
        others = [one for one in free if one.category not in _APART]
        apart = [one for one in free if one.category in _APART]
        self._apart = _in_progress(one for one in apart if one.need is not Need.MARKUP)
        self._markup = _in_progress(one for one in apart if one.need is Need.MARKUP)
        self._others = _in_progress(others)
        self._others_or_bound = _in_progress([*others, *bound.values()])
        self._bound = {number: _in_progress([one]) for number, one in bound.items()}
        self._mask = mask_of(bound)
        self._words = words

    def first(self, data: bytes, begin: int) -> int:
        """The first place from ``begin`` on where a match may be in progress at the end of ``data``."""
        low = begin - 1 if begin > 1 else 0
        part = data[low:]
        begin -= low
        # A pattern without a closure is part of a word, and waits for its end.
        first = end = len(part.rstrip(WORD))
        if end <= begin:
            return low + begin
        before = part[:end]
        marked = len(before.translate(None, _MARKS)) < end
        for search in (self._apart, self._markup) if marked else (self._apart,):
            at = search(ANYWHERE, before, begin, end)[0][0]
            if 0 <= at < first:
                first = _followed(search, part, end, at, first)
        # In a text that holds nothing, mostly nothing at all is in progress, with context or without.
        if 0 <= self._others_or_bound(ANYWHERE, before, begin, end)[0][0] < first:
            having = self._words.lent(data[low - _BEFORE :] if low > _BEFORE else data) & self._mask
            for search in (self._others, *(self._bound[number] for number in numbers_of(having))):
                at = search(ANYWHERE, before, begin, end)[0][0]
                if 0 <= at < first:
                    first = _followed(search, part, end, at, first)
        return low + first


def _in_progress(some: Iterable[Detector]) -> Search:
    """What finds the first place at which a match of any of these reaches to the end."""
    return searcher(f"(?:{'|'.join(one.prefixes for one in some)})\\z")


def _followed(search: Search, part: bytes, end: int, at: int, first: int) -> int:
    """Where one begins, before ``first``, that is in progress at the end of ``part``; else ``first``.

    ``at``: where the first begins that was in progress at ``end``.
    """
    before, size = part[:end], len(part)
    for _ in range(_TRIES):
        if search(WHOLE, part, at, size)[0][0] >= 0:
            return at
        at = search(ANYWHERE, before, at + 1, end)[0][0]
        if not 0 <= at < first:
            return first
    at = search(ANYWHERE, part, at, size)[0][0]
    return at if 0 <= at < first else first
