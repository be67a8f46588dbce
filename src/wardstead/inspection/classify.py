"""What a text holds, as an explanation: every finding with its place, its label, and what policy would do in each direction."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from wardstead.inspection.combining import Kind, Tracker
from wardstead.inspection.known.matching import kinds_of_lists, matcher_of
from wardstead.inspection.known.ports import Windowed
from wardstead.inspection.patterns.catalogue import Detector, canary
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Match, Matcher
from wardstead.inspection.patterns.scanning import Kept
from wardstead.inspection.patterns.searching import blocks
from wardstead.inspection.policy import FLOWS, ClassificationPolicy, Combination, Treatment
from wardstead.inspection.ports import ANSWER, PROMPT, Direction, Flow, Origin, TextDetector
from wardstead.inspection.validators import CHECK_DIGITS, SAID, UNCHECKED
from wardstead.inspection.verdict import Judge, char_count
from wardstead.inspection.whole import WholeText, kinds_of
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, Label, join_all


class Found(msgspec.Struct, frozen=True):
    """``text[start:end]`` (characters) is a ``type``; ``also`` are other readings of the same place, which policy ranks lower.

    ``combinations``: what it is together with others in this text. ``mark``: it says something of the text as a whole.
    """

    type: str
    category: str
    detector: str
    start: int
    end: int
    label: Label
    actions: Mapping[Flow, Action]
    also: tuple[str, ...] = ()
    score: float = 1.0
    combinations: tuple[str, ...] = ()
    mark: bool = False

    @property
    def prompt(self) -> Action:
        """What happens to it on the way to a model in our sandbox."""
        return self.actions[PROMPT]

    @property
    def answer(self) -> Action:
        """What happens to it in such a model's answer."""
        return self.actions[ANSWER]


class Classification(msgspec.Struct, frozen=True):
    """The label of a text as it stands, before anything is taken out of it, and why. ``failed``: detectors that did not work.

    ``findings``: all of them, or the first that were asked for; ``more``: how many of each type there are besides.
    """

    label: Label = PUBLIC
    findings: tuple[Found, ...] = ()
    failed: tuple[str, ...] = ()
    more: Mapping[str, int] = {}


class Classifier:
    """Classifies whole texts. Safe for threads."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        policy: ClassificationPolicy,
        canaries: Sequence[str] = (),
        *,
        text_detectors: Sequence[TextDetector] = (),
        own: Sequence[Windowed] = (),
        scan: bool = True,
        kept: Kept | None = None,
        matcher: Matcher | None = None,
    ) -> None:
        """``scan``, ``kept``: see ``Matcher``; ``matcher``: one of the same patterns, if any. Raises ``ConfigurationError``."""
        patterns = (*detectors, *(canary(text) for text in canaries))
        self._names = [
            *(one.id for one in patterns),
            *(one.id for each in own for one in each.lists),
            *(one.id for one in text_detectors for _ in one.types),
        ]
        self._own = tuple(own)
        self._bound = frozenset(
            number for number, one in enumerate(patterns) if one.context and one.validator not in CHECK_DIGITS
        )
        self._unchecked = frozenset(number for number, one in enumerate(patterns) if one.validator in UNCHECKED)
        self._said = frozenset(number for number, one in enumerate(patterns) if one.validator in SAID)
        kinds = [Kind(one.type, one.category) for one in patterns] + kinds_of_lists(own)
        self._judge = Judge([*kinds, *kinds_of(text_detectors)], policy)
        self._whole = WholeText(text_detectors, self._judge, len(kinds))
        self._matcher = matcher or matcher_of(patterns, own, scan=scan, kept=kept)

    def classify(self, text: str, most: int | None = None) -> Classification:
        """What is found, in the order of the text. What a pattern raises is raised: here nothing is let through.

        Of more than ``most`` findings the rest is counted: a text may hold millions. Marks are among those that are given.
        """
        view = View(text)
        plain = view.text
        seen = self._whole.look_at(text)
        place, tracker = _Characters(plain), self._judge.combinations.begin()
        found: list[Found] = []
        more = Counter[str]()
        numbers = {match.detector for match in seen.marks}
        completed: dict[str, Combination] = {}
        for group in self._groups(view, sorted(seen.places)):
            place.go_on_from(group[0].start)
            numbers.update(match.detector for match in group)
            together = {} if tracker is None else _together(tracker, group, place, plain)
            completed.update((one.id, one) for ones in together.values() for one in ones)
            for chosen, others in self._resolve(group, plain):
                if most is None or len(found) < most:
                    found.append(self._found(chosen, others, place, together))
                else:
                    more[self._judge.kinds[chosen.detector].type] += 1
        place = _Characters(plain)
        found += [self._found(match, [], place, {}, mark=True) for match in seen.marks]
        # The label is that of every reading: the one that is not shown may be the right one.
        labels = [self._judge.treatments[number].label for number in numbers] + [
            one.treatment.label for one in completed.values()
        ]
        return Classification(join_all(labels), tuple(found), tuple(seen.failed), dict(more))

    def under(self, policy: ClassificationPolicy) -> Classifier:
        """The same detectors under another policy. Raises ``ConfigurationError`` where they do not go together."""
        patterns = self._matcher.detectors
        return Classifier(patterns, policy, text_detectors=self._whole.detectors, own=self._own, matcher=self._matcher)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What can be found, by the numbers of the detectors."""
        return self._judge.kinds

    @property
    def marks(self) -> frozenset[str]:
        """The types that say something of a text as a whole."""
        return frozenset(kind for one in self._whole.detectors if one.marks for kind in one.types)

    def looks(self, detector: str, direction: Direction, origin: Origin | None) -> bool:
        """Whether a detector would look at such a text on this way; explanations are of all that there is to be found."""
        one = next((one for one in self._whole.detectors if one.id == detector), None)
        return one is None or (direction in one.directions and (origin is None or origin in one.origins))

    def _treatment(self, match: Match) -> Treatment:
        return self._judge.treatments[match.detector]

    def _groups(self, view: View, places: Sequence[Match]) -> Iterator[list[Match]]:
        """Matches that overlap in a chain, in the order of the text, and never all of a long text at once.

        ``places``: what was found elsewhere, in order.
        """
        waiting: list[Match] = []
        taken = 0
        for found, limit in blocks(self._matcher, view):
            upto = bisect_left(places, limit, taken, key=lambda match: match.start)
            waiting = sorted([*waiting, *found, *places[taken:upto]])
            taken, at = upto, 0
            for group in _overlapping(waiting):
                if max(match.end for match in group) > limit:
                    break  # what is not known yet may join it
                at += len(group)
                yield group
            waiting = waiting[at:]

    def _resolve(self, group: Sequence[Match], data: bytes) -> list[tuple[Match, list[Match]]]:
        """Of matches that overlap in a chain, the ones to show, each with the readings that it stands for."""
        chosen: list[tuple[Match, list[Match]]] = []
        ranks = {match: self._rank(match, data) for match in group} if len(group) > 1 else {}
        for match in sorted(group, key=ranks.__getitem__, reverse=True) if ranks else group:
            over = next((others for one, others in chosen if match.start < one.end and one.start < match.end), None)
            if over is None:
                chosen.append((match, []))
            else:
                over.append(match)
        return sorted(chosen, key=lambda one: one[0].start)

    def _rank(self, match: Match, data: bytes) -> tuple[bool, bool, bool, int, int, int, int, int]:
        """What stands for itself comes before what only a word nearby makes of it: a telephone number stays one beside an SSN.

        A check digit that is right beside its word is no accident: "NHS 943 476 5919" could be dialled, and is none to dial.
        What is called a telephone number is one, whatever else it passes for. Of two words that make
        it one, the nearer one names it, where no form or check does.
        """
        treatment = self._treatment(match)
        severity = max(treatment.actions.values())
        said, bound = match.detector in self._said, match.detector in self._bound
        apart = self._matcher.apart(match.detector, data, match.start) if bound else 0
        return (
            said,
            not bound,
            not bound or match.detector not in self._unchecked,
            -apart,
            severity,
            treatment.label.level.rank,
            match.end - match.start,
            -match.detector,
        )

    def _found(
        self,
        match: Match,
        others: Sequence[Match],
        place: _Characters,
        together: Mapping[Match, Sequence[Combination]],
        *,
        mark: bool = False,
    ) -> Found:
        kind, treatment = self._judge.kinds[match.detector], self._treatment(match)
        also = {self._judge.kinds[other.detector].type for other in others} - {kind.type}
        parts = [one for each in (match, *others) for one in together.get(each, ())]
        # Of all readings, like the gateway: the one that is shown may not be the right one.
        says = [treatment, *(self._treatment(other) for other in others), *(one.treatment for one in parts)]
        actions = {flow: Action.BLOCK if match.overlong else max(one.action(flow) for one in says) for flow in FLOWS}
        return Found(
            kind.type,
            kind.category,
            self._names[match.detector],
            place.before(match.start),
            place.before(match.end),
            join_all(one.label for one in says),
            actions,
            tuple(sorted(also)),
            match.score,
            tuple(sorted({one.id for one in parts})),
            mark,
        )


class _Characters:
    """Counts characters before a place in UTF-8, each stretch once: places may be asked for a little out of order."""

    def __init__(self, data: bytes) -> None:
        self._data, self._ascii = data, data.isascii()
        self._known = [(0, 0)]

    def go_on_from(self, place: int) -> None:
        """Nothing before ``place`` will be asked for any more."""
        self._known = [(place, self.before(place))]

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


def _together(tracker: Tracker, group: Sequence[Match], place: _Characters, data: bytes) -> dict[Match, list[Combination]]:
    """The combinations that each match of a group completes, as the text stands."""
    found = {}
    for match in group:
        if ones := tracker.completed(match.detector, place.before(match.end), data[match.start : match.end]):
            found[match] = ones
    for match in group:
        tracker.note(match.detector, place.before(match.start), data[match.start : match.end])
    return found


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
