"""The stream guard: releases a text piece by piece, and never a part of what a detector would find.

At every moment the bytes of the view are divided in three: released; decided (every match that starts there is known, but one
that overlaps the rest keeps it waiting); and open, from the first byte where a match may be in progress. That byte is found
by the prefix closure of all patterns, searched at the end of what has arrived (``pattern``).

INVARIANT: text, findings and verdict equal ``PolicyInspector.inspect`` of the whole, however it was cut (tests/inspection).
INVARIANT: at most twice ``WINDOW_BYTES`` of the view are held back, and never because of time: what is open begins within one
window of the end, and a cluster that waits for it is no longer than another.
"""

from __future__ import annotations

from typing import Final

from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES, WINDOW_BYTES
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Match, Matcher
from wardstead.inspection.patterns.searching import placed
from wardstead.inspection.ports import Released
from wardstead.inspection.verdict import Case, Cluster, char_count, char_offsets, clusters, failed
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label

_NOTHING: Final = Released("")
_TRIM_BYTES: Final = 1024
_TRIM_FROM: Final = CONTEXT_BYTES + _TRIM_BYTES


class PatternGuard:
    """A ``StreamGuard``. Its view begins with released text kept as left context."""

    __slots__ = (
        "_case", "_chars", "_decided", "_label", "_matcher", "_over", "_released", "_resume", "_view", "_waiting",
    )  # fmt: skip

    def __init__(self, matcher: Matcher, case: Case) -> None:
        """Made by ``PolicyInspector.guard``."""
        self._matcher = matcher
        self._case = case
        self._view = View()
        self._released = 0  # bytes of the text
        self._decided = 0  # bytes of the view
        self._chars = 0  # characters of the text before the view
        self._resume: dict[int, int] = {}  # by detector: where its search goes on, if beyond what is decided
        self._waiting: list[Match] = []  # places in the view
        self._over = False
        self._label: Label = PUBLIC

    @property
    def label(self) -> Label:
        """The join of the labels of everything found so far that stays in the text."""
        return self._label

    @property
    def decided(self) -> int:
        """So many characters of the text are behind it: nothing that begins in them will still be found."""
        return self._chars + char_count(self._view.text[: self._released])

    def feed(self, piece: str) -> Released:
        """See ``StreamGuard.feed``."""
        if self._over or not piece:
            return _NOTHING
        try:
            view, decided = self._view, self._decided
            view.add(piece)
            data = view.data
            first = self._matcher.first_pending(data, decided)
            if len(data) - first > WINDOW_BYTES:
                first = len(data) - WINDOW_BYTES
            return self._advance(first) if first > decided else _NOTHING
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return self._fail()

    def finish(self) -> Released:
        """See ``StreamGuard.finish``."""
        if self._over:
            return _NOTHING
        try:
            self._view.close()
            released = self._advance(len(self._view.data), final=True)
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return self._fail()
        self._over = True
        return released

    def _fail(self) -> Released:
        self._over = True
        return Released("", (failed(self._chars + char_count(self._view.text)),), Action.BLOCK)

    def _advance(self, first_open: int, *, final: bool = False) -> Released:
        """Decide every start before ``first_open``; release what no match can reach any more."""
        view = self._view
        data = view.data
        for number in self._matcher.candidates(data, self._decided, first_open):
            begin = max(self._decided, self._resume.get(number, 0))
            scan = self._matcher.matches(number, data, begin, first_open)
            self._waiting += scan.matches
            self._resume[number] = scan.resume
        self._decided = first_open
        if self._waiting:
            return self._settle(first_open, final=final)
        text = self._take(view.place(first_open))
        if first_open >= _TRIM_FROM:
            self._trim()
        return Released(text.decode("utf-8")) if text else _NOTHING

    def _take(self, end: int) -> bytes:
        """Release up to the last character border at or before ``end`` in the text."""
        text = self._view.text
        while self._released < end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        text = text[self._released : end]
        self._released += len(text)
        return text

    def _settle(self, first_open: int, *, final: bool) -> Released:
        """Rule on the clusters that nothing can join any more, and release the text around them."""
        text = self._view.text
        settled, waits_from = self._settled(first_open, final=final)
        chars = char_offsets(text, [match for cluster in settled for match in cluster.matches], self._chars)
        out: list[bytes] = []
        findings: list[Finding] = []
        strictest = Action.ALLOW
        for cluster in settled:
            ruling = self._case.rule(cluster, chars, text)
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
        self._waiting = [one for one in self._waiting if self._view.place(one.start) >= waits_from]
        self._trim()
        return Released(b"".join(out).decode("utf-8"), tuple(findings), strictest)

    def _settled(self, first_open: int, *, final: bool) -> tuple[list[Cluster], int]:
        """The clusters that are complete, and where in the text what must still wait begins."""
        view = self._view
        settled: list[Cluster] = []
        limit = view.place(first_open)
        for cluster in clusters([placed(view, one) for one in self._waiting]):
            # Every match not known yet starts at or after ``first_open``.
            waits = cluster.end > limit and not (cluster.overflows and cluster.matches[-1].start < limit)
            # What cannot be seen belongs to the character before it, and more of it may come.
            if waits or (cluster.end == len(view.text) and not final):
                return settled, min(cluster.start, limit)
            settled.append(cluster)
        return settled, limit

    def _trim(self) -> None:
        """Drop released text that is no longer needed as left context."""
        first = min([self._decided, *[one.start for one in self._waiting]])
        if first - CONTEXT_BYTES < _TRIM_BYTES:
            return
        view = self._view
        before = view.text
        drop, dropped = view.drop(first - CONTEXT_BYTES)
        self._chars += char_count(before[:dropped])
        self._released -= dropped
        self._decided -= drop
        self._resume = {number: end - drop for number, end in self._resume.items() if end - drop > self._decided}
        self._waiting = [Match(m.start - drop, m.end - drop, m.detector, m.overlong) for m in self._waiting]
