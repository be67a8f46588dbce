"""What reaches over from a text that has come to its end into one that still arrives: what a model thought, and what it says.

A reader who sees both reads them one behind the other, so they are joined in the ways in which the texts of a prompt are
(``borders``). The beginning of the second text waits until nothing can reach over to it any more; each way of joining has a
stream guard of its own that tells. Of what policy replaces, the part in the second text is taken out.

INVARIANT: what is let go of, and what is found, is the same however the second text is cut (``tests/inspection``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from wardstead.inspection.borders import ACROSS, JOINTS, REACH
from wardstead.inspection.patterns.guard import PatternGuard
from wardstead.inspection.ports import Released
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label, join_all

_NOTHING: Final = Released("")


class _Reading:
    """Both texts joined in one way."""

    __slots__ = ("_begins", "_guard", "_over", "crossing")

    def __init__(self, guard: PatternGuard, before: str) -> None:
        self._guard = guard
        self._begins = len(before)
        self._over = False
        self.crossing: list[Finding] = []
        self._note(guard.feed(before))

    @property
    def open(self) -> bool:
        """Whether something that begins in the first text may still be found."""
        return not self._over and self._guard.decided < self._begins

    def feed(self, piece: str) -> None:
        self._note(self._guard.feed(piece))

    def finish(self) -> None:
        self._note(self._guard.finish())
        self._over = True

    def _note(self, released: Released) -> None:
        """What reaches over, its end as a place in the second text."""
        self._over = self._over or released.action.stops
        for one in released.findings:
            failed = one.start == one.end  # it could not be looked at: no text may go on as if it had been
            if failed or one.start < self._begins < one.end:
                told = msgspec.structs.replace(one, start=0, end=max(0, one.end - self._begins))
                self.crossing.append(told)


class BorderGuard:
    """Takes the pieces of the second text, and gives what may go on to its own guard."""

    __slots__ = ("_held", "_open", "_readings", "label")

    def __init__(self, guard: Callable[[], PatternGuard], before: str) -> None:
        """``guard`` makes one for a text; ``before``: the first text, or its last ``REACH`` characters."""
        tail = before.rstrip()[-REACH:]
        self._readings = [_Reading(guard(), tail + joint) for joint in JOINTS] if tail else []
        self._held = ""
        self._open = bool(self._readings)
        self.label: Label = PUBLIC
        """See ``Border.label``."""

    def feed(self, piece: str) -> Released:
        """See ``Border.feed``."""
        if not self._open:
            return Released(piece)
        # White space at the beginning is no part of what the joints join.
        fresh = piece if self._held.strip() else (self._held + piece).lstrip()
        self._held += piece
        if not fresh:
            return _NOTHING
        for one in self._readings:
            one.feed(fresh)
        return _NOTHING if any(one.open for one in self._readings) else self._settle()

    def finish(self) -> Released:
        """See ``Border.finish``."""
        if not self._open:
            return _NOTHING
        for one in self._readings:
            one.finish()
        return self._settle()

    def _settle(self) -> Released:
        self._open = False
        blank = len(self._held) - len(self._held.lstrip())
        found = {(one.type, one.end): one for reading in self._readings for one in reading.crossing}
        findings = tuple(
            msgspec.structs.replace(one, end=one.end + blank if one.end else 0, combination=one.combination or ACROSS)
            for one in sorted(found.values(), key=lambda one: (one.end, one.type))
        )
        strictest = max([one.action for one in findings], default=Action.ALLOW)
        self.label = join_all([one.label for one in findings if not (one.action.replaces or one.action.stops)])
        if strictest.stops:
            return Released("", findings, strictest)
        taken = [one for one in findings if one.action.replaces]
        text = f"[redacted:{taken[-1].type}]{self._held[taken[-1].end :]}" if taken else self._held
        return Released(text, findings, strictest)
