"""What a text holds, as an explanation: every finding with its place, its label, and what policy would do in each direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from wardstead.inspection.catalogue import Detector, canary
from wardstead.inspection.matching import Match, Matcher, opened
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.verdict import char_count, treatments
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, Label, join_all


class Found(msgspec.Struct, frozen=True):
    """``text[start:end]`` (characters) is a ``type``; ``also`` are other readings of the same place, which policy ranks lower."""

    type: str
    category: str
    detector: str
    start: int
    end: int
    label: Label
    prompt: Action
    answer: Action
    also: tuple[str, ...] = ()


class Classification(msgspec.Struct, frozen=True):
    """The label of a text as it stands, before anything is redacted, and why."""

    label: Label = PUBLIC
    findings: tuple[Found, ...] = ()


class Classifier:
    """Classifies whole texts. Safe for threads."""

    def __init__(
        self, detectors: Sequence[Detector], policy: ClassificationPolicy, canaries: Sequence[str] = (), *, scan: bool = True
    ) -> None:
        """``scan``: see ``Matcher``. Raises ``ConfigurationError``."""
        self._detectors = (*detectors, *(canary(text) for text in canaries))
        self._treatments = treatments(self._detectors, policy)
        self._matcher = Matcher(self._detectors, scan=scan)

    def classify(self, text: str) -> Classification:
        """Everything that is found, in the order of the text. What a detector raises is raised: here nothing is let through."""
        data = opened(text.encode("utf-8", "replace"))
        numbers = self._matcher.candidates(data, 0, self._matcher.lent(data, 0))
        matches = sorted(match for number in numbers for match in self._matcher.matches(number, data, 0, len(data)).matches)
        place = _Characters(data)
        found = [self._found(chosen, others, place) for group in _overlapping(matches) for chosen, others in self._resolve(group)]
        # The label is that of every reading: the one that is not shown may be the right one.
        return Classification(join_all(self._treatments[match.detector].label for match in matches), tuple(found))

    def _resolve(self, group: Sequence[Match]) -> list[tuple[Match, list[Match]]]:
        """Of matches that overlap in a chain, the ones to show, each with the readings that it stands for."""
        chosen: list[tuple[Match, list[Match]]] = []
        for match in sorted(group, key=self._rank, reverse=True):
            over = next((others for one, others in chosen if match.start < one.end and one.start < match.end), None)
            if over is None:
                chosen.append((match, []))
            else:
                over.append(match)
        return sorted(chosen, key=lambda one: one[0].start)

    def _rank(self, match: Match) -> tuple[bool, int, int, int, int]:
        """What stands for itself comes before what only a word nearby makes of it: a telephone number stays one beside an SSN."""
        treatment, detector = self._treatments[match.detector], self._detectors[match.detector]
        severity = max(treatment.prompt, treatment.answer)
        return not detector.context, severity, treatment.label.level, match.end - match.start, -match.detector

    def _found(self, match: Match, others: Sequence[Match], place: _Characters) -> Found:
        detector, treatment = self._detectors[match.detector], self._treatments[match.detector]
        also = {self._detectors[other.detector].type for other in others} - {detector.type}
        return Found(
            detector.type,
            detector.category,
            detector.id,
            place.before(match.start),
            place.before(match.end),
            treatment.label,
            Action.BLOCK if match.overlong else treatment.prompt,
            Action.BLOCK if match.overlong else treatment.answer,
            tuple(sorted(also)),
        )


class _Characters:
    """Counts characters before a place in UTF-8, each stretch once: places may be asked for a little out of order."""

    def __init__(self, data: bytes) -> None:
        self._data, self._ascii = data, data.isascii()
        self._known = [(0, 0)]

    def before(self, place: int) -> int:
        """How many characters begin before the byte at ``place``."""
        if self._ascii:
            return place
        while self._known[-1][0] > place:
            self._known.pop()
        at, count = self._known[-1]
        count += char_count(self._data[at:place])
        self._known.append((place, count))
        return count


def _overlapping(matches: Sequence[Match]) -> Iterator[list[Match]]:
    group: list[Match] = []
    end = 0
    for match in matches:
        if group and match.start >= end:
            yield group
            group = []
        group.append(match)
        end = max(end if len(group) > 1 else 0, match.end)
    if group:
        yield group
