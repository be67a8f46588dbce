"""What another policy would have made of an exchange, from its record.

A record says of every finding what it was and where, and holds the texts as they went on. What was taken out of them is in no
record: there the type and the place are all that is known, which is all that a policy asks for. What the detectors find in the
rest today is added, for a policy may speak of what nobody looked for at the time. Both policies judge the same findings: where
they come to something else, it is the policies that differ.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from wardstead.inspection.combining import Kind
from wardstead.inspection.patterns.matching import Match
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import Flow
from wardstead.inspection.pseudonyms import ALPHABET, CODE_LENGTH
from wardstead.inspection.verdict import Judge, char_offsets, clusters
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label

REFUSED: Final = "refused"
"""Access policy would not let such data go there: the model, or the person, is not cleared for it."""
_REPLACEMENT: Final = re.compile(rf"\[redacted:[a-z0-9-]{{2,40}}\]|[A-Z][A-Za-z]{{0,60}}-[{ALPHABET}]{{{CODE_LENGTH}}}")


class Sighting(msgspec.Struct, frozen=True, order=True):
    """``text[start:end]`` (characters) is a ``type``. ``mark``: it says something of the text as a whole."""

    start: int
    end: int
    type: str
    score: float = 1.0
    mark: bool = False


class Recorded(msgspec.Struct, frozen=True):
    """A finding of a record: what it was, where in the original, and what was done to it."""

    seen: Sighting
    action: Action


class Excerpt(msgspec.Struct, frozen=True):
    """A text with all that is known to have been in it. What was taken out of it is made up: no two such places are equal."""

    text: str
    sightings: tuple[Sighting, ...] = ()


class Judgement(msgspec.Struct, frozen=True):
    """What a policy makes of some passages together. ``acts``: by type, the strictest that happens to one of its findings."""

    label: Label = PUBLIC
    action: Action = Action.ALLOW
    acts: Mapping[str, Action] = {}
    combinations: frozenset[str] = frozenset()


class Fate(msgspec.Struct, frozen=True):
    """How an exchange ends under a policy. ``word``: an action's, or ``refused``."""

    label: Label
    word: str
    acts: Mapping[str, str]
    combinations: frozenset[str]

    @property
    def rank(self) -> int:
        """How strict it is: the order of the actions; refused is as strict as blocked."""
        return int(Action.BLOCK if self.word == REFUSED else Action[self.word.upper()])


class Skipped(StrEnum):
    """Why a record was not replayed."""

    ERASED = "erased"
    ALTERED = "altered"
    NOT_CLEARED = "not_cleared"


class Replayed(msgspec.Struct, frozen=True):
    """What the policy in force and a changed one make of the same record. No content."""

    id: str
    time: str
    person: str
    model: str
    before: Fate
    after: Fate

    @property
    def change(self) -> str:
        """``stricter``, ``milder``, ``label`` (that alone), ``findings`` (some of them are treated otherwise), or ``same``."""
        if self.after.rank != self.before.rank:
            return "stricter" if self.after.rank > self.before.rank else "milder"
        if str(self.after.label) != str(self.before.label):
            return "label"
        return "findings" if self.differences else "same"

    @property
    def differences(self) -> tuple[tuple[str, str, str], ...]:
        """The types that are treated otherwise: before and after."""
        kinds = sorted(self.before.acts.keys() | self.after.acts.keys())
        pairs = ((kind, self.before.acts.get(kind, ""), self.after.acts.get(kind, "")) for kind in kinds)
        return tuple(one for one in pairs if one[1] != one[2])


def passages(kept: str, recorded: Sequence[Recorded], seen: Sequence[Sighting]) -> tuple[Excerpt, ...]:
    """The original of ``kept``, as far as it is known. ``seen``: what is found in ``kept`` itself.

    Where the record and the text do not fit (of a request in a dialect that was not the model's, or with more findings than a
    record keeps) they stand one behind the other: nothing is lost but how near they were.
    """
    gaps = _gaps(kept, recorded)
    known = tuple(one.seen for one in recorded)
    if gaps is None:
        end = max([one.end for one in known], default=0)
        return (Excerpt(_unknown(known, end), known), Excerpt(kept, tuple(seen)))
    text, done, number = [], 0, 0
    for number, (start, end, length) in enumerate(gaps):
        text += [kept[done:start], _filler(number, length)]
        done = end
    text.append(kept[done:])
    whole = "".join(text)
    moved = [_moved(one, gaps) for one in seen]
    return (Excerpt(whole, tuple(sorted({*known, *(one for one in moved if one is not None)}))),)


def _gaps(kept: str, recorded: Sequence[Recorded]) -> list[tuple[int, int, int]] | None:
    """Where in ``kept`` something stands for something else, and how long that was. ``None``: the two do not fit."""
    gaps: list[tuple[int, int, int]] = []
    shift = 0
    for start, end, action in _groups(recorded):
        at, length = start + shift, end - start
        if not action.replaces:
            continue
        found = _REPLACEMENT.match(kept, at)
        # What is masked stays as long as it was, and may look like anything.
        stands = found.end() if found is not None else at + length if action is Action.MASK else -1
        if at < 0 or not at <= stands <= len(kept):
            return None
        gaps.append((at, stands, length))
        shift += stands - at - length
    last = max([one.seen.end for one in recorded], default=0)
    return gaps if last <= len(kept) - shift else None


def _groups(recorded: Iterable[Recorded]) -> Iterable[tuple[int, int, Action]]:
    """Findings that overlap were treated as one."""
    group: tuple[int, int, Action] | None = None
    for one in sorted((one for one in recorded if not one.seen.mark), key=lambda one: (one.seen.start, one.seen.end)):
        if group is not None and one.seen.start < group[1]:
            group = (group[0], max(group[1], one.seen.end), max(group[2], one.action))
            continue
        if group is not None:
            yield group
        group = (one.seen.start, one.seen.end, one.action)
    if group is not None:
        yield group


def _moved(one: Sighting, gaps: Sequence[tuple[int, int, int]]) -> Sighting | None:
    """Its place in the original; ``None`` for what is found in what only stands for something."""
    if any(one.start < end and start < one.end for start, end, _ in gaps) and not one.mark:
        return None
    before = gaps[: bisect_right([end for _, end, _ in gaps], one.start)]
    shift = sum(length - (end - start) for start, end, length in before)
    return msgspec.structs.replace(one, start=one.start + shift, end=max(one.start, one.end) + shift)


def _unknown(known: Sequence[Sighting], length: int) -> str:
    text, done = [], 0
    for number, one in enumerate(sorted(known)):
        text += [" " * (one.start - done), _filler(number, one.end - max(done, one.start))]
        done = max(done, one.end)
    return "".join(text).ljust(length)


def _filler(number: int, length: int) -> str:
    """So many characters, others for each number: what they stood for counts as different."""
    return f"{number}.".ljust(length, "~")[: max(0, length)] if length > len(str(number)) else str(number)[:length].rjust(length)


class Rejudge:
    """A policy over kinds of findings, for records. Immutable."""

    def __init__(self, kinds: Sequence[Kind], policy: ClassificationPolicy) -> None:
        """Raises ``ConfigurationError`` where the policy says nothing of a kind, or speaks of what nobody finds."""
        self.policy = policy
        self._judge = Judge(kinds, policy)
        self._numbers: dict[str, int] = {}
        for number, one in enumerate(kinds):
            self._numbers.setdefault(one.type, number)

    def verdict(self, texts: Sequence[Excerpt], flow: Flow, *, failed: bool = False) -> Judgement:
        """What it makes of these, one behind the other. ``failed``: a detector did."""
        case = self._judge.case(flow, None)
        label, action = PUBLIC, Action.ALLOW
        acts: dict[str, Action] = {}
        together: set[str] = set()
        for passage in texts:
            data, places, marks = self._matches(passage)
            chars = char_offsets(data, [*places, *marks])
            findings: list[Finding] = []
            for cluster in clusters(places):
                ruling = case.rule(cluster, chars, data)
                findings += ruling.findings
                label, action = label.join(ruling.label), max(action, ruling.action)
                if ruling.action.stops:
                    break
            for mark in (case.mark(one, chars, data) for one in marks):
                findings.append(mark)
                label, action = label.join(mark.label), max(action, mark.action)
            case.next_text(len(passage.text))
            for one in findings:
                acts[one.type] = max(acts.get(one.type, Action.ALLOW), one.action)
                together |= {one.combination} - {""}
        if failed:
            action = max(action, self.policy.failure(label))
        return Judgement(label, action, acts, frozenset(together))

    def _matches(self, passage: Excerpt) -> tuple[bytes, list[Match], list[Match]]:
        text = passage.text
        data = text.encode("utf-8", "replace")
        ends = sorted({place for one in passage.sightings for place in (one.start, one.end) if place <= len(text)})
        at: dict[int, int] = {}
        done = count = 0
        for place in ends:
            count += len(text[done:place].encode("utf-8", "replace"))
            at[place] = count
            done = place
        places: list[Match] = []
        marks: list[Match] = []
        for one in passage.sightings:
            if one.type in self._numbers and one.end in at:
                match = Match(at[one.start], at[one.end], self._numbers[one.type], score=one.score)
                (marks if one.mark else places).append(match)
        return data, places, marks


def fate(prompt: Judgement, answer: Judgement | None, *, model: Label, person: Label | None) -> Fate:
    """How it ends: ``answer`` counts only where the prompt goes on. ``person``: ``None`` where they are no longer known."""
    label = prompt.label
    if prompt.action.stops:
        return _fate(label, prompt.action.name.lower(), prompt)
    if not model.dominates(label) or (person is not None and not person.dominates(label)):
        return _fate(label, REFUSED, prompt)
    if answer is None:
        return _fate(label, prompt.action.name.lower(), prompt)
    label = label.join(answer.label)
    word = max(prompt.action, answer.action).name.lower()
    if not answer.action.stops and person is not None and not person.dominates(label):
        word = REFUSED
    return _fate(label, word, prompt, answer)


def _fate(label: Label, word: str, *verdicts: Judgement) -> Fate:
    acts: dict[str, Action] = {}
    for one in verdicts:
        for kind, action in one.acts.items():
            acts[kind] = max(acts.get(kind, Action.ALLOW), action)
    together = frozenset[str]().union(*(one.combinations for one in verdicts))
    return Fate(label, word, {kind: action.name.lower() for kind, action in sorted(acts.items())}, together)
