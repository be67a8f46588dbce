"""What is found in whole texts: many in one scan, for most of many hold nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Known, Match, Matcher
from wardstead.inspection.patterns.together import Together

_SMALL: Final = 4096
"""Of a text that is larger, a look of its own costs little, and what is found in it need not be looked for twice."""


def matches_in(matcher: Matcher, texts: Sequence[str]) -> list[list[Match] | None]:
    """By text: its matches, as places in its UTF-8; ``None`` where a detector crashed."""
    views = [View(text) for text in texts]
    known: Known = {}
    suspects = _suspects(matcher, [view.data for view in views], known)
    return [_found(matcher, view, suspects.get(at, ()), known) for at, view in enumerate(views)]


def placed(view: View, match: Match) -> Match:
    """A match in a view as one in its text."""
    return Match(view.place(match.start), view.end(match.end), match.detector, match.overlong)


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
