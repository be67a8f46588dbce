"""RE2 by its own binding: the wrapper around that takes three times as long as the search of a piece of a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import re2

Find = Callable[[bytes, int], Sequence[tuple[int, int]]]
"""The first match from some place on: where it begins and ends, and so each of its groups. Below nothing where there is none."""
Tell = Callable[[bytes], bool]
"""Whether there is a match."""


def _options() -> Any:
    """For patterns of bytes."""
    chosen = re2.Options()
    chosen.encoding = re2.Options.Encoding.LATIN1
    chosen.max_mem = 64 << 20
    chosen.log_errors = False
    return chosen


Search = Callable[[Any, bytes, int, int], Sequence[tuple[int, int]]]
"""RE2's own: how it is anchored (``ANYWHERE``, ``WHOLE``), the bytes, and where in them to begin and to end."""
ANYWHERE: Final = re2._Anchor.UNANCHORED
WHOLE: Final = re2._Anchor.ANCHOR_BOTH


def searcher(pattern: str, options: Any = None) -> Search:
    """What ``finder`` calls, for what each piece of a stream calls. Raises ``re2.error`` for a pattern that is refused."""
    search: Search = re2.compile(pattern.encode(), options=options or _OPTIONS)._regexp.Match
    return search


def finder(pattern: str, options: Any = None) -> Find:
    """What finds a pattern: of bytes, where ``options`` do not say of what. Raises ``re2.error`` for one that is refused."""
    search = searcher(pattern, options)

    def find(data: bytes, begin: int) -> Any:
        return search(ANYWHERE, data, begin, len(data))

    return find


def teller(pattern: str, options: Any = None) -> Tell:
    """What tells whether a pattern occurs, without a word of where. Raises ``re2.error`` for one that is refused.

    Once RE2 knows where a match ends, it reads back to where that begins: with dozens of patterns at a time that takes hundreds
    of times as long as to find it. A match that has to begin at the beginning, with anything before, needs no such thing.
    """
    search, begin = searcher(f"(?s:.*?)(?:{pattern})", options), re2._Anchor.ANCHOR_START

    def tells(data: bytes) -> bool:
        found: bool = search(begin, data, 0, len(data))[0][0] == 0
        return found

    return tells


_OPTIONS = _options()
