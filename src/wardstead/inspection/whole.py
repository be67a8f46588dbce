"""Detectors that need a whole text, under one policy: which of them run, on which texts, and what a failure means.

A detector whose findings would change nothing does not run: not for a policy that lets them pass without a label, and, where they
matter in a combination alone, not before the others of the combination were found. So a model that takes milliseconds for names
costs nothing where a name by itself is nobody's secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Final

from wardstead.inspection.combining import Kind
from wardstead.inspection.patterns.catalogue import WINDOW_BYTES
from wardstead.inspection.patterns.matching import Match
from wardstead.inspection.policy import FLOWS
from wardstead.inspection.ports import Direction, Flow, Origin, Span, TakesLong, TextDetector
from wardstead.inspection.verdict import Judge
from wardstead.kernel.errors import ConfigurationError, DetectorOverwhelmed
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC

Needs = tuple[tuple[frozenset[int], ...], ...]
"""By combination, by other term: the kinds of which one must have been found."""


@dataclass(slots=True)
class Seen:
    """What was seen in one text: places, which are matches, and marks on the text as a whole."""

    places: list[Match] = field(default_factory=list)
    marks: list[Match] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """The detectors whose verdict failed."""
    overwhelmed: bool = False
    """Whether one of them failed over the size of the text, which is its writer's choice."""


class WholeText:
    """Text detectors and their numbers. Safe for threads if they are."""

    def __init__(
        self, detectors: Sequence[TextDetector], judge: Judge, first: int, slow_detectors: Mapping[str, str] | None = None
    ) -> None:
        """``first`` is the number of their first kind in ``judge``; ``slow_detectors``: see ``ClassificationPolicy``.

        Raises ``ConfigurationError``.
        """
        self._when = dict(slow_detectors or {})
        self.detectors = tuple(detectors)
        self._judge = judge
        self._numbers: list[dict[str, int]] = []
        for one in detectors:
            self._numbers.append({name: first + at for at, name in enumerate(sorted(one.types))})
            first += len(one.types)
        self._quick = frozenset(number for number in range(len(judge.kinds)) if number not in self._slow_numbers())
        for one, numbers in zip(detectors, self._numbers, strict=True):
            self._check_marks(one, numbers)
        self._plans = {flow: self._plan(flow) for flow in FLOWS}
        self._held = {flow: self._takes_out(flow) for flow in FLOWS}

    def _slow_numbers(self) -> set[int]:
        pairs = zip(self.detectors, self._numbers, strict=True)
        return {number for one, numbers in pairs if one.slow for number in numbers.values()}

    def _check_marks(self, one: TextDetector, numbers: Mapping[str, int]) -> None:
        if not one.marks:
            return
        for name, number in numbers.items():
            if any(action.replaces for action in self._judge.treatments[number].actions.values()):
                raise ConfigurationError(
                    f"{name!r} says something of a text as a whole: nothing can be taken out of it",
                    where=self._judge.where(number), next_step="allow, flag, hold or block it",
                )  # fmt: skip

    def with_last(self, detector: TextDetector) -> WholeText:
        """The same with another detector of the same types in the place of the last one."""
        other = copy(self)
        other.detectors = (*self.detectors[:-1], detector)
        return other

    def concerns(self, flow: Flow) -> bool:
        """Whether any detector could change anything on this way."""
        return bool(self._plans[flow])

    def takes_out(self, flow: Flow) -> bool:
        """Whether a stream has to be whole before anything of it goes.

        So it is where policy would take a place out that only a whole text shows, and where such a place counts in a combination.
        """
        return self._held[flow]

    def _takes_out(self, flow: Flow) -> bool:
        places = [at for at, _ in self._plans[flow] if not self.detectors[at].marks]
        held = [at for at in places if not self.detectors[at].cuts]
        return any(self._replaces(self._numbers[at].values(), flow) for at in held) or any(
            # What a place completes together with others, it completes at its place in the text.
            self._combines(self._numbers[at].values(), flow)
            for at in places
        )

    def _combines(self, numbers: Iterable[int], flow: Flow) -> bool:
        judge = self._judge
        together = [judge.combinations.all[at] for number in numbers for at, _ in judge.combinations.places[number]]
        return any(
            flow.direction in one.directions and (one.treatment.label != PUBLIC or one.treatment.action(flow) is not Action.ALLOW)
            for one in together
        )

    def is_slow(self, flow: Flow) -> bool:
        """Whether any of those that could run takes long."""
        return any(self.detectors[at].slow for at, _ in self._plans[flow])

    def warm(self) -> frozenset[str]:
        """Let those that look at every text get ready: models, weights, tables. What fails now (their ids), fails again later."""
        always = {at for plan in self._plans.values() for at, needs in plan if not needs}
        seen = Seen()
        for at in sorted(always):
            self._run(at, ("Good morning.",), (), FLOWS[0], (seen,))
        return frozenset(seen.failed)

    def _replaces(self, numbers: Iterable[int], flow: Flow) -> bool:
        judge = self._judge
        together = [judge.combinations.all[at] for number in numbers for at, _ in judge.combinations.places[number]]
        says = [judge.treatments[number] for number in numbers]
        says += [one.treatment for one in together if flow.direction in one.directions]
        return any(one.action(flow) > Action.FLAG for one in says)

    def _plan(self, flow: Flow) -> tuple[tuple[int, Needs], ...]:
        """The detectors that may look on this way, the quick ones first, each with its needs: none, or one has to be met."""
        wanted = [(at, self._wanted(one, frozenset(self._numbers[at].values()), flow)) for at, one in enumerate(self.detectors)]
        running = [(at, needs) for at, needs in wanted if needs is not None]
        return tuple(sorted(running, key=lambda each: self.detectors[each[0]].slow))

    def _wanted(self, one: TextDetector, numbers: frozenset[int], flow: Flow) -> Needs | None:
        """``None``: never on this way. Empty: always. Else only where one of the needs is met."""
        judge = self._judge
        when = self._when.get(one.id, "always") if one.slow else "always"
        if flow.direction not in one.directions or when == "never":
            return None
        for treatment in (judge.treatments[number] for number in numbers if when == "always"):
            if treatment.label != PUBLIC or treatment.action(flow) is not Action.ALLOW:
                return ()
        needs = []
        for at, combination in enumerate(judge.combinations.all):
            treatment = combination.treatment
            if flow.direction not in combination.directions:
                continue
            matters = treatment.label != PUBLIC or treatment.action(flow) is not Action.ALLOW
            terms = [self._kinds_of(at, term) for term in range(len(combination.terms))]
            if matters and any(term & numbers for term in terms):
                # What only a slow detector finds cannot be waited for.
                needs.append(tuple(term for term in terms if not term & numbers and term <= self._quick))
        if any(not need for need in needs):
            return ()
        return tuple(needs) or None

    def _kinds_of(self, combination: int, term: int) -> frozenset[int]:
        places = self._judge.combinations.places
        return frozenset(number for number, where in enumerate(places) if (combination, term) in where)

    def look_at(self, text: str) -> Seen:
        """What all of them see in one text, whatever policy makes of it."""
        seen = Seen()
        for at in range(len(self.detectors)):
            self._run(at, (text,), (), FLOWS[0], (seen,))
        return seen

    def look(
        self,
        texts: Sequence[str],
        origins: Sequence[Origin],
        flow: Flow,
        found: Sequence[Iterable[Match]],
        *,
        patient: bool = True,
    ) -> list[Seen]:
        """What the detectors see in each text. ``found``: the matches of the patterns, by text.

        Raises ``TakesLong`` where a slow one has to look and nobody is ``patient``.
        """
        seen = [Seen() for _ in texts]
        kinds = {match.detector for matches in found for match in matches}
        for at, needs in self._plans[flow]:
            if needs and not any(all(term & kinds for term in need) for need in needs):
                continue
            if self.detectors[at].slow and not patient:
                raise TakesLong
            self._run(at, texts, origins, flow, seen)
            kinds.update(match.detector for one in seen for match in (*one.places, *one.marks))
        return seen

    def _run(self, at: int, texts: Sequence[str], origins: Sequence[Origin], flow: Flow, seen: Sequence[Seen]) -> None:
        one = self.detectors[at]
        prompt = flow.direction is Direction.PROMPT and len(origins) == len(texts)
        shown = [number for number, text in enumerate(texts) if text and (not prompt or origins[number] in one.origins)]
        if not shown:
            return
        try:
            answers = one.detect([texts[number] for number in shown])
            matches = [self._matches(at, texts[number], spans) for number, spans in zip(shown, answers, strict=True)]
        except Exception as error:  # noqa: BLE001 -- whatever fails in a detector is a failed verdict: policy says what that means
            for number in shown:
                seen[number].failed.append(one.id)
                seen[number].overwhelmed |= isinstance(error, DetectorOverwhelmed)
            return
        for number, these in zip(shown, matches, strict=True):
            (seen[number].marks if one.marks else seen[number].places).extend(these)

    def _matches(self, at: int, text: str, spans: Sequence[Span]) -> list[Match]:
        """Spans in characters as matches in bytes. Raises ``ValueError`` for one that cannot be."""
        if not spans:
            return []
        place, marks = _Bytes(text), self.detectors[at].marks
        matches = []
        for span in spans:
            if not 0 <= span.start <= span.end <= len(text):
                raise ValueError("a span lies outside its text")
            start, end = place.before(span.start), place.before(span.end)
            if end - start > WINDOW_BYTES and not marks:
                raise ValueError("a place is wider than the window")
            if start < end or marks:
                matches.append(Match(start, end, self._numbers[at][span.type], score=span.score))
        return matches


class _Bytes:
    """Counts the bytes of UTF-8 before a character, each stretch once where places are asked for in order."""

    def __init__(self, text: str) -> None:
        self._text, self._ascii = text, text.isascii()
        self._at, self._count = 0, 0

    def before(self, place: int) -> int:
        """How many bytes the first ``place`` characters take."""
        if self._ascii:
            return place
        if place < self._at:
            self._at, self._count = 0, 0
        self._count += len(self._text[self._at : place].encode("utf-8", "replace"))
        self._at = place
        return self._count


def kinds_of(detectors: Sequence[TextDetector]) -> list[Kind]:
    """The kinds of text detectors, in the order of their numbers."""
    return [Kind(name, one.types[name]) for one in detectors for name in sorted(one.types)]


NOTHING: Final = Seen()
