"""Whether anything may reach over a place of a text: asked of borders, of which hardly one has anything at it.

What reaches over a place is in progress there, which the prefix closures tell of what stands before it alone (``pattern``); and
mostly nothing is. Where something is, as much of what follows is looked at as it takes to decide it, as in the guard of a stream.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, WINDOW_BYTES
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Matcher
from wardstead.inspection.patterns.together import Together

_AHEAD: Final = 64
"""So many bytes are looked at behind a place first, then four times as many."""


def may_reach(matcher: Matcher, text: str, places: Sequence[int]) -> bool:
    """Whether a match may begin before one of these ``places`` (in characters) of ``text`` and end behind it.

    INVARIANT: never no where one does. Yes also where one ends shortly before it, or is still to be decoded.
    """
    view = View(text)
    found: list[_Stretch] = []
    for at in places if len(view.data) == len(text) and text.isascii() else _in_view(view, text, places):
        if at is None:
            return True
        stretch = _in_progress(matcher, view.data, at)
        if stretch is not None:
            found.append(stretch)
    suspects = found if len(found) <= 1 else _suspects(matcher, view.data, found)
    return any(_may_match(matcher, view.data, stretch) for stretch in suspects)


def _in_view(view: View, text: str, places: Sequence[int]) -> Iterator[int | None]:
    """Where the first byte stands that comes from behind a place; ``None`` where what stands before it goes on behind it."""
    for place in places:
        before = len(text[:place].encode("utf-8", "replace"))
        at = bisect_left(range(len(view.data)), before, key=view.place)
        yield None if view.end(at) > before else at


class _Stretch(NamedTuple):
    """What began at ``begin`` may go on behind ``place``, and is decided by what stands before ``end``."""

    begin: int
    place: int
    end: int

    def with_context(self, data: bytes) -> bytes:
        return data[max(0, self.begin - CONTEXT_BYTES) : self.end]


def _in_progress(matcher: Matcher, data: bytes, place: int) -> _Stretch | None:
    """What of ``data`` decides whether something reaches over a place; nothing where nothing is in progress there."""
    begin = matcher.first_pending(data[:place], max(0, place - WINDOW_BYTES))
    if begin >= place:
        return None
    ahead = _AHEAD
    while place + ahead < len(data):
        if matcher.first_pending(data[: place + ahead], begin) >= place:
            return _Stretch(begin, place, place + ahead)
        ahead = 4 * ahead
    return _Stretch(begin, place, len(data))


def _suspects(matcher: Matcher, data: bytes, found: Sequence[_Stretch]) -> Sequence[_Stretch]:
    """Those in which something may match: mostly none, and that is known of all after one scan."""
    together = Together([one.with_context(data) for one in found])
    numbers = matcher.candidates(together.data, 0, len(together.data))
    if any(map(matcher.is_encoding, numbers)):
        return found
    starts = [
        match.start for number in numbers for match in matcher.matches(number, together.data, 0, len(together.data)).matches
    ]
    return [found[at] for at in together.parts_at(starts)]


def _may_match(matcher: Matcher, data: bytes, stretch: _Stretch) -> bool:
    part, begin = data[: stretch.end], stretch.begin
    return any(matcher.may_match(number, part, begin, stretch.place) for number in matcher.candidates(part, begin, stretch.place))
