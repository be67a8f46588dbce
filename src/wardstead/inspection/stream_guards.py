"""Guards for streams that text detectors look at, too.

A detector that needs a whole text cannot say beforehand what a beginning will turn into. So it looks at fixed places of the text,
whatever the pieces were, and its verdict only cuts what follows. Where policy would take something out that only the whole text
shows, the text is held until it is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wardstead.inspection.patterns.guard import PatternGuard
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import Flow, Inspection, Released
from wardstead.inspection.verdict import Case, char_offsets
from wardstead.inspection.whole import WholeText
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label, join_all

_EARLY: Final = (256, 512, 1024)
_STEP: Final = 2048
WINDOW_CHARACTERS: Final = 4096
"""So much of the text, to its present end, is looked at each time."""


def next_look(after: int) -> int:
    """The first place after ``after`` characters at which the text is looked at."""
    return next((place for place in _EARLY if place > after), (after // _STEP + 1) * _STEP)


class CheckedGuard:
    """A ``StreamGuard`` around one for patterns. The places of marks are those of what was looked at."""

    __slots__ = ("_case", "_count", "_flow", "_found", "_guard", "_label", "_over", "_policy", "_said", "_text", "_whole")

    def __init__(self, guard: PatternGuard, whole: WholeText, case: Case, flow: Flow, policy: ClassificationPolicy) -> None:
        """``case`` is the one that ``guard`` judges with."""
        self._guard, self._whole, self._case, self._flow, self._policy = guard, whole, case, flow, policy
        self._text = ""  # the end of what has arrived
        self._count = 0  # characters that have arrived
        self._said: set[str] = set()
        self._found: Label = PUBLIC
        self._label: Label = PUBLIC
        self._over = False

    @property
    def label(self) -> Label:
        """See ``StreamGuard.label``."""
        return self._label.join(self._guard.label)

    def feed(self, piece: str) -> Released:
        """See ``StreamGuard.feed``."""
        out: list[Released] = []
        while piece and not self._over:
            room = next_look(self._count) - self._count
            part, piece = piece[:room], piece[room:]
            out.append(self._note(self._guard.feed(part)))
            self._count += len(part)
            self._text = (self._text + part)[-WINDOW_CHARACTERS:]
            self._over = out[-1].action.stops
            if len(part) == room and not self._over:
                out.append(self._look())
        return _together(out)

    def finish(self) -> Released:
        """See ``StreamGuard.finish``: looks once more before the rest goes."""
        if self._over:
            return Released("")
        looked = self._look() if self._text else Released("")
        self._over = True
        if looked.action.stops:
            return looked
        return _together([looked, self._guard.finish()])

    def _note(self, released: Released) -> Released:
        """What was found so far counts where a detector fails, also what was taken out."""
        if released.findings:
            self._found = self._found.join(join_all(finding.label for finding in released.findings))
        return released

    def _look(self) -> Released:
        seen = self._whole.look((self._text,), (), self._flow, ([],))[0]
        offset = self._count - len(self._text)
        data = self._text.encode("utf-8", "replace")
        chars = char_offsets(data, [*seen.marks, *seen.places], offset)
        findings = []
        for match in (*seen.marks, *seen.places):
            finding = self._case.mark(match, chars, data)
            if finding.type not in self._said:
                self._said.add(finding.type)
                findings.append(finding)
                self._label = self._label.join(finding.label)
                self._found = self._found.join(finding.label)
        if seen.failed and "detector-failed" not in self._said:
            self._said.add("detector-failed")
            action = self._policy.failure(self._found, overwhelmed=seen.overwhelmed)
            findings.append(Finding("detector-failed", self._count, self._count, PUBLIC, action))
        strictest = max([finding.action for finding in findings], default=Action.ALLOW)
        self._over = strictest.stops
        return Released("", tuple(findings), strictest)


class WholeGuard:
    """A ``StreamGuard`` that releases nothing before the end."""

    __slots__ = ("_inspect", "_label", "_pieces")

    def __init__(self, inspect: Callable[[str], Inspection]) -> None:
        """``inspect`` gives the verdict on the whole text."""
        self._inspect = inspect
        self._pieces: list[str] = []
        self._label: Label = PUBLIC

    @property
    def label(self) -> Label:
        """See ``StreamGuard.label``."""
        return self._label

    def feed(self, piece: str) -> Released:
        """See ``StreamGuard.feed``."""
        self._pieces.append(piece)
        return Released("")

    def finish(self) -> Released:
        """See ``StreamGuard.finish``."""
        verdict = self._inspect("".join(self._pieces))
        self._pieces.clear()
        self._label = verdict.label
        return Released(verdict.text, verdict.findings, verdict.action)


def _together(released: list[Released]) -> Released:
    if len(released) == 1:
        return released[0]
    return Released(
        "".join(one.text for one in released),
        tuple(finding for one in released for finding in one.findings),
        max([one.action for one in released], default=Action.ALLOW),
    )
