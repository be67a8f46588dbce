"""The ``Inspector`` over patterns: whole texts, many texts in one scan, and guards for texts that arrive in pieces."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from wardstead.inspection.catalogue import Detector, canary, digest
from wardstead.inspection.guard import PatternGuard
from wardstead.inspection.matching import Match, Matcher, opened
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import Flow, Inspection, Origin, Pseudonyms
from wardstead.inspection.verdict import Case, Judge, char_offsets, clusters, failed, treatments
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label

_BETWEEN = b"\x00\n\x00"
"""Between texts that are scanned together. Each text is then searched by itself for what was found in it."""


class PatternInspector:
    """An ``Inspector`` over patterns. Safe for threads; a guard is one stream's alone."""

    def __init__(self, detectors: Sequence[Detector], policy: ClassificationPolicy, canaries: Sequence[str] = ()) -> None:
        """Raises ``ConfigurationError`` when a pattern is refused, a detector has no rule, or a rule names none."""
        everything = (*detectors, *(canary(text) for text in canaries))
        self._matcher = Matcher(everything)
        self._judge = Judge(everything, treatments(everything, policy))
        # Canaries are counted only: whoever reads a version must not be able to test a guess.
        self.version = f"{policy.version}/{digest(tuple(detectors))}+{len(canaries)}"

    def inspect(self, text: str, flow: Flow) -> Inspection:
        """See ``Inspector.inspect``."""
        return self.inspect_all((text,), flow)[0]

    def inspect_all(
        self,
        texts: Sequence[str],
        flow: Flow,
        *,
        origins: Sequence[Origin] = (),  # noqa: ARG002 -- a pattern finds the same in everybody's text
        pseudonyms: Pseudonyms | None = None,
    ) -> list[Inspection]:
        """See ``Inspector.inspect_all``."""
        try:
            parts = [text.encode("utf-8", "replace") for text in texts]
            suspects = self._suspects(parts)
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return [_crashed(text) for text in texts]
        if not suspects:
            return [Inspection(part.decode("utf-8")) for part in parts]
        nothing: tuple[int, ...] = ()
        return [
            self._inspect(part, suspects.get(at, nothing), self._judge.case(flow, pseudonyms)) for at, part in enumerate(parts)
        ]

    def _suspects(self, parts: Sequence[bytes]) -> dict[int, list[int]]:
        """By text: the detectors that may find something in it, which is looked at in that text alone afterwards.

        What matches in none of the joined texts matches in no single one: a border can only lend context from before it.
        """
        joined = opened(_BETWEEN.join(parts))
        numbers = self._matcher.candidates(joined, 0, self._matcher.lent(joined, 0))
        if len(parts) == 1 or not numbers:
            return {0: numbers} if numbers else {}
        starts = list(accumulate([len(part) + len(_BETWEEN) for part in parts], initial=0))
        suspects: dict[int, list[int]] = {}
        for number in numbers:
            for at in self._where(number, joined, starts):
                suspects.setdefault(at, []).append(number)
        return suspects

    def _where(self, number: int, joined: bytes, starts: Sequence[int]) -> Iterable[int]:
        try:
            found = self._matcher.matches(number, joined, 0, len(joined)).matches
        except Exception:  # noqa: BLE001 -- it will crash again, in the text that makes it crash
            return range(len(starts) - 1)
        return sorted({bisect_right(starts, match.start) - 1 for match in found})

    def _inspect(self, data: bytes, numbers: Sequence[int], case: Case) -> Inspection:
        if not numbers:
            return Inspection(data.decode("utf-8"))
        try:
            view = opened(data)
            found = [match for number in numbers for match in self._matcher.matches(number, view, 0, len(view)).matches]
            return self._verdict(data, found, case) if found else Inspection(data.decode("utf-8"))
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return _crashed(data.decode("utf-8"))

    def guard(self, flow: Flow, *, pseudonyms: Pseudonyms | None = None) -> PatternGuard:
        """See ``Inspector.guard``."""
        return PatternGuard(self._matcher, self._judge.case(flow, pseudonyms))

    def _verdict(self, data: bytes, found: Sequence[Match], case: Case) -> Inspection:
        grouped = list(clusters(found))
        chars = char_offsets(data, grouped)
        out: list[bytes] = []
        findings: list[Finding] = []
        label: Label = PUBLIC
        strictest = Action.ALLOW
        done = 0
        for cluster in grouped:
            ruling = case.rule(cluster, chars, data)
            findings += ruling.findings
            label = label.join(ruling.label)
            strictest = max(strictest, ruling.action)
            if not (ruling.action.replaces or ruling.action.stops):
                continue
            out.append(data[done : cluster.start])
            done = cluster.end
            if ruling.action.stops:
                done = len(data)
                break
            out.append(ruling.replacement)
        out.append(data[done:])
        return Inspection(b"".join(out).decode("utf-8"), tuple(findings), label, strictest)


def _crashed(text: str) -> Inspection:
    return Inspection("", (failed(len(text)),), PUBLIC, Action.BLOCK)
