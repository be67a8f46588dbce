"""The classification policy: which label a finding gives its text, and what happens to it on its way.

*Rules* say what a finding means: its label, by its type or else its category. *Combinations* say what several findings mean
together. *Handling* says what happens to data with a label, in each direction and for each class of model, how long it is kept
and who may see it; a rule or a combination may say otherwise for itself. A policy may *extend* another and say only what differs.

Nothing is allowed by omission: a finding that no rule covers, and a rule whose label has no handling, are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from wardstead.inspection.lattices import Lattices, Place
from wardstead.inspection.ports import Direction, Flow, Keeping, ModelClass
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels
from wardstead.kernel.text import meant
from wardstead.kernel.yaml_input import place_in, read_yaml

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Meta = msgspec.Meta
_Word = Literal["allow", "flag", "pseudonymise", "mask", "redact", "hold", "block"]
_Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
_Compartment = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,39}$")]
MAX_WITHIN: Final = 10_000
MAX_COUNT: Final = 10_000
MAX_LEVELS: Final = 16
MAX_PLACES: Final = 5
"""So many places are named in one error."""
Read = Callable[[str], tuple[str, str]]
"""From the name that ``extends`` gives to the text of that policy, and where it stands."""


class _Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: _Compartment
    compartments: tuple[_Compartment, ...] = ()


class _ByClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens, by the class of the model that the text goes to or comes from."""

    isolated: _Word | None = None
    exposed: _Word | None = None
    unattested: _Word | None = None
    otherwise: _Word | None = None


_Actions = _Word | _ByClass


class _Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a finding means: for a detector's type, or for all of a category."""

    label: _Label
    type: str = ""
    category: str = ""
    prompt: _Actions | None = None
    answer: _Actions | None = None


class _Term(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many different findings of a type or a category."""

    type: str = ""
    category: str = ""
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1


class _Combination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What several findings mean together, in ``directions``.

    ``within``: so many characters from the first to the last; else the whole text.
    """

    id: _Name
    of: Annotated[tuple[_Term, ...], Meta(min_length=1, max_length=8)]
    label: _Label
    within: Annotated[int, Meta(ge=1, le=MAX_WITHIN)] | None = None
    directions: Annotated[tuple[Literal["prompt", "answer"], ...], Meta(min_length=1)] = ("prompt", "answer")
    prompt: _Actions | None = None
    answer: _Actions | None = None


class _Handling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to data whose label is this one or dominates it.

    Of those that apply the nearest; of several, the strictest.
    """

    label: _Label
    prompt: _Actions
    answer: _Actions
    retention_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None
    encryption: Literal["subject", "not-kept"] = "subject"
    seen_by: tuple[str, ...] | None = None


class _Failures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it means that a detector failed: for a text that is public by all others, and for one above."""

    public: Literal["allow", "flag", "hold", "block"] = "flag"
    above: Literal["allow", "flag", "hold", "block"] = "block"


class _Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy file."""

    version: Annotated[int, Meta(ge=1)]
    extends: str = ""
    levels: Annotated[tuple[_Compartment, ...], Meta(min_length=1, max_length=MAX_LEVELS)] | None = None
    level_aliases: dict[_Compartment, _Compartment] = {}
    compartments: dict[_Compartment, str] = {}
    rules: tuple[_Rule, ...] = ()
    combinations: tuple[_Combination, ...] = ()
    handling: tuple[_Handling, ...] = ()
    failures: _Failures | None = None
    slow_detectors: dict[str, Literal["always", "combined", "never"]] = {}


Actions = Mapping[Flow, Action]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a finding means: its label, and what happens to it on each way."""

    label: Label
    actions: Actions

    def action(self, flow: Flow) -> Action:
        """What happens to it on this way."""
        return self.actions[flow]


@dataclass(frozen=True, slots=True)
class Term:
    """``count`` different findings whose type or category is ``name``."""

    name: str
    by_type: bool
    count: int = 1

    def takes(self, kind: str, category: str) -> bool:
        """Whether such a finding counts."""
        return self.name == (kind if self.by_type else category)


@dataclass(frozen=True, slots=True)
class Combination:
    """Findings that mean more together. ``within``: characters from the first to the last; 0 for anywhere in the text."""

    id: str
    terms: tuple[Term, ...]
    treatment: Treatment
    within: int = 0
    directions: frozenset[Direction] = frozenset(Direction)


@dataclass(frozen=True, slots=True)
class Handling:
    """What happens to data whose label dominates ``label``."""

    label: Label
    actions: Actions
    keeping: Keeping


@dataclass(frozen=True, slots=True)
class ClassificationPolicy:
    """A policy with everything that it extends. A type's own rule comes before the one of its category."""

    version: str
    by_type: Mapping[str, Treatment]
    by_category: Mapping[str, Treatment]
    combinations: tuple[Combination, ...]
    handling: tuple[Handling, ...]
    compartments: Mapping[str, str]
    """Every compartment that data can get, and what it is for."""
    failure_public: Action
    failure_above: Action
    levels: Levels = STANDARD
    """The levels that its labels, and all others of its deployment, are of."""
    slow_detectors: Mapping[str, str] = field(default_factory=dict)
    """By a slow detector's id: whether it looks at every text (``always``, also where nothing is said), only where what it finds
    would complete a combination (``combined``), or ``never``."""
    extends: tuple[str, ...] = ()
    """The policies that it extends, by name, the nearest first."""
    own_types: frozenset[str] = frozenset()
    own_categories: frozenset[str] = frozenset()
    """What its own file names, not what it extends."""
    own_places: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Where its own file names a type, or a category, first: ``("person", "")``, ``("", "personal")``."""

    def treatment(self, kind: str, category: str) -> Treatment:
        """What to do with a finding. Raises ``ConfigurationError`` when no rule covers it."""
        found = self.by_type.get(kind) or self.by_category.get(category)
        if found is None:
            raise ConfigurationError(
                f"no rule covers {kind!r} (category {category!r})", where="classification policy",
                next_step="add a rule for it, or 'extends: general', which has one for everything that can be found; "
                "'wardstead classify use general' writes that line, and keeps the file as it was beside it",
            )  # fmt: skip
        return found

    def check_names(self, types: Collection[str], categories: Collection[str]) -> None:
        """Raises ``ConfigurationError`` for what names no finding: a misspelt rule would let its data through.

        A policy that is extended may speak of detectors that are switched off here.
        """
        unknown = {(name, "") for name in self.own_types - set(types)} | {
            ("", name) for name in self.own_categories - set(categories)
        }
        if unknown:
            places = [self.own_places.get(one, "classification policy") for one in sorted(unknown)]
            names = sorted({kind or category for kind, category in unknown})
            raise ConfigurationError(
                f"a rule is for {', '.join(names)}, which no detector finds",
                where=", ".join(places[:MAX_PLACES]),
                why=meant(names[0], [*types, *categories]).strip(),
                next_step=f"types: {', '.join(sorted(types))}; categories: {', '.join(sorted(categories))}",
            )

    def keeping(self, one: Label) -> Keeping:
        """How a record of data with this label is kept: the strictest of all that its label calls for."""
        found = [entry.keeping for entry in self.handling if one.dominates(entry.label)]
        days = [keeping.retention_days for keeping in found if keeping.retention_days is not None]
        seen = [keeping.seen_by for keeping in found if keeping.seen_by is not None]
        return Keeping(
            min(days, default=None),
            all(keeping.content for keeping in found),
            frozenset.intersection(*seen) if seen else None,
        )

    def passing(self, *actions: Action) -> ClassificationPolicy:
        """The same, where what would come to one of these ``actions`` goes on, and is flagged."""

        def milder(action: Action) -> Action:
            return Action.FLAG if action in actions else action

        def treated(one: Treatment) -> Treatment:
            return Treatment(one.label, {flow: milder(action) for flow, action in one.actions.items()})

        return replace(
            self,
            by_type={kind: treated(one) for kind, one in self.by_type.items()},
            by_category={category: treated(one) for category, one in self.by_category.items()},
            combinations=tuple(replace(one, treatment=treated(one.treatment)) for one in self.combinations),
            failure_public=milder(self.failure_public),
            failure_above=milder(self.failure_above),
        )

    def may_hold(self, flow: Flow) -> bool:
        """Whether anything could be held for review on this way."""
        treatments = (*self.by_type.values(), *self.by_category.values(), *(one.treatment for one in self.combinations))
        return Action.HOLD in (self.failure_public, self.failure_above, *(one.action(flow) for one in treatments))

    @property
    def highest(self) -> Label:
        """What dominates every label that data can get here."""
        return self.levels.label(self.levels.names[-1], self.compartments)

    def failure(self, found: Label, *, overwhelmed: bool = False) -> Action:
        """What the failure of a detector means where the others ``found`` this, also where it was taken out.

        ``overwhelmed``: it failed over the size of the text. Nobody may choose the milder answer by writing more.
        """
        if overwhelmed:
            return max(self.failure_public, self.failure_above)
        return self.failure_public if found == PUBLIC else self.failure_above


FLOWS: Final = tuple(Flow(direction, model) for direction in Direction for model in ModelClass)


def load_policy(text: str, where: str, read: Read | None = None) -> ClassificationPolicy:
    """A policy from its YAML; ``read`` finds what it extends. Raises ``ConfigurationError`` that names file and place."""
    chain = _chain(text, where, read)
    lattices = Lattices()
    rules: dict[tuple[str, str], tuple[_Rule, str]] = {}
    combinations: dict[str, tuple[_Combination, str]] = {}
    handling: dict[Label, list[tuple[_Handling, str]]] = {}
    compartments: dict[str, str] = {}
    failures, slow = _Failures(), dict[str, str]()
    for policy, said, place in reversed(chain):
        lattices.add(policy.levels, policy.level_aliases, partial(place_in, said, place))
    levels = lattices.levels
    for file, (written, said, place) in enumerate(reversed(chain)):
        _indexed(written.handling, lambda one: (one.label.level, *sorted(one.label.compartments)), "handling", said, place)
        policy = _renamed(written, file, lattices, partial(place_in, said, place))
        rules |= _indexed(policy.rules, _rule_key, "rules", said, place)
        combinations |= _indexed(policy.combinations, lambda one: one.id, "combinations", said, place)
        handling |= _grouped(policy.handling, levels, place)
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
    _check_compartments(compartments, known, where)
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
        *_own_names(_own_places(chain[0][0], where)),
    )


def policy_schema() -> dict[str, object]:
    """The JSON Schema of a policy file."""
    return msgspec.json.schema(_Policy)


def _chain(text: str, where: str, read: Read | None) -> list[tuple[_Policy, str, str]]:
    """The policy and what it extends, the most general last."""
    chain: list[tuple[_Policy, str, str]] = []
    places: list[str] = []
    while True:
        if where in places:
            circle = " -> ".join([*places[places.index(where) :], where])
            raise ConfigurationError("a policy extends itself", where=place_in(chain[-1][1], places[-1], "extends"), why=circle)
        policy = read_yaml(text, where, _Policy)
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


def nearest(handling: Sequence[Handling], one: Label) -> list[Handling]:
    """Of what handles data with this label, what is not overruled by an entry for a label nearer to it."""
    applying = [entry for entry in handling if one.dominates(entry.label)]
    return [a for a in applying if not any(b.label != a.label and b.label.dominates(a.label) for b in applying)]


def _own_places(policy: _Policy, where: str) -> dict[tuple[str, str], str]:
    """What a policy's own file names, as type and category of which one is empty, and where it does so first."""
    said: list[tuple[str, _Rule | _Term]] = [(f"rules[{number}]", one) for number, one in enumerate(policy.rules)]
    for number, together in enumerate(policy.combinations):
        said += [(f"combinations[{number}].of[{at}]", term) for at, term in enumerate(together.of)]
    places: dict[tuple[str, str], str] = {}
    for place, one in said:
        places.setdefault((one.type, one.category), f"{where}: {place}")
    return places


def _own_names(
    places: Mapping[tuple[str, str], str],
) -> tuple[frozenset[str], frozenset[str], Mapping[tuple[str, str], str]]:
    return frozenset(kind for kind, _ in places if kind), frozenset(name for _, name in places if name), places


def _rule_key(rule: _Rule) -> tuple[str, str]:
    return rule.type, rule.category


def _indexed(entries: Sequence[V], key: Callable[[V], K], part: str, text: str, where: str) -> dict[K, tuple[V, str]]:
    """The entries of one ``part`` of one file, each with its place. Raises ``ConfigurationError`` for what is said twice."""
    found: dict[K, tuple[V, str]] = {}
    first: dict[K, int] = {}
    for number, entry in enumerate(entries):
        name = key(entry)
        if name in found:
            said = " ".join(filter(None, name)) if isinstance(name, tuple) else str(name)
            here, there = (place_in(text, where, f"{part}[{at}]") for at in (number, first[name]))
            raise ConfigurationError(f"a second entry for {said!r}", where=here, why=f"the first is {there}")
        found[name] = (entry, f"{where}: {part}[{number}]")
        first[name] = number
    return found


class _Treater:
    """Turns what a rule says, or what the handling of its label says, into treatments."""

    def __init__(self, handling: Sequence[Handling], levels: Levels) -> None:
        self._handling, self._levels = handling, levels

    def of(self, rule: _Rule | _Combination, place: str) -> Treatment:
        """Raises ``ConfigurationError`` where neither says what happens."""
        given = {Direction.PROMPT: rule.prompt, Direction.ANSWER: rule.answer}
        one = _label(rule.label, self._levels)
        return Treatment(one, {flow: self._action(given[flow.direction], flow, one, place) for flow in FLOWS})

    def _action(self, given: _Actions | None, flow: Flow, one: Label, place: str) -> Action:
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


def _rule(rule: _Rule, place: str, treat: _Treater) -> Treatment:
    if bool(rule.type) == bool(rule.category):
        raise ConfigurationError("a rule is for one type or for one category", where=place)
    return treat.of(rule, place)


def _combination(one: _Combination, place: str, treat: _Treater) -> Combination:
    terms = []
    for term in one.of:
        if bool(term.type) == bool(term.category):
            raise ConfigurationError("a term is one type or one category", where=f"{place}.of")
        terms.append(Term(term.type or term.category, bool(term.type), term.count))
    if len(terms) == 1 and terms[0].count == 1:
        raise ConfigurationError("one finding is no combination", where=f"{place}.of", next_step="write a rule for it")
    return Combination(one.id, tuple(terms), treat.of(one, place), one.within or 0, frozenset(map(Direction, one.directions)))


def _handling(one: _Handling, place: str, levels: Levels) -> Handling:
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
    return Handling(_label(one.label, levels), actions, Keeping(one.retention_days, one.encryption == "subject", seen_by))


def _check_holding(one: Treatment, handling: Sequence[Handling], where: str) -> None:
    """What is not kept is there for no reviewer."""
    kept = all(entry.keeping.content for entry in handling if one.label.dominates(entry.label))
    if Action.HOLD in one.actions.values() and not kept:
        raise ConfigurationError(
            f"what is labelled {str(one.label)!r} is held for review, and not kept", where=where,
            next_step="block it, or let the handling of its label keep it ('encryption: subject')",
        )  # fmt: skip


def _check_compartments(declared: Mapping[str, str], used: Mapping[str, str], where: str) -> None:
    """Where a policy lists its compartments, another one is a misspelling: nobody would be cleared for it."""
    if declared and (unknown := sorted(used.keys() - declared.keys())):
        raise ConfigurationError(
            f"the compartment {unknown[0]!r} is not among the policy's compartments", where=where,
            why=f"{meant(unknown[0], declared)}they are {', '.join(sorted(declared))}",
            next_step="correct its name, or add it to 'compartments'",
        )  # fmt: skip


def _word(given: _Actions, model: ModelClass) -> _Word | None:
    if isinstance(given, str):
        return given
    own: _Word | None = getattr(given, model.value)
    return own if own is not None else given.otherwise


def _label(one: _Label, levels: Levels) -> Label:
    return levels.label(one.level, one.compartments)


Entry = TypeVar("Entry", _Rule, _Combination, _Handling)


def _renamed(policy: _Policy, file: int, lattices: Lattices, place: Place) -> _Policy:
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


def _grouped(entries: Sequence[_Handling], levels: Levels, where: str) -> dict[Label, list[tuple[_Handling, str]]]:
    """The handling of one file by label: several of one label where levels of the file are one level here."""
    found: dict[Label, list[tuple[_Handling, str]]] = {}
    for number, one in enumerate(entries):
        found.setdefault(_label(one.label, levels), []).append((one, f"{where}: handling[{number}]"))
    return found


_ACTIONS: Final[Mapping[str, Action]] = {action.name.lower(): action for action in Action}
