"""The stream guard: releases a text piece by piece, and never a part of what a detector would find.

At every moment the bytes are divided in three: released; decided (every match that starts there is known, but one that
overlaps the rest keeps it waiting); and open, from the first byte where a match may be in progress. That byte is found
by the prefix closure of all patterns, searched at the end of what has arrived (``pattern``).

INVARIANT: text, findings and verdict equal ``PolicyInspector.inspect`` of the whole, however it was cut (tests/inspection).
INVARIANT: at most twice ``WINDOW_BYTES`` is held back, and never because of time: what is open begins within one window of
the end, and a cluster that waits for it is no longer than another.
"""

from __future__ import annotations

from typing import Final

from wardstead.inspection.catalogue import CONTEXT_BYTES, WINDOW_BYTES
from wardstead.inspection.matching import Match, Matcher, opened
from wardstead.inspection.ports import Released
from wardstead.inspection.verdict import Case, Cluster, char_count, char_offsets, clusters, failed
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label

_NOTHING: Final = Released("")
_TRIM_BYTES: Final = 1024


class PatternGuard:
    """A ``StreamGuard``. Offsets inside are bytes in the buffer, which begins with released text kept as left context."""

    __slots__ = (
        "_buffer", "_case", "_chars", "_decided", "_half", "_label",
        "_matcher", "_over", "_released", "_resume", "_view", "_waiting",
    )  # fmt: skip

    def __init__(self, matcher: Matcher, case: Case) -> None:
        """Made by ``PolicyInspector.guard``."""
        self._matcher = matcher
        self._case = case
        self._buffer = b""
        self._view = b""  # the same, its escapes opened: what is searched
        self._half = b""
        self._released = 0
        self._decided = 0
        self._chars = 0  # characters of the text before the buffer
        self._resume: dict[int, int] = {}  # by detector: where its search goes on, if beyond what is decided
        self._waiting: list[Match] = []
        self._over = False
        self._label: Label = PUBLIC

    @property
    def label(self) -> Label:
        """The join of the labels of everything found so far that stays in the text."""
        return self._label

    def feed(self, piece: str) -> Released:
        """See ``StreamGuard.feed``."""
        if self._over or not piece:
            return _NOTHING
        try:
            self._take_in(self._half + piece.encode("utf-8", "replace"))
            lent = self._matcher.lent(self._view, self._decided)
            return self._advance(self._first_open(lent), lent)
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return self._fail()

    def finish(self) -> Released:
        """See ``StreamGuard.finish``."""
        if self._over:
            return _NOTHING
        try:
            self._buffer += self._half
            self._view += self._half
            released = self._advance(len(self._buffer), self._matcher.lent(self._view, self._decided))
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return self._fail()
        self._over = True
        return released

    def _take_in(self, data: bytes) -> None:
        """A backslash at the very end waits for what it escapes."""
        self._half = b"\\" if data.endswith(b"\\") else b""
        data = data[:-1] if self._half else data
        self._buffer += data
        self._view += opened(data)

    def _fail(self) -> Released:
        self._over = True
        return Released("", (failed(self._chars + char_count(self._buffer)),), Action.BLOCK)

    def _first_open(self, lent: frozenset[int]) -> int:
        """Where a match may be in progress, so that what starts there is not decided yet."""
        first = self._matcher.first_pending(self._view, self._decided, lent)
        return max(first, len(self._view) - WINDOW_BYTES, self._decided)

    def _advance(self, first_open: int, lent: frozenset[int]) -> Released:
        """Decide every start before ``first_open``; release what no match can reach any more."""
        if first_open > self._decided:
            for number in self._matcher.candidates(self._view, self._decided, lent):
                begin = max(self._decided, self._resume.get(number, 0))
                scan = self._matcher.matches(number, self._view, begin, first_open)
                self._waiting += scan.matches
                self._resume[number] = scan.resume
            self._decided = first_open
        if self._waiting:
            return self._settle(first_open)
        text = self._take(first_open)
        self._trim()
        return Released(text.decode("utf-8")) if text else _NOTHING

    def _take(self, end: int) -> bytes:
        """Release up to the last character border at or before ``end``."""
        while self._released < end < len(self._buffer) and self._buffer[end] & 0xC0 == 0x80:
            end -= 1
        text = self._buffer[self._released : end]
        self._released += len(text)
        return text

    def _settle(self, first_open: int) -> Released:
        """Rule on the clusters that nothing can join any more, and release the text around them."""
        settled, waits_from = self._settled(first_open)
        chars = char_offsets(self._buffer, [match for cluster in settled for match in cluster.matches], self._chars)
        out: list[bytes] = []
        findings: list[Finding] = []
        strictest = Action.ALLOW
        for cluster in settled:
            ruling = self._case.rule(cluster, chars, self._buffer)
            findings += ruling.findings
            strictest = max(strictest, ruling.action)
            self._label = self._label.join(ruling.label)
            if not (ruling.action.replaces or ruling.action.stops):
                continue
            out.append(self._take(cluster.start))
            if ruling.action.stops:
                self._over = True
                return Released(b"".join(out).decode("utf-8"), tuple(findings), strictest)
            out.append(ruling.replacement)
            self._released = cluster.end
        out.append(self._take(waits_from))
        self._waiting = [one for one in self._waiting if one.start >= waits_from]
        self._trim()
        return Released(b"".join(out).decode("utf-8"), tuple(findings), strictest)

    def _settled(self, first_open: int) -> tuple[list[Cluster], int]:
        """The clusters that are complete, and where what must still wait begins."""
        settled: list[Cluster] = []
        for cluster in clusters(self._waiting):
            # Every match not known yet starts at or after ``first_open``.
            if cluster.end > first_open and not (cluster.overflows and cluster.matches[-1].start < first_open):
                return settled, min(cluster.start, first_open)
            settled.append(cluster)
        return settled, first_open

    def _trim(self) -> None:
        """Drop released text that is no longer needed as left context."""
        drop = min(self._released, self._decided) - CONTEXT_BYTES
        if drop < _TRIM_BYTES:
            return
        while drop and self._buffer[drop] & 0xC0 == 0x80:
            drop -= 1
        self._chars += char_count(self._buffer[:drop])
        self._buffer = self._buffer[drop:]
        self._view = self._view[drop:]
        self._released -= drop
        self._decided -= drop
        self._resume = {number: end - drop for number, end in self._resume.items() if end - drop > self._decided}
        self._waiting = [Match(m.start - drop, m.end - drop, m.detector, m.overlong) for m in self._waiting]
