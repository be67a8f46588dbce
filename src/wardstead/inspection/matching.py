"""Finding matches: Hyperscan tells which patterns occur at all, RE2 where, validators whether they are real.

Everything here works on UTF-8 bytes. A match at a given start is RE2's leftmost-first one; after a candidate that is
not real, the search goes on one byte later, after a real one at its end. So a start decides by itself, which is what
makes the streamed and the whole result equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hyperscan
import re2

from wardstead.inspection.catalogue import CONTEXT_BYTES, Detector
from wardstead.kernel.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Match:
    """``[start, end)`` in bytes is what ``detector`` looks for. ``overlong``: it fills its bound and may go on."""

    start: int
    end: int
    detector: int
    overlong: bool = False


class Matcher:
    """All detectors, compiled. Immutable after construction; each instance is for one thread."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """Compile. Raises ``ConfigurationError`` for a pattern that an engine refuses."""
        self.detectors = tuple(detectors)
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = 64 << 20
        options.log_errors = False
        try:
            self._exact = [re2.compile(one.pattern.encode(), options=options) for one in detectors]
            closure = "|".join(one.prefixes for one in detectors)
            self.pending = re2.compile(f"(?:{closure})\\z".encode(), options=options)
        except re2.error as error:
            raise ConfigurationError("a detector's pattern is refused", where="detectors", why=str(error)) from None
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
        try:
            self._database.compile(
                expressions=[one.pattern.encode() for one in detectors],
                ids=list(range(len(detectors))),
                elements=len(detectors),
                flags=[flags] * len(detectors),
            )
        except hyperscan.error as error:
            raise ConfigurationError("a detector's pattern is refused", where="detectors", why=str(error)) from None
        self._hits: list[int] = []
        # Hyperscan keeps no reference to its callback: without this one the next scan would crash.
        self._on_match = self._note

    def _note(self, number: int, _start: int, _end: int, _flags: int, _context: Any = None) -> None:
        self._hits.append(number)

    def candidates(self, data: bytes) -> list[int]:
        """The detectors whose pattern occurs somewhere in ``data``: none is left out."""
        self._hits.clear()
        self._database.scan(data, match_event_handler=self._on_match)
        return sorted(self._hits)

    def matches(self, number: int, data: bytes, begin: int, before: int) -> list[Match]:
        """The real matches of one detector that start in ``[begin, before)`` of ``data``."""
        detector, found = self.detectors[number], []
        search = self._exact[number].search
        while begin < before:
            match = search(data, begin)
            if match is None or match.start() >= before:
                break
            start, end = match.span()
            if self._real(detector, data, start, end):
                found.append(Match(start, end, number, detector.overlong and end - start >= detector.width))
                begin = max(end, start + 1)
            else:
                begin = start + 1
        return found

    @staticmethod
    def _real(detector: Detector, data: bytes, start: int, end: int) -> bool:
        if detector.context:
            left = data[max(0, start - CONTEXT_BYTES) : start].lower()
            if not any(word in left for word in detector.context):
                return False
        return detector.validator is None or detector.validator(data[start:end])
