"""Whether anything may reach over a place of a text: asked of borders, of which hardly one has anything at it.

What reaches over a place is in progress there, which the prefix closures tell of what stands before it alone (``pattern``); and
mostly nothing is. Where something is, as much of what follows is looked at as it takes to decide it, as in the guard of a stream.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from wardstead.inspection.patterns.catalogue import WINDOW_BYTES
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Matcher

_AHEAD: Final = 64
"""So many bytes are looked at behind a place first, then four times as many."""


def may_reach(matcher: Matcher, text: str, places: Sequence[int]) -> bool:
    """Whether a match may begin before one of these ``places`` (in characters) of ``text`` and end behind it.

    INVARIANT: never no where one does. Yes also where one ends shortly before it, or is still to be decoded.
    """
    view = View(text)
    if len(view.data) == len(text) and text.isascii():
        return any(_at(matcher, view.data, place) for place in places)
    return any(at is None or _at(matcher, view.data, at) for at in _in_view(view, text, places))


def _in_view(view: View, text: str, places: Sequence[int]) -> Iterator[int | None]:
    """Where the first byte stands that comes from behind a place; ``None`` where what stands before it goes on behind it."""
    for place in places:
        before = len(text[:place].encode("utf-8", "replace"))
        at = bisect_left(range(len(view.data)), before, key=view.place)
        yield None if view.end(at) > before else at


def _at(matcher: Matcher, data: bytes, place: int) -> bool:
    begin = matcher.first_pending(data[:place], max(0, place - WINDOW_BYTES))
    if begin >= place:
        return False
    ahead, part = _AHEAD, data
    while place + ahead < len(data):
        part = data[: place + ahead]
        if matcher.first_pending(part, begin) >= place:
            break
        ahead, part = 4 * ahead, data
    return any(matcher.may_match(number, part, begin, place) for number in matcher.candidates(part, begin))
