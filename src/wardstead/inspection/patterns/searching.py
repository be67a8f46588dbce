"""What is found in whole texts: many in one scan, for most of many hold nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Match, Matcher

_BETWEEN: Final = b"\x00\n\x00"
"""Between texts that are scanned together. Each text is then searched by itself for what was found in it."""


def matches_in(matcher: Matcher, texts: Sequence[str]) -> list[list[Match] | None]:
    """By text: its matches, as places in its UTF-8; ``None`` where a detector crashed."""
    views = [View(text) for text in texts]
    suspects = _suspects(matcher, [view.data for view in views])
    return [_found(matcher, view, suspects.get(at, ())) for at, view in enumerate(views)]


def placed(view: View, match: Match) -> Match:
    """A match in a view as one in its text."""
    return Match(view.place(match.start), view.end(match.end), match.detector, match.overlong)


def _suspects(matcher: Matcher, parts: Sequence[bytes]) -> dict[int, list[int]]:
    """By text: the detectors that may find something in it, which is looked at in that text alone afterwards.

    What matches in none of the joined texts matches in no single one: a border can only lend context from before it.
    """
    joined = _BETWEEN.join(parts) if len(parts) > 1 else parts[0] if parts else b""
    numbers = matcher.candidates(joined, 0)
    if len(parts) <= 1 or not numbers:
        return {0: numbers} if numbers else {}
    starts = list(accumulate([len(part) + len(_BETWEEN) for part in parts], initial=0))
    suspects: dict[int, list[int]] = {}
    for number in numbers:
        for at in _where(matcher, number, joined, starts):
            suspects.setdefault(at, []).append(number)
    return suspects


def _where(matcher: Matcher, number: int, joined: bytes, starts: Sequence[int]) -> Iterable[int]:
    try:
        found = matcher.matches(number, joined, 0, len(joined)).matches
    except Exception:  # noqa: BLE001 -- it will crash again, in the text that makes it crash
        return range(len(starts) - 1)
    return sorted({bisect_right(starts, match.start) - 1 for match in found})


def _found(matcher: Matcher, view: View, numbers: Iterable[int]) -> list[Match] | None:
    try:
        return [placed(view, one) for number in numbers for one in matcher.matches(number, view.data, 0, len(view.data)).matches]
    except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
        return None
