"""Finding matches: ``candidates`` tells which patterns may occur at all, RE2 where, validators whether they are real.

Everything here works on bytes, those of a ``View``. A match at a given start is RE2's leftmost-first one; after a candidate
that is not real, the search goes on one byte later, after a real one at its end. So a start decides by itself, which is
what makes the streamed and the whole result equal. (An encoded run is searched on from its end, real or not, for nothing but
its bound ends it.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import hyperscan
import msgspec
import re2

from wardstead.inspection.patterns.candidates import Candidates
from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, CREDENTIALS, DOCUMENTED, Detector
from wardstead.inspection.patterns.context import Context
from wardstead.inspection.patterns.encoded import Encoding, encodings, is_row
from wardstead.inspection.patterns.finding import Find, finder
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.progress import Progress
from wardstead.inspection.patterns.scanning import Kept
from wardstead.inspection.patterns.together import Together
from wardstead.inspection.validators import VALIDATORS, Validator
from wardstead.inspection.validators.active_content import untrusted
from wardstead.inspection.validators.credentials import undocumented
from wardstead.kernel.errors import ConfigurationError

DEPTH: Final = 2
"""What is encoded in what was encoded is found; deeper it is not."""


class Match(msgspec.Struct, frozen=True, order=True, gc=False):
    """``[start, end)`` in bytes is what ``detector`` (its number) looks for. ``overlong``: the secret goes on."""

    start: int
    end: int
    detector: int
    overlong: bool = False
    score: float = 1.0
    """How sure the detector is."""


_Run = tuple[int, int, bytes, bytes]
"""The number of an encoding, how deep is read, what stands before a run where that counts, and the run."""
Known = dict[_Run, tuple[tuple[int, bool], ...]]
"""By run: the detectors that find something in it, and whether that goes on."""


class Scan(msgspec.Struct, frozen=True):
    """The matches of one detector, and where its search is to go on."""

    matches: list[Match]
    resume: int


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One detector, ready to run. The last group of its pattern, if any, is the part that is the secret."""

    find: Find
    validator: Validator | None
    context: Context | None
    overlong: re.Pattern[bytes] | None
    not_behind: re.Pattern[bytes] | None

    def is_behind(self, data: bytes, start: int) -> bool:
        """Whether what begins at ``start`` goes on from what stands before it."""
        return self.not_behind is not None and self.not_behind.search(data[max(0, start - CONTEXT_BYTES) : start]) is not None


class Matcher:
    """All detectors, compiled. Safe for threads."""

    def __init__(self, detectors: Sequence[Detector], *, scan: bool = True, kept: Kept | None = None) -> None:
        """Compile, or take from ``kept`` what was compiled before. Raises ``ConfigurationError`` for a pattern that is refused.

        Without ``scan`` every detector is a candidate for every text: the same matches, slower for each text, and ready
        in a tenth of the time. Guards need it.
        """
        self.detectors = tuple(detectors)
        self._scan = scan
        self._runs = encodings(self.detectors)
        self._first_run = len(self.detectors)
        everything = (*self.detectors, *(one.looks for one in self._runs))
        self._everything = list(range(len(everything)))
        try:
            documented = _documented(self.detectors)
            self._compiled = [_compile(one, documented) for one in self.detectors]
            if scan:
                self._candidates = Candidates(everything, kept)
                self._progress = Progress(everything, self._candidates.words)
        except (re2.error, hyperscan.error) as error:
            raise ConfigurationError("a detector's pattern is refused", where="detectors", why=str(error)) from None

    def candidates(self, data: bytes, begin: int, before: int) -> list[int]:
        """The detectors that may have a match that starts in ``[begin, before)``: none is left out."""
        return self._candidates.of(data, begin, before) if self._scan else self._everything

    def first_pending(self, data: bytes, begin: int) -> int:
        """The first place from ``begin`` on where a match may be in progress at the end of ``data``."""
        return self._progress.first(data, begin)

    def matches(self, number: int, data: bytes, begin: int, before: int, known: Known | None = None) -> Scan:
        """The real matches of one detector whose pattern starts in ``[begin, before)`` of ``data``.

        ``known``: what was seen in encoded runs of texts that are looked at together, which may hold the same again and again.
        """
        if number >= self._first_run:
            return self._in_runs(number, data, (begin, before), DEPTH, {} if known is None else known)
        one, found = self._compiled[number], []
        context = one.context
        while begin < before:
            if context is not None:
                begin = context.next_start(data, begin, before)
            spans = one.find(data, begin)
            match_start, match_end = spans[0]
            if not 0 <= match_start < before:
                break
            start, end = spans[-1]
            real = 0
            if context is None or context.stands_before(data, match_start):
                real = end - start if one.validator is None else one.validator(data[start:end])
            if not real or one.is_behind(data, match_start):
                begin = match_start + 1
                continue
            whole = real == end - start
            overlong = whole and one.overlong is not None and one.overlong.match(data, match_end) is not None
            found.append(Match(start, start + real, number, overlong))
            begin = match_end if whole else start + real
        return Scan(found, begin)

    def may_match(self, number: int, data: bytes, begin: int, before: int) -> bool:
        """Whether one detector may have a match that starts in ``[begin, before)``, wherever its search came from."""
        # How runs are cut depends on where the first begins: only reading them all would tell.
        return self.is_encoding(number) or bool(self.matches(number, data, begin, before).matches)

    def apart(self, number: int, data: bytes, start: int) -> int:
        """How many bytes stand between a match of one detector and the context word nearest to it; 0 for one without."""
        context = self._compiled[number].context
        return 0 if context is None else context.apart(data, start)

    def is_encoding(self, number: int) -> bool:
        """Whether this is no detector, but looks for runs that may be encoded."""
        return number >= self._first_run

    def _in_runs(self, number: int, data: bytes, within: tuple[int, int], depth: int, known: Known) -> Scan:
        """The runs of one encoding that hold a match: for each detector that has one there, the run is its match."""
        one = self._runs[number - self._first_run]
        begin, before = within
        runs: list[tuple[int, int, _Run]] = []
        while begin < before:
            span = one.search(data, begin)
            if span is None or span[0] >= before:
                break
            start, begin = span
            context = data[max(0, start - CONTEXT_BYTES) : start] if one.spaced else b""
            runs.append((start, begin, (number, depth, context, data[start:begin])))
        unknown = [run for run in dict.fromkeys([run for _, _, run in runs]) if run not in known]
        for at in range(0, len(unknown), _AT_ONCE):
            self._read(one, unknown[at : at + _AT_ONCE], depth, known)
        return Scan(
            [Match(start, end, inside, overlong) for start, end, run in runs for inside, overlong in known[run]],
            begin,
        )

    def _read(self, one: Encoding, runs: Sequence[_Run], depth: int, known: Known) -> None:
        """Note of runs which detectors find something in what they spell behind their context, and whether it goes on."""
        known.update(dict.fromkeys(runs, ()))
        if not one.may_spell([run for _, _, _, run in runs]):
            return
        readings: list[tuple[_Run, bool]] = []
        parts: list[bytes] = []
        for key in runs:
            _, _, context, run = key
            for text in one.read(run):
                readings.append((key, one.spaced and is_row(run, text)))
                parts.append(context + (text.encode() if one.spaced else View(text).data))
        found: dict[_Run, dict[int, bool]] = {}
        for at, matches in self._inside(parts, depth, known):
            key, row = readings[at]
            least = len(key[2])
            for match in matches:
                if match.end > least and not (row and self._compiled[match.detector].context is None):
                    said = found.setdefault(key, {})
                    said[match.detector] = said.get(match.detector, False) or match.overlong
        known.update((key, tuple(sorted(said.items()))) for key, said in found.items())

    def _inside(self, parts: Sequence[bytes], depth: int, known: Known) -> Iterator[tuple[int, list[Match]]]:
        """The matches in each of what runs spell, where there are any."""
        if len(parts) == 1:
            yield 0, self._in_part(parts[0], self.candidates(parts[0], 0, len(parts[0])), depth, known)
        elif parts:
            together = Together(parts)
            suspects: dict[int, list[int]] = {}
            for number in self.candidates(together.data, 0, len(together.data)):
                for at in together.parts_at([match.start for match in self._in_part(together.data, [number], depth, known)]):
                    suspects.setdefault(at, []).append(number)
            for at, numbers in suspects.items():
                yield at, self._in_part(parts[at], numbers, depth, known)

    def _in_part(self, data: bytes, numbers: Iterable[int], depth: int, known: Known) -> list[Match]:
        found: list[Match] = []
        for number in numbers:
            if number < self._first_run:
                found += self.matches(number, data, 0, len(data)).matches
            elif depth > 1:
                found += self._in_runs(number, data, (0, len(data)), depth - 1, known).matches
        return found


_AT_ONCE: Final = 64
"""So many runs are read together: what one of them spells costs the others a look at each."""


def _documented(detectors: Iterable[Detector]) -> re.Pattern[bytes] | None:
    """What matches a key that a manual prints."""
    patterns = [one.pattern for one in detectors if one.category == DOCUMENTED]
    return re.compile("|".join(patterns).encode()) if patterns else None


def _validator(detector: Detector, documented: re.Pattern[bytes] | None) -> Validator | None:
    validator = VALIDATORS[detector.validator] if detector.validator else None
    if documented and detector.category == CREDENTIALS:
        return undocumented(validator or len, documented)
    return untrusted(validator, detector.trusted) if validator and detector.trusted else validator


def _compile(detector: Detector, documented: re.Pattern[bytes] | None) -> _Compiled:
    return _Compiled(
        finder(detector.pattern),
        _validator(detector, documented),
        Context(detector.context) if detector.context else None,
        re.compile(detector.overlong.encode()) if detector.overlong else None,
        re.compile(f"(?:{detector.not_behind})\\Z".encode()) if detector.not_behind else None,
    )
