"""What is found in whole texts: many in one scan, for most of many hold nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, WINDOW_BYTES
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Known, Match, Matcher
from wardstead.inspection.patterns.together import Together

_SMALL: Final = 4096
"""Of a text that is larger, a look of its own costs little, and what is found in it need not be looked for twice."""
BLOCK_BYTES: Final = 1 << 20
"""So much of a long text is looked at at once: what is found in it need not be kept for all of it."""


def matches_in(matcher: Matcher, texts: Sequence[str]) -> list[list[Match] | None]:
    """By text: its matches, as places in its UTF-8; ``None`` where a detector crashed."""
    views = [View(text) for text in texts]
    known: Known = {}
    suspects = _suspects(matcher, [view.data for view in views], known)
    return [_found(matcher, view, suspects.get(at, ()), known) for at, view in enumerate(views)]


def placed(view: View, match: Match, first: int = 0) -> Match:
    """A match in a view, or in what begins at its byte ``first``, as one in its text."""
    return Match(view.place(match.start + first), view.end(match.end + first), match.detector, match.overlong)


def blocks(matcher: Matcher, view: View, size: int = BLOCK_BYTES) -> Iterator[tuple[list[Match], int]]:
    """The matches in a view, block by block, as places in its text; and where in it every match not given yet starts at least.

    How it is cut makes no difference: a start decides by itself, by the context before it and one window from it on.
    """
    data, begin, resume = view.data, 0, dict[int, int]()
    while True:
        before = min(begin + size, len(data))
        first = max(0, begin - CONTEXT_BYTES)
        part = data[first : before + 2 * WINDOW_BYTES]
        found: list[Match] = []
        for number in matcher.candidates(part, begin - first, before - first):
            scan = matcher.matches(number, part, max(begin, resume.get(number, 0)) - first, before - first)
            resume[number] = scan.resume + first
            found += [placed(view, one, first) for one in scan.matches]
        last = before == len(data)
        yield found, len(view.text) if last else view.place(before)
        if last:
            return
        begin = before


def _suspects(matcher: Matcher, parts: Sequence[bytes], known: Known) -> dict[int, list[int]]:
    """By text: the detectors that may find something in it, which is looked at in that text alone afterwards."""
    if len(parts) <= 1:
        numbers = matcher.candidates(parts[0], 0, len(parts[0])) if parts else []
        return {0: numbers} if numbers else {}
    suspects: dict[int, list[int]] = {}
    small: list[int] = []
    for at, part in enumerate(parts):
        if len(part) <= _SMALL:
            small.append(at)
        elif numbers := matcher.candidates(part, 0, len(part)):
            suspects[at] = numbers
    if small:
        together = Together([parts[at] for at in small])
        for number in matcher.candidates(together.data, 0, len(together.data)):
            for at in _where(matcher, number, together, len(small), known):
                suspects.setdefault(small[at], []).append(number)
    return suspects


def _where(matcher: Matcher, number: int, together: Together, parts: int, known: Known) -> Iterable[int]:
    data = together.data
    try:
        found = matcher.matches(number, data, 0, len(data), known).matches
    except Exception:  # noqa: BLE001 -- it will crash again, in the text that makes it crash
        return range(parts)
    return together.parts_at([match.start for match in found])


def _found(matcher: Matcher, view: View, numbers: Iterable[int], known: Known) -> list[Match] | None:
    data = view.data
    try:
        return [placed(view, one) for number in numbers for one in matcher.matches(number, data, 0, len(data), known).matches]
    except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
        return None
