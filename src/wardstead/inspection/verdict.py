"""From matches to a verdict: overlapping matches become one cluster, and policy says what happens to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from wardstead.inspection.combining import Combinations, Kind, Tracker
from wardstead.inspection.content.planted import PLANTED
from wardstead.inspection.patterns.catalogue import WINDOW_BYTES
from wardstead.inspection.patterns.folding import GO_ON
from wardstead.inspection.patterns.matching import Match
from wardstead.inspection.policy import ClassificationPolicy
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


class Judge:
    """What policy makes of findings, by the numbers of their kinds."""

    __slots__ = ("_policy", "combinations", "kinds", "treatments")

    def __init__(self, kinds: Sequence[Kind], policy: ClassificationPolicy) -> None:
        """Raises ``ConfigurationError`` where the policy says nothing of a kind, or speaks of what nobody finds."""
        # Rules may speak of canaries where none is planted.
        policy.check_names({one.type for one in kinds} | {"canary", PLANTED}, {one.category for one in kinds} | {"canary"})
        self._policy = policy
        self.kinds = tuple(kinds)
        self.treatments = [policy.treatment(one.type, one.category) for one in kinds]
        self.combinations = Combinations(policy.combinations, kinds)

    def where(self, number: int) -> str:
        """Where policy says what happens to such a finding."""
        return self._policy.where(self.kinds[number].type, self.kinds[number].category)

    def case(self, flow: Flow, pseudonyms: Pseudonyms | None, *, combining: bool = True) -> Case:
        """What judges texts, from the beginning to the end; ``combining``: also by what findings mean together."""
        return Case(self, flow, pseudonyms, self.combinations.begin() if combining else None)


class Case:
    """Judges the clusters of one text, each once and in the order of the text; of several texts, one after the other.

    For what findings mean together, texts that are judged by one case stand one behind the other.
    """

    __slots__ = ("_before", "_flow", "_judge", "_pseudonyms", "_tracker")

    def __init__(self, judge: Judge, flow: Flow, pseudonyms: Pseudonyms | None, tracker: Tracker | None) -> None:
        """Made by ``Judge.case``."""
        self._judge, self._flow, self._pseudonyms = judge, flow, pseudonyms
        self._tracker = tracker
        self._before = 0  # characters of the texts before this one

    def next_text(self, characters: int) -> None:
        """A text of so many characters is over, and another one follows."""
        self._before += characters

    def rule(self, cluster: Cluster, chars: Mapping[int, int], data: bytes) -> Ruling:
        """Rule on a cluster of ``data``. ``chars`` gives the number of characters before each of its matches' ends."""
        findings = tuple([self._finding(match, chars, data) for match in cluster.matches])
        pairs = zip(findings, cluster.matches, strict=True)
        strictest, _, _, name = max([(f.action, m.end - m.start, -m.detector, f.type) for f, m in pairs])
        if not (strictest.replaces or strictest.stops):
            if self._tracker is not None:
                for match in cluster.matches:
                    self._tracker.note(match.detector, self._before + chars[match.start], data[match.start : match.end])
            return Ruling(strictest, findings, join_all([finding.label for finding in findings]), b"")
        # What is taken out of the text no longer says anything about it.
        if strictest.stops:
            return Ruling(strictest, findings, PUBLIC, b"")
        label = join_all([finding.label for finding in findings])
        replacement = self._replacement(strictest, name, data[cluster.start : cluster.end].decode("utf-8"), label)
        return Ruling(strictest, findings, PUBLIC, replacement.encode())

    def mark(self, match: Match, chars: Mapping[int, int], data: bytes) -> Finding:
        """What a detector says of a text as a whole. Nothing can be taken out: what would be, stops the text."""
        finding = self._finding(match, chars, data)
        return msgspec.structs.replace(finding, action=Action.BLOCK) if finding.action.replaces else finding

    def _finding(self, match: Match, chars: Mapping[int, int], data: bytes) -> Finding:
        kind, treatment = self._judge.kinds[match.detector].type, self._judge.treatments[match.detector]
        start, end, label = chars[match.start], chars[match.end], treatment.label
        action = Action.BLOCK if match.overlong else treatment.action(self._flow)
        why = ""
        if self._tracker is not None:
            for one in self._tracker.completed(match.detector, self._before + end, data[match.start : match.end]):
                if self._flow.direction not in one.directions:
                    continue
                label, why = label.join(one.treatment.label), one.id
                action = max(action, one.treatment.action(self._flow))
        return Finding(kind, start, end, label, action, match.score, why)

    def _replacement(self, action: Action, name: str, original: str, label: Label) -> str:
        if action is Action.PSEUDONYMISE and self._pseudonyms is not None:
            return self._pseudonyms.stand_in(name, original, label)
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


def char_offsets(data: bytes, found: Iterable[Match], base: int = 0) -> dict[int, int]:
    """For every end of every match: ``base`` and the characters of ``data`` before it, counted in one pass."""
    ends = {place for match in found for place in (match.start, match.end)}
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
    return len(data) if data.isascii() else len(data.translate(None, GO_ON))


def failed(at: int) -> Finding:
    """The finding of a detector that crashed: it blocks."""
    return Finding("detector-failed", at, at, PUBLIC, Action.BLOCK)
