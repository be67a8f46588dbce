"""Finding matches: Hyperscan tells which patterns occur at all, RE2 where, validators whether they are real.

Everything here works on UTF-8 bytes, after ``opened``. A match at a given start is RE2's leftmost-first one; after a
candidate that is not real, the search goes on one byte later, after a real one at its end. So a start decides by itself,
which is what makes the streamed and the whole result equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hyperscan
import msgspec
import re2

from wardstead.inspection.catalogue import CONTEXT_BYTES, Detector
from wardstead.inspection.validators import VALIDATORS, Validator
from wardstead.kernel.errors import ConfigurationError


class Match(msgspec.Struct, frozen=True, order=True, gc=False):
    """``[start, end)`` in bytes is what ``detector`` (its number) looks for. ``overlong``: the secret goes on."""

    start: int
    end: int
    detector: int
    overlong: bool = False


class Scan(msgspec.Struct, frozen=True):
    """The matches of one detector, and where its search is to go on."""

    matches: list[Match]
    resume: int


def opened(data: bytes) -> bytes:
    """``data`` with the escapes ``\\n``, ``\\r`` and ``\\t`` as white space of the same length: what is searched.

    JSON, source code and logs stand in texts escaped, and the letter of an escape would else be the beginning of a word:
    ``\\nAKIA…`` has no boundary before the key. Lengths and places stay what they are.
    """
    if b"\\" not in data:
        return data
    return data.replace(b"\\n", b"\n ").replace(b"\\r", b"\r ").replace(b"\\t", b"\t ")


class _Context:
    """Words of which one must stand to the left of a match."""

    __slots__ = ("_shortest", "_whole", "_word")

    def __init__(self, words: Sequence[str], options: Any) -> None:
        # RE2: a list of hundreds of words takes it no longer than one.
        anywhere = "|".join(map(re.escape, words))
        self._whole = re2.compile("|".join(_standing(word) for word in words).encode(), options=options)
        self._word = re2.compile(f"(?i:{anywhere})".encode(), options=options)
        self._shortest = min(map(len, words))

    def stands_before(self, data: bytes, start: int) -> bool:
        """Whether a word is near enough to a match at ``start``."""
        return self._whole.search(data[max(0, start - CONTEXT_BYTES) : start]) is not None

    def next_start(self, data: bytes, begin: int, before: int) -> int:
        """Where the next match could start: else each byte of a long token would be tried. ``before`` for nowhere."""
        word = self._word.search(data[max(0, begin - CONTEXT_BYTES) : before])
        return before if word is None else max(begin, max(0, begin - CONTEXT_BYTES) + word.start() + self._shortest)


def _standing(word: str) -> str:
    """The pattern of a whole word, or "sin" would be found in "using". Here an underscore parts words, and so does a capital
    after a small letter or a digit: aws_secret_access_key, awsSecretAccessKey.
    """
    first, middle, last = re.escape(word[0]), re.escape(word[1:-1]), re.escape(word[-1])
    begin = f"(?:\\A|[^0-9A-Za-z])(?i:{first})" + (f"|[0-9a-z]{first.upper()}" if first.isalpha() else "")
    end = f"(?i:{last})(?:[^0-9A-Za-z]|\\z)" + (f"|{last.lower()}[A-Z]" if last.isalpha() else "")
    return f"(?:{begin})(?i:{middle})(?:{end})"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One detector, ready to run. ``group`` is the part of the pattern that is the secret."""

    search: Any
    group: int
    validator: Validator | None
    context: _Context | None
    overlong: re.Pattern[bytes] | None


class Matcher:
    """All detectors, compiled. Safe for threads."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """Compile. Raises ``ConfigurationError`` for a pattern that an engine refuses."""
        self.detectors = tuple(detectors)
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = 64 << 20
        options.log_errors = False
        try:
            self._compiled = [_compile(one, options) for one in detectors]
            closure = "|".join(dict.fromkeys(one.prefixes for one in detectors))
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
        # Two scans at a time must not share their scratch space: each takes one, and puts it back.
        self._scratches = [hyperscan.Scratch(self._database)]

    def candidates(self, data: bytes) -> list[int]:
        """The detectors whose pattern occurs somewhere in ``data``: none is left out."""
        hits: list[int] = []
        try:
            scratch = self._scratches.pop()
        except IndexError:
            scratch = hyperscan.Scratch(self._database)
        self._database.scan(data, match_event_handler=_note, context=hits, scratch=scratch)
        self._scratches.append(scratch)
        return sorted(hits)

    def matches(self, number: int, data: bytes, begin: int, before: int) -> Scan:
        """The real matches of one detector whose pattern starts in ``[begin, before)`` of ``data``."""
        one, found = self._compiled[number], []
        context = one.context
        while begin < before:
            if context is not None:
                begin = context.next_start(data, begin, before)
            match = one.search(data, begin)
            if match is None or match.start() >= before:
                break
            start, end = match.span(one.group)
            real = 0
            if context is None or context.stands_before(data, match.start()):
                real = end - start if one.validator is None else one.validator(data[start:end])
            if not real:
                begin = match.start() + 1
                continue
            whole = real == end - start
            overlong = whole and one.overlong is not None and one.overlong.match(data, match.end()) is not None
            found.append(Match(start, start + real, number, overlong))
            begin = match.end() if whole else start + real
        return Scan(found, begin)


def _note(number: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(number)


def _compile(detector: Detector, options: Any) -> _Compiled:
    pattern = re2.compile(detector.pattern.encode(), options=options)
    return _Compiled(
        pattern.search,
        pattern.groups,
        VALIDATORS[detector.validator] if detector.validator else None,
        _Context(detector.context, options) if detector.context else None,
        re.compile(detector.overlong.encode()) if detector.overlong else None,
    )
