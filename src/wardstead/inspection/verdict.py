"""From matches to a verdict: overlapping matches become one cluster, and policy says what happens to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from wardstead.inspection.catalogue import WINDOW_BYTES, Detector
from wardstead.inspection.matching import Match
from wardstead.inspection.policy import ClassificationPolicy, Treatment
from wardstead.inspection.ports import Flow, Pseudonyms
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label, join_all


class Cluster(msgspec.Struct, frozen=True):
    """Matches that overlap, treated as one: the strictest action, one replacement, named after its longest member.

    ``overflows``: the chain is longer than the window, so it is cut like a match that is too long.
    """

    start: int
    end: int
    matches: tuple[Match, ...]
    overflows: bool = False


def clusters(matches: Iterable[Match]) -> Iterator[Cluster]:
    """Group overlapping matches, in the order of the text. An overflowing cluster is the last: it blocks."""
    members: list[Match] = []
    start = end = 0
    for match in sorted(matches):
        if members and match.start >= end:
            yield Cluster(start, end, tuple(members))
            members = []
        if not members:
            start = end = match.start
        end = max(end, match.end)
        if end - start > WINDOW_BYTES:
            yield Cluster(start, end, (*members, msgspec.structs.replace(match, overlong=True)), overflows=True)
            return
        members.append(match)
    if members:
        yield Cluster(start, end, tuple(members))


class Ruling(msgspec.Struct, frozen=True):
    """What policy makes of a cluster. ``replacement`` stands in its place where it is redacted; ``label`` is what it adds."""

    action: Action
    findings: tuple[Finding, ...]
    label: Label
    replacement: bytes


def treatments(detectors: Sequence[Detector], policy: ClassificationPolicy) -> list[Treatment]:
    """What policy says of each detector. Raises ``ConfigurationError`` where it says nothing, or speaks of what nobody finds."""
    policy.check_names({one.type for one in detectors} | {"canary"}, {one.category for one in detectors} | {"canary"})
    return [policy.treatment(one.type, one.category) for one in detectors]


class Judge:
    """Applies the treatments, which are in the detectors' order."""

    __slots__ = ("detectors", "treatments")

    def __init__(self, detectors: Sequence[Detector], treatments: Sequence[Treatment]) -> None:
        self.detectors = detectors
        self.treatments = treatments

    def case(self, flow: Flow, pseudonyms: Pseudonyms | None) -> Case:
        """What judges one text, from its beginning to its end."""
        return Case(self, flow, pseudonyms)


class Case:
    """Judges the clusters of one text, each once and in the order of the text."""

    __slots__ = ("_flow", "_judge", "_pseudonyms")

    def __init__(self, judge: Judge, flow: Flow, pseudonyms: Pseudonyms | None) -> None:
        """Made by ``Judge.case``."""
        self._judge, self._flow, self._pseudonyms = judge, flow, pseudonyms

    def rule(self, cluster: Cluster, chars: Mapping[int, int], data: bytes) -> Ruling:
        """Rule on a cluster of ``data``. ``chars`` gives the number of characters before each of its matches' ends."""
        findings = tuple([self._finding(match, chars) for match in cluster.matches])
        pairs = zip(findings, cluster.matches, strict=True)
        strictest, _, _, name = max([(f.action, m.end - m.start, -m.detector, f.type) for f, m in pairs])
        # What is taken out of the text no longer says anything about it.
        label = PUBLIC if strictest.replaces or strictest.stops else join_all([finding.label for finding in findings])
        if not strictest.replaces:
            return Ruling(strictest, findings, label, b"")
        replacement = self._replacement(strictest, name, data[cluster.start : cluster.end].decode("utf-8"))
        return Ruling(strictest, findings, label, replacement.encode())

    def _finding(self, match: Match, chars: Mapping[int, int]) -> Finding:
        treatment = self._judge.treatments[match.detector]
        action = Action.BLOCK if match.overlong else treatment.action(self._flow.direction)
        return Finding(self._judge.detectors[match.detector].type, chars[match.start], chars[match.end], treatment.label, action)

    def _replacement(self, action: Action, name: str, original: str) -> str:
        if action is Action.PSEUDONYMISE and self._pseudonyms is not None:
            return self._pseudonyms.stand_in(name, original)
        return masked(original) if action is Action.MASK else f"[redacted:{name}]"


_SHOWN_CHARACTERS: Final = 4


def masked(original: str) -> str:
    """``original`` with all its letters and digits hidden but the last four; all of them where it has fewer than twelve."""
    left = sum(char.isalnum() for char in original)
    shown = _SHOWN_CHARACTERS if left >= 3 * _SHOWN_CHARACTERS else 0
    out = []
    for char in original:
        hidden = char.isalnum() and left > shown
        left -= char.isalnum()
        out.append("*" if hidden else char)
    return "".join(out)


def char_offsets(data: bytes, found: Iterable[Cluster], base: int = 0) -> dict[int, int]:
    """For every end of every match: ``base`` and the characters of ``data`` before it, counted in one pass."""
    ends = {place for cluster in found for match in cluster.matches for place in (match.start, match.end)}
    if data.isascii():
        return {place: base + place for place in ends}
    offsets: dict[int, int] = {}
    done, count = 0, base
    for place in sorted(ends):
        count += char_count(data[done:place])
        done = place
        offsets[place] = count
    return offsets


def char_count(data: bytes) -> int:
    """How many characters these bytes of valid UTF-8 begin."""
    return len(data) if data.isascii() else sum(byte & 0xC0 != 0x80 for byte in data)


def failed(at: int) -> Finding:
    """The finding of a detector that crashed: it blocks."""
    return Finding("detector-failed", at, at, PUBLIC, Action.BLOCK)
