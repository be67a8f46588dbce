"""All detectors under one policy: the verdict on a whole text, and on one that arrives in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from wardstead.inspection.catalogue import Detector, canary
from wardstead.inspection.guard import PatternGuard
from wardstead.inspection.matching import Match, Matcher
from wardstead.inspection.policy import ClassificationPolicy, Treatment
from wardstead.inspection.ports import Direction, Inspection
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label

_BETWEEN = b"\x00\n\x00"
"""Between texts that are scanned together; what seems to match across it is looked at again, text by text."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Matches that overlap, treated as one: the strictest action, one replacement, named after its longest member."""

    start: int
    end: int
    matches: tuple[Match, ...]


def clusters(matches: Sequence[Match]) -> list[Cluster]:
    """Group overlapping matches, in the order of the text."""
    made: list[Cluster] = []
    for match in sorted(matches, key=lambda one: (one.start, one.end, one.detector)):
        if made and match.start < made[-1].end:
            last = made[-1]
            made[-1] = Cluster(last.start, max(last.end, match.end), (*last.matches, match))
        else:
            made.append(Cluster(match.start, match.end, (match,)))
    return made


class PatternInspector:
    """An ``Inspector`` over patterns. Not for several threads at a time: each worker has its own."""

    def __init__(self, detectors: Sequence[Detector], policy: ClassificationPolicy, canaries: Sequence[str] = ()) -> None:
        """Raises ``ConfigurationError`` when a pattern is refused or a detector has no rule."""
        everything = (*detectors, *(canary(text) for text in canaries))
        self.matcher = Matcher(everything)
        self._treatments: tuple[Treatment, ...] = tuple(policy.treatment(one.type, one.category) for one in everything)
        patterns = sha256("\n".join(f"{one.type} {one.pattern}" for one in everything).encode()).hexdigest()[:12]
        self.version = f"{policy.version}/{patterns}"

    def inspect(self, text: str, direction: Direction) -> Inspection:
        """See ``Inspector.inspect``."""
        data = text.encode("utf-8", "replace")
        try:
            numbers = self.matcher.candidates(data)
            if not numbers:
                return Inspection(text)
            found = [match for number in numbers for match in self.matcher.matches(number, data, 0, len(data))]
        except Exception:  # noqa: BLE001 -- a detector that crashes must deny, not vanish
            return Inspection("", (self.failed(len(text)),), PUBLIC, Action.BLOCK)
        if not found:
            return Inspection(text)
        return self._verdict(data, clusters(found), direction)

    def inspect_all(self, texts: Sequence[str], direction: Direction) -> list[Inspection]:
        """See ``Inspector.inspect_all``."""
        if len(texts) > 1:
            try:
                clean = not self.matcher.candidates(_BETWEEN.join([text.encode("utf-8", "replace") for text in texts]))
            except Exception:  # noqa: BLE001 -- looked at again below, where a crash denies
                clean = False
            if clean:
                return [Inspection(text) for text in texts]
        return [self.inspect(text, direction) for text in texts]

    def guard(self, direction: Direction) -> PatternGuard:
        """See ``Inspector.guard``."""
        return PatternGuard(self, direction)

    @staticmethod
    def failed(at: int) -> Finding:
        """The finding of a detector that crashed: it blocks."""
        return Finding("detector-failed", at, at, PUBLIC, Action.BLOCK)

    def action(self, match: Match, direction: Direction) -> Action:
        """What happens to a match."""
        return Action.BLOCK if match.overlong else self._treatments[match.detector].action(direction)

    def findings(self, cluster: Cluster, direction: Direction, chars: Sequence[tuple[int, int]]) -> tuple[Finding, ...]:
        """A cluster's findings; ``chars`` are its matches' offsets in characters."""
        return tuple(
            Finding(
                self.matcher.detectors[match.detector].type,
                start,
                end,
                self._treatments[match.detector].label,
                self.action(match, direction),
            )
            for match, (start, end) in zip(cluster.matches, chars, strict=True)
        )

    def replacement(self, cluster: Cluster, direction: Direction) -> bytes:
        """What stands in place of a redacted cluster."""
        worst = max(cluster.matches, key=lambda one: (self.action(one, direction), one.end - one.start, -one.detector))
        return f"[redacted:{self.matcher.detectors[worst.detector].type}]".encode()

    def _verdict(self, data: bytes, found: Sequence[Cluster], direction: Direction) -> Inspection:
        out: list[bytes] = []
        findings: list[Finding] = []
        label: Label = PUBLIC
        strictest = Action.ALLOW
        done = 0
        for cluster in found:
            chars = [(_chars(data[: one.start]), _chars(data[: one.end])) for one in cluster.matches]
            made = self.findings(cluster, direction, chars)
            findings += made
            action = max(finding.action for finding in made)
            strictest = max(strictest, action)
            if action is Action.ALLOW:
                label = label.join(label_of(made))
                continue
            out.append(data[done : cluster.start])
            done = cluster.end
            if action is Action.BLOCK:
                done = len(data)
                break
            out.append(self.replacement(cluster, direction))
        out.append(data[done:])
        return Inspection(b"".join(out).decode("utf-8", "replace"), tuple(findings), label, strictest)


def label_of(findings: Sequence[Finding]) -> Label:
    """The join of the labels of findings that stay in the text."""
    label: Label = PUBLIC
    for finding in findings:
        label = label.join(finding.label)
    return label


def _chars(data: bytes) -> int:
    return len(data) if data.isascii() else len(data.decode("utf-8", "replace"))
