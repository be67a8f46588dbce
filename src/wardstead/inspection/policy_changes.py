"""What two classification policies make of the same findings: where labels, actions and how it is kept differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wardstead.inspection.combining import Kind
from wardstead.inspection.policy import ClassificationPolicy, Combination, Treatment
from wardstead.inspection.ports import Direction, Flow, Keeping, ModelClass

NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """Of ``what`` (types, a combination, the records of a label …): what both policies say. ``-``: nothing."""

    what: tuple[str, ...]
    before: str
    after: str


def policy_changes(old: ClassificationPolicy, new: ClassificationPolicy, kinds: Iterable[Kind]) -> tuple[PolicyChange, ...]:
    """All that is different for findings of these kinds; of several types that change alike once."""
    types: dict[tuple[str, str], set[str]] = {}
    for one in kinds:
        before, after = (_treatment(policy, one) for policy in (old, new))
        if before != after:
            types.setdefault((before, after), set()).add(one.type)
    found = [PolicyChange(tuple(sorted(names)), *said) for said, names in types.items()]
    return (*sorted(found, key=lambda one: one.what), *_others(old, new))


def _others(old: ClassificationPolicy, new: ClassificationPolicy) -> Iterator[PolicyChange]:
    yield from _different("combination", _combinations(old), _combinations(new))
    yield from _different("records of", _records(old), _records(new))
    yield from _different("", _rest(old), _rest(new))


def _different(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[PolicyChange]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, NOTHING), new.get(name, NOTHING)
        if before != after:
            yield PolicyChange((f"{what} {name}".strip(),), before, after)


def _treatment(policy: ClassificationPolicy, kind: Kind) -> str:
    found = policy.by_type.get(kind.type) or policy.by_category.get(kind.category)
    return NOTHING if found is None else said(found)


def said(one: Treatment) -> str:
    """``confidential; personal: prompt redact, answer allow``; by the class of the model where that makes a difference."""
    return f"{one.label}: {', '.join(f'{way.value} {_actions(one, way)}' for way in Direction)}"


def _actions(one: Treatment, way: Direction) -> str:
    words = {model.value: one.action(Flow(way, model)).name.lower() for model in ModelClass}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return " ".join(f"{word} ({model})" for model, word in words.items())


def _combinations(policy: ClassificationPolicy) -> dict[str, str]:
    return {one.id: f"{_condition(one)}: {said(one.treatment)}" for one in policy.combinations}


def _condition(one: Combination) -> str:
    terms = [f"{term.count} x {'' if term.by_type else 'category '}{term.name}" for term in one.terms]
    ways = "" if one.directions == frozenset(Direction) else f" in {', '.join(sorted(way.value for way in one.directions))}"
    return f"{' + '.join(terms)}{f' within {one.within}' if one.within else ''}{ways}"


def _records(policy: ClassificationPolicy) -> dict[str, str]:
    """How what has a label is kept, for each label that a handling speaks of."""
    return {str(one.label): _kept(policy.keeping(one.label)) for one in policy.handling}


def _kept(keeping: Keeping) -> str:
    days = "no limit" if keeping.retention_days is None else f"{keeping.retention_days} days"
    seen = "as permitted" if keeping.seen_by is None else f"{', '.join(sorted(keeping.seen_by)) or 'nobody'} alone"
    return f"{days}, {'kept' if keeping.content else 'not what was said'}, seen {seen}"


def _rest(policy: ClassificationPolicy) -> dict[str, str]:
    slow = {f"detector {name}": when for name, when in policy.slow_detectors.items()}
    return {
        "levels": " < ".join(policy.levels.names),
        "level aliases": ", ".join(f"{name} = {level}" for name, level in sorted(policy.levels.aliases.items())) or NOTHING,
        "a detector that failed": f"public {policy.failure_public.name.lower()}, above {policy.failure_above.name.lower()}",
        **slow,
    }
