"""The stream guard: releases a text piece by piece, and never a part of what a detector would find.

At every moment the bytes are divided in three: released; decided (every match that starts there is known, but one that
overlaps the rest keeps it waiting); and open, from the first byte where a match may be in progress. That byte is found
by the prefix closure of all patterns, searched at the end of what has arrived (``pattern``).

INVARIANT: text, findings and verdict equal ``PatternInspector.inspect`` of the whole, however it was cut (tests/inspection).
INVARIANT: at most ``WINDOW_BYTES`` and one piece are held back, and never because of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wardstead.inspection.catalogue import CONTEXT_BYTES, WINDOW_BYTES
from wardstead.inspection.matching import Match
from wardstead.inspection.ports import Direction, Released
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label

if TYPE_CHECKING:
    from wardstead.inspection.inspector import PatternInspector

_NOTHING: Final = Released("")
_TRIM_BYTES: Final = 1024


class PatternGuard:
    """A ``StreamGuard``. Offsets inside are bytes in the buffer, which begins with released text kept as left context."""

    __slots__ = (
        "_buffer", "_chars", "_decided", "_direction", "_inspector", "_label",
        "_matcher", "_open_matches", "_over", "_released", "_resume",
    )  # fmt: skip

    def __init__(self, inspector: PatternInspector, direction: Direction) -> None:
        """Made by ``PatternInspector.guard``."""
        self._inspector = inspector
        self._matcher = inspector.matcher
        self._direction = direction
        self._buffer = b""
        self._released = 0
        self._decided = 0
        self._chars = 0  # characters of the text before the buffer
        self._resume: dict[int, int] = {}  # by detector: where its last match ended, if beyond what is decided
        self._open_matches: list[Match] = []
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
        self._buffer += piece.encode("utf-8", "replace")
        try:
            return self._advance(self._first_open())
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return self._fail()

    def finish(self) -> Released:
        """See ``StreamGuard.finish``."""
        if self._over:
            return _NOTHING
        try:
            released = self._advance(len(self._buffer))
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return self._fail()
        self._over = True
        return released

    def _fail(self) -> Released:
        self._over = True
        at = self._chars + _chars(self._buffer)
        return Released("", (self._inspector.failed(at),), Action.BLOCK)

    def _first_open(self) -> int:
        """Where a match may be in progress, so that what starts there is not decided yet."""
        size = len(self._buffer)
        found = self._matcher.pending.search(self._buffer, self._decided)
        first = found.start() if found is not None else size
        return max(first, size - WINDOW_BYTES, self._decided)

    def _advance(self, first_open: int) -> Released:
        """Decide every start before ``first_open``; release what no match can reach any more."""
        if first_open > self._decided:
            # One byte of left context: a spurious boundary only makes a candidate that is then looked at exactly.
            for number in self._matcher.candidates(self._buffer[max(0, self._decided - 1) :]):
                self._decide(number, first_open)
            self._decided = first_open
        if self._open_matches:
            return self._release_around_matches(first_open)
        text = self._buffer[self._released : self._whole_chars(first_open)]
        self._released += len(text)
        self._trim()
        return Released(text.decode("utf-8", "replace")) if text else _NOTHING

    def _decide(self, number: int, before: int) -> None:
        begin = max(self._decided, self._resume.get(number, 0))
        for match in self._matcher.matches(number, self._buffer, begin, before):
            self._open_matches.append(match)
            self._resume[number] = match.end

    def _whole_chars(self, end: int) -> int:
        """The last character border at or before ``end``."""
        while self._released < end < len(self._buffer) and self._buffer[end] & 0xC0 == 0x80:
            end -= 1
        return end

    def _release_around_matches(self, first_open: int) -> Released:
        from wardstead.inspection.inspector import clusters, label_of

        out: list[bytes] = []
        findings: list[Finding] = []
        strictest = Action.ALLOW
        for cluster in clusters(self._open_matches):
            if cluster.end > first_open:
                # It may still grow by a match that starts later: it waits, whole.
                first_open = cluster.start
                break
            made = self._inspector.findings(cluster, self._direction, [self._char_span(one) for one in cluster.matches])
            findings += made
            action = max(finding.action for finding in made)
            strictest = max(strictest, action)
            if action is Action.ALLOW:
                self._label = self._label.join(label_of(made))
                continue
            out.append(self._buffer[self._released : cluster.start])
            self._released = cluster.end
            if action is Action.BLOCK:
                self._over = True
                return Released(b"".join(out).decode("utf-8", "replace"), tuple(findings), strictest)
            out.append(self._inspector.replacement(cluster, self._direction))
        end = self._whole_chars(max(first_open, self._released))
        out.append(self._buffer[self._released : end])
        self._released = end
        self._open_matches = [one for one in self._open_matches if one.start >= first_open]
        self._trim()
        return Released(b"".join(out).decode("utf-8", "replace"), tuple(findings), strictest)

    def _char_span(self, match: Match) -> tuple[int, int]:
        before = self._chars + _chars(self._buffer[: match.start])
        return before, before + _chars(self._buffer[match.start : match.end])

    def _trim(self) -> None:
        """Drop released text that is no longer needed as left context."""
        drop = min(self._released, self._decided) - CONTEXT_BYTES
        if drop < _TRIM_BYTES:
            return
        while drop and self._buffer[drop] & 0xC0 == 0x80:
            drop -= 1
        self._chars += _chars(self._buffer[:drop])
        self._buffer = self._buffer[drop:]
        self._released -= drop
        self._decided -= drop
        self._resume = {number: end - drop for number, end in self._resume.items() if end > self._decided}
        self._open_matches = [Match(m.start - drop, m.end - drop, m.detector, m.overlong) for m in self._open_matches]


def _chars(data: bytes) -> int:
    return len(data) if data.isascii() else len(data.decode("utf-8", "replace"))
