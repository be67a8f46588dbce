"""From the files of a classification policy, the one in force and those that it extends, to the policy that they mean."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from wardstead.inspection import policy_file as written
from wardstead.inspection.lattices import Lattices, Place
from wardstead.inspection.policy import FLOWS, ClassificationPolicy, Combination, Handling, Term, Treatment, nearest
from wardstead.inspection.ports import Direction, Flow, Keeping, ModelClass
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import Label, Levels
from wardstead.kernel.text import meant
from wardstead.kernel.yaml_input import place_in, places_in, read_yaml

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Read = Callable[[str], tuple[str, str]]
"""From the name that ``extends`` gives to the text of that policy, and where it stands."""
_Read = tuple[written.Policy, str, str]
"""A policy's file as it was read, its text, and where it stands."""
_ACTIONS: Final[Mapping[str, Action]] = {action.name.lower(): action for action in Action}


def load_policy(text: str, where: str, read: Read | None = None) -> ClassificationPolicy:
    """A policy from its YAML; ``read`` finds what it extends. Raises ``ConfigurationError`` that names file and place."""
    chain = _chain(text, where, read)
    lattices = Lattices()
    rules: dict[tuple[str, str], tuple[written.Rule, str]] = {}
    combinations: dict[str, tuple[written.Combination, str]] = {}
    handling: dict[Label, list[tuple[written.Handling, str]]] = {}
    compartments: dict[str, str] = {}
    failures, slow = written.Failures(), dict[str, str]()
    for policy, said, place in reversed(chain):
        lattices.add(policy.levels, policy.level_aliases, partial(place_in, said, place))
    levels = lattices.levels
    for file, (one_file, said, place) in enumerate(reversed(chain)):
        _indexed(one_file.handling, lambda one: (one.label.level, *sorted(one.label.compartments)), "handling", said, place)
        policy = _renamed(one_file, file, lattices, partial(place_in, said, place))
        rules |= _indexed(policy.rules, _rule_key, "rules", said, place)
        combinations |= _indexed(policy.combinations, lambda one: one.id, "combinations", said, place)
        handling |= _grouped(policy.handling, levels, said, place)
        compartments |= policy.compartments
        failures = policy.failures or failures
        slow |= policy.slow_detectors
    handlers = tuple(_handling(one, place, levels) for group in handling.values() for one, place in group)
    treat = _Treater(handlers, levels)
    own = {kind: _rule(rule, place, treat) for kind, (rule, place) in rules.items()}
    together = tuple(_combination(one, place, treat) for one, place in combinations.values())
    for treated in (*own.values(), *(one.treatment for one in together)):
        _check_holding(treated, handlers, where)
    labels = [one.label for one in own.values()] + [one.treatment.label for one in together] + [one.label for one in handlers]
    known = {name: compartments.get(name, "") for one in labels for name in sorted(one.compartments)}
    _check_compartments(compartments, known, chain)
    digest = sha256("\0".join(text for _, text, _ in chain).encode()).hexdigest()[:12]
    return ClassificationPolicy(
        f"{chain[0][0].version}:{digest}",
        {kind: one for (kind, _), one in own.items() if kind},
        {category: one for (_, category), one in own.items() if category},
        together,
        handlers,
        known,
        _ACTIONS[failures.public],
        _ACTIONS[failures.above],
        levels,
        slow,
        tuple(policy.extends for policy, _, _ in chain if policy.extends),
        *_own_names(_own_places(*chain[0])),
        _own_slow(*chain[0]),
    )


def _chain(text: str, where: str, read: Read | None) -> list[_Read]:
    """The policy and what it extends, the most general last."""
    chain: list[_Read] = []
    places: list[str] = []
    while True:
        if where in places:
            circle = " -> ".join([*places[places.index(where) :], where])
            raise ConfigurationError("a policy extends itself", where=place_in(chain[-1][1], places[-1], "extends"), why=circle)
        policy = read_yaml(text, where, written.Policy)
        chain.append((policy, text, where))
        places.append(where)
        if not policy.extends:
            return chain
        if read is None:
            raise ConfigurationError("there is nothing here to extend", where=place_in(text, where, "extends"))
        try:
            text, where = read(policy.extends)
        except ConfigurationError as error:
            here = error.where or place_in(text, where, "extends")
            raise ConfigurationError(error.what, where=here, why=error.why, next_step=error.next_step) from None


def _own_places(policy: written.Policy, text: str, where: str) -> dict[tuple[str, str], str]:
    """What a policy's own file names, as type and category of which one is empty, and where it does so first."""
    said: list[tuple[str, written.Rule | written.Term]] = [(f"rules[{number}]", one) for number, one in enumerate(policy.rules)]
    for number, together in enumerate(policy.combinations):
        said += [(f"combinations[{number}].of[{at}]", term) for at, term in enumerate(together.of)]
    places: dict[tuple[str, str], str] = {}
    for place, (_, one) in zip(places_in(text, where, [path for path, _ in said]), said, strict=True):
        places.setdefault((one.type, one.category), place)
    return places


def _own_slow(policy: written.Policy, text: str, where: str) -> dict[str, str]:
    """The slow detectors that a policy's own file names, and where."""
    names = list(policy.slow_detectors)
    return dict(zip(names, places_in(text, where, [f"slow_detectors.{name}" for name in names]), strict=True))


def _own_names(
    places: Mapping[tuple[str, str], str],
) -> tuple[frozenset[str], frozenset[str], Mapping[tuple[str, str], str]]:
    return frozenset(kind for kind, _ in places if kind), frozenset(name for _, name in places if name), places


def _rule_key(rule: written.Rule) -> tuple[str, str]:
    return rule.type, rule.category


def _indexed(entries: Sequence[V], key: Callable[[V], K], part: str, text: str, where: str) -> dict[K, tuple[V, str]]:
    """The entries of one ``part`` of one file, each with its place. Raises ``ConfigurationError`` for what is said twice."""
    found: dict[K, tuple[V, str]] = {}
    first: dict[K, int] = {}
    places = places_in(text, where, [f"{part}[{number}]" for number in range(len(entries))])
    for number, (entry, place) in enumerate(zip(entries, places, strict=True)):
        name = key(entry)
        if name in found:
            said = " ".join(filter(None, name)) if isinstance(name, tuple) else str(name)
            raise ConfigurationError(f"a second entry for {said!r}", where=place, why=f"the first is {places[first[name]]}")
        found[name] = (entry, place)
        first[name] = number
    return found


class _Treater:
    """Turns what a rule says, or what the handling of its label says, into treatments."""

    def __init__(self, handling: Sequence[Handling], levels: Levels) -> None:
        self._handling, self._levels = handling, levels

    def of(self, rule: written.Rule | written.Combination, place: str) -> Treatment:
        """Raises ``ConfigurationError`` where neither says what happens."""
        given = {Direction.PROMPT: rule.prompt, Direction.ANSWER: rule.answer}
        one = _label(rule.label, self._levels)
        return Treatment(one, {flow: self._action(given[flow.direction], flow, one, place) for flow in FLOWS}, place)

    def _action(self, given: written.Actions | None, flow: Flow, one: Label, place: str) -> Action:
        own = None if given is None else _word(given, flow.model)
        if own is not None:
            return _ACTIONS[own]
        inherited = [entry.actions[flow] for entry in nearest(self._handling, one)]
        if not inherited:
            raise ConfigurationError(
                f"nothing says what happens to it ({flow.direction} of a model that is {flow.model})", where=place,
                next_step=f"give the rule a '{flow.direction}', or the label {str(one)!r} a handling",
            )  # fmt: skip
        return max(inherited)


def _rule(rule: written.Rule, place: str, treat: _Treater) -> Treatment:
    if bool(rule.type) == bool(rule.category):
        raise ConfigurationError("a rule is for one type or for one category", where=place)
    return treat.of(rule, place)


def _combination(one: written.Combination, place: str, treat: _Treater) -> Combination:
    terms = []
    for term in one.of:
        if bool(term.type) == bool(term.category):
            raise ConfigurationError("a term is one type or one category", where=f"{place}.of")
        terms.append(Term(term.type or term.category, bool(term.type), term.count))
    if len(terms) == 1 and terms[0].count == 1:
        raise ConfigurationError("one finding is no combination", where=f"{place}.of", next_step="write a rule for it")
    return Combination(one.id, tuple(terms), treat.of(one, place), one.within or 0, frozenset(map(Direction, one.directions)))


def _handling(one: written.Handling, place: str, levels: Levels) -> Handling:
    given = {Direction.PROMPT: one.prompt, Direction.ANSWER: one.answer}
    actions = {}
    for flow in FLOWS:
        word = _word(given[flow.direction], flow.model)
        if word is None:
            raise ConfigurationError(
                f"says nothing of a model that is {flow.model}", where=f"{place}.{flow.direction}",
                next_step="add it, or 'otherwise'",
            )  # fmt: skip
        actions[flow] = _ACTIONS[word]
    seen_by = None if one.seen_by is None else frozenset(one.seen_by)
    return Handling(_label(one.label, levels), actions, Keeping(one.retention_days, one.encryption == "subject", seen_by), place)


def _check_holding(one: Treatment, handling: Sequence[Handling], where: str) -> None:
    """What is not kept is there for no reviewer."""
    kept = all(entry.keeping.content for entry in handling if one.label.dominates(entry.label))
    if Action.HOLD in one.actions.values() and not kept:
        raise ConfigurationError(
            f"what is labelled {str(one.label)!r} is held for review, and not kept", where=where,
            next_step="block it, or let the handling of its label keep it ('encryption: subject')",
        )  # fmt: skip


def _check_compartments(declared: Mapping[str, str], used: Mapping[str, str], chain: Sequence[_Read]) -> None:
    """Where a policy lists its compartments, another one is a misspelling: nobody would be cleared for it."""
    if declared and (unknown := sorted(used.keys() - declared.keys())):
        raise ConfigurationError(
            f"the compartment {unknown[0]!r} is not among the policy's compartments", where=_place_of(unknown[0], chain),
            why=f"{meant(unknown[0], declared)}they are {', '.join(sorted(declared))}",
            next_step="correct its name, or add it to 'compartments'",
        )  # fmt: skip


def _place_of(compartment: str, chain: Sequence[_Read]) -> str:
    """Where a label first has this compartment, in the policy or what it extends."""
    for policy, text, where in chain:
        labels = [(f"rules[{at}]", one.label) for at, one in enumerate(policy.rules)]
        labels += [(f"combinations[{at}]", one.label) for at, one in enumerate(policy.combinations)]
        labels += [(f"handling[{at}]", one.label) for at, one in enumerate(policy.handling)]
        for place, label in labels:
            if compartment in label.compartments:
                return place_in(text, where, f"{place}.label.compartments")
    return chain[0][2]


def _word(given: written.Actions, model: ModelClass) -> written.Word | None:
    if isinstance(given, str):
        return given
    own: written.Word | None = getattr(given, model.value)
    return own if own is not None else given.otherwise


def _label(one: written.Label, levels: Levels) -> Label:
    return levels.label(one.level, one.compartments)


Entry = TypeVar("Entry", written.Rule, written.Combination, written.Handling)


def _renamed(policy: written.Policy, file: int, lattices: Lattices, place: Place) -> written.Policy:
    """The policy in terms of the levels in force. Raises ``ConfigurationError`` for a level that its own file does not have."""

    def entries(part: str, given: tuple[Entry, ...]) -> tuple[Entry, ...]:
        renamed = []
        for number, one in enumerate(given):
            name = lattices.name(file, one.label.level, partial(place, f"{part}[{number}].label.level"))
            label = msgspec.structs.replace(one.label, level=name)
            renamed.append(msgspec.structs.replace(one, label=label))
        return tuple(renamed)

    return msgspec.structs.replace(
        policy,
        rules=entries("rules", policy.rules),
        combinations=entries("combinations", policy.combinations),
        handling=entries("handling", policy.handling),
    )


def _grouped(
    entries: Sequence[written.Handling], levels: Levels, text: str, where: str
) -> dict[Label, list[tuple[written.Handling, str]]]:
    """The handling of one file by label: several of one label where levels of the file are one level here."""
    found: dict[Label, list[tuple[written.Handling, str]]] = {}
    places = places_in(text, where, [f"handling[{number}]" for number in range(len(entries))])
    for one, place in zip(entries, places, strict=True):
        found.setdefault(_label(one.label, levels), []).append((one, place))
    return found
