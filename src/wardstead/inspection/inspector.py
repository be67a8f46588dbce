"""The ``Inspector``: patterns and text detectors under one policy, for whole texts and for texts that arrive in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Final, Protocol

import msgspec

from wardstead.inspection.border_guard import BorderGuard
from wardstead.inspection.classify import Classifier
from wardstead.inspection.combining import Kind
from wardstead.inspection.fitting import fit, places_of
from wardstead.inspection.known.matching import matcher_of
from wardstead.inspection.known.ports import Windowed
from wardstead.inspection.patterns.catalogue import Detector, canary, digest
from wardstead.inspection.patterns.guard import PatternGuard
from wardstead.inspection.patterns.matching import Match
from wardstead.inspection.patterns.reaching import may_reach
from wardstead.inspection.patterns.scanning import Kept
from wardstead.inspection.patterns.searching import matches_in
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import Direction, Flow, Inspection, Keeping, Origin, Pseudonyms, StreamGuard, TextDetector
from wardstead.inspection.stream_guards import CheckedGuard, WholeGuard
from wardstead.inspection.verdict import Case, char_offsets, clusters, failed
from wardstead.inspection.whole import NOTHING, Seen
from wardstead.kernel.errors import CallerError
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label, join_all


class Leakage(Protocol):
    """From what a model was told, and what else was said to it, to what finds them in an answer."""

    def __call__(self, system_texts: Sequence[str], *, said: Sequence[str] = ...) -> TextDetector:
        """Its ``types`` are always the same."""
        ...


class TooManyFindings(CallerError):
    """A request holds more than is looked at one by one: each would cost a decision, and maybe a stand-in."""

    code = "too_many_findings"


MAX_FINDINGS: Final = 50_000
"""In one request, where nothing else is configured."""
Look = Callable[[Sequence[Iterable[Match]]], Sequence[Seen]]
"""From the matches of the patterns, by text, to what text detectors see."""


class PolicyInspector:
    """An ``Inspector``. Safe for threads; a guard is one stream's alone."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        policy: ClassificationPolicy,
        canaries: Sequence[str] = (),
        *,
        text_detectors: Sequence[TextDetector] = (),
        own: Sequence[Windowed] = (),
        leakage: Leakage | None = None,
        kept: Kept | None = None,
        max_findings: int = MAX_FINDINGS,
    ) -> None:
        """``kept``: see ``Matcher``. ``max_findings``: with more of them a prompt is refused.

        Raises ``ConfigurationError`` when a pattern is refused, a detector has no rule, or a rule names none."""
        text_detectors = (*text_detectors, *((leakage(()),) if leakage is not None else ()))
        everything = (*detectors, *(canary(text) for text in canaries))
        self._own = tuple(own)
        self._places = places_of(everything, own)
        self._matcher = matcher_of(everything, own, kept=kept)
        self._leakage = leakage
        self._max_findings = max_findings
        # Canaries are counted only: whoever reads a version must not be able to test a guess.
        versions = "".join(f"+{one.id}:{one.version}" for one in text_detectors) + "".join(f"+{one.version}" for one in own)
        self._detects = f"{digest(tuple(detectors))}+{len(canaries)}{versions}"
        self._go_by(policy, text_detectors)

    def _go_by(self, policy: ClassificationPolicy, text_detectors: Sequence[TextDetector]) -> None:
        fitted = fit(self._places, text_detectors, policy)
        self.policy, self._judge, self._whole = policy, fitted.judge, fitted.whole
        self.version = f"{policy.version}/{self._detects}"

    def under(self, policy: ClassificationPolicy) -> PolicyInspector:
        """The same detectors, compiled once, under another policy. Raises ``ConfigurationError`` where they do not go together.

        Made in milliseconds. Whoever has this one goes on under the policy that it has.
        """
        other = copy(self)
        other._go_by(policy, self._whole.detectors)
        return other

    def classifier(self) -> Classifier:
        """What explains texts with the same detectors and policy, compiled once for both."""
        return Classifier(self.detectors, self.policy, text_detectors=self.text_detectors, own=self._own, matcher=self._matcher)

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """The patterns, canaries among them."""
        return self._matcher.detectors

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What findings are called."""
        return tuple(self._judge.kinds)

    @property
    def text_detectors(self) -> tuple[TextDetector, ...]:
        """Those that look at whole texts."""
        return self._whole.detectors

    def inspect(self, text: str, flow: Flow) -> Inspection:
        """See ``Inspector.inspect``."""
        return self.inspect_all((text,), flow)[0]

    def inspect_all(
        self,
        texts: Sequence[str],
        flow: Flow,
        *,
        origins: Sequence[Origin] = (),
        pseudonyms: Pseudonyms | None = None,
        patient: bool = True,
    ) -> list[Inspection]:
        """See ``Inspector.inspect_all``. Raises ``TooManyFindings`` for a prompt."""

        def look(found: Sequence[Iterable[Match]]) -> Sequence[Seen]:
            return self._whole.look(texts, origins, flow, found, patient=patient)

        return self._all(texts, flow, lambda: self._judge.case(flow, pseudonyms), look if self._whole.concerns(flow) else None)

    def patterns(self, texts: Sequence[str], flow: Flow) -> list[Inspection]:
        """See ``Inspector.patterns``."""
        return self._all(texts, flow, lambda: self._judge.case(flow, None, combining=False), None)

    def may_reach(self, text: str, places: Sequence[int]) -> bool:
        """See ``Inspector.may_reach``."""
        try:
            return may_reach(self._matcher, text, places)
        except Exception:  # noqa: BLE001 -- it will crash again where it is looked at, and deny
            return True

    def _all(self, texts: Sequence[str], flow: Flow, case: Callable[[], Case], look: Look | None) -> list[Inspection]:
        """``case``: made for what is found, if anything is. ``look``: the text detectors, where they are concerned."""
        try:
            parts = [text.encode("utf-8", "replace") for text in texts]
            found = matches_in(self._matcher, texts)
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return [_crashed(text) for text in texts]
        if flow.direction is Direction.PROMPT and sum(map(len, filter(None, found))) > self._max_findings:
            raise TooManyFindings(
                f"more than {self._max_findings} findings in one request", where="messages", next_step="Send it in parts"
            )
        if look is None and all(one is not None and not one for one in found):
            return [Inspection(part.decode("utf-8")) for part in parts]
        seen = [NOTHING] * len(parts) if look is None else look([matches or () for matches in found])
        verdicts = self._verdicts(texts, list(zip(parts, found, seen, strict=True)), case())
        return self._with_failures(verdicts, seen) if any(one.failed for one in seen) else verdicts

    def keeping(self, label: Label) -> Keeping:
        """See ``Inspector.keeping``."""
        return self.policy.keeping(label)

    def told(self, instructions: Sequence[str], said: Sequence[str] = ()) -> PolicyInspector:
        """See ``Inspector.told``."""
        if self._leakage is None or not (any(instructions) or any(said)):
            return self
        other = copy(self)
        other._whole = self._whole.with_last(self._leakage(instructions, said=said))
        return other

    def warm(self) -> frozenset[str]:
        """See ``Inspector.warm``."""
        return self._whole.warm()

    def may_hold(self, flow: Flow) -> bool:
        """See ``Inspector.may_hold``."""
        return self.policy.may_hold(flow)

    def reviewed(self) -> PolicyInspector:
        """See ``Inspector.reviewed``."""
        return self._passing(Action.HOLD)

    def label_of(self, texts: Sequence[str], flow: Flow, *, origins: Sequence[Origin] = (), patient: bool = True) -> Label:
        """See ``Inspector.label_of``."""
        found = self._passing(Action.HOLD, Action.BLOCK).inspect_all(texts, flow, origins=origins, patient=patient)
        if any(one.action.stops for one in found):  # a crash, or a match that does not fit: nobody knows what follows
            return self.policy.highest
        return join_all(finding.label for one in found for finding in one.findings)

    def _passing(self, *actions: Action) -> PolicyInspector:
        """The same, where what would come to one of these ``actions`` goes on."""
        return self.under(self.policy.passing(*actions))

    def is_slow(self, flow: Flow) -> bool:
        """See ``Inspector.is_slow``."""
        return self._whole.is_slow(flow)

    def _verdicts(
        self, texts: Sequence[str], each: Sequence[tuple[bytes, list[Match] | None, Seen]], case: Case
    ) -> list[Inspection]:
        verdicts = []
        for text, (data, found, seen) in zip(texts, each, strict=True):
            verdicts.append(self._verdict(data, found, seen, case))
            case.next_text(len(text))
        return verdicts

    def _verdict(self, data: bytes, found: list[Match] | None, seen: Seen, case: Case) -> Inspection:
        if found is None:
            return _crashed(data.decode("utf-8"))
        if not found and not seen.places and not seen.marks:
            return Inspection(data.decode("utf-8"))
        try:
            return self._judged(data, [*found, *seen.places], seen.marks, case)
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return _crashed(data.decode("utf-8"))

    def _judged(self, data: bytes, found: Sequence[Match], marks: Sequence[Match], case: Case) -> Inspection:
        grouped = list(clusters(found))
        chars = char_offsets(data, [*found, *marks])
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
        text = b"".join(out).decode("utf-8")
        for finding in [case.mark(match, chars, data) for match in marks]:
            findings.append(finding)
            label = label.join(finding.label)
            strictest = max(strictest, finding.action)
            text = "" if finding.action.stops else text
        return Inspection(text, tuple(findings), label, strictest)

    def _with_failures(self, verdicts: Sequence[Inspection], seen: Sequence[Seen]) -> list[Inspection]:
        """What it means that some detectors failed, for what the others say of all these texts together."""
        found = join_all(finding.label for one in verdicts for finding in one.findings)
        action = self.policy.failure(found, overwhelmed=any(one.overwhelmed for one in seen))
        return [_failed(one, action) if which.failed else one for one, which in zip(verdicts, seen, strict=True)]

    def guard(self, flow: Flow, *, pseudonyms: Pseudonyms | None = None) -> StreamGuard:
        """See ``Inspector.guard``."""
        if self._whole.takes_out(flow):
            return WholeGuard(lambda text: self.inspect_all((text,), flow, pseudonyms=pseudonyms)[0])
        case = self._judge.case(flow, pseudonyms)
        guard = PatternGuard(self._matcher, case)
        if not self._whole.concerns(flow):
            return guard
        return CheckedGuard(guard, self._whole, case, flow, self.policy)

    def border(self, before: str, flow: Flow) -> BorderGuard:
        """See ``Inspector.border``."""
        return BorderGuard(lambda: PatternGuard(self._matcher, self._judge.case(flow, None, combining=False)), before)


def _crashed(text: str) -> Inspection:
    return Inspection("", (failed(len(text)),), PUBLIC, Action.BLOCK)


def _failed(verdict: Inspection, action: Action) -> Inspection:
    finding = Finding("detector-failed", 0, 0, PUBLIC, action)
    return msgspec.structs.replace(
        verdict,
        text="" if action.stops else verdict.text,
        findings=(*verdict.findings, finding),
        action=max(verdict.action, action),
    )
