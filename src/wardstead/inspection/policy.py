"""The classification policy: which label a finding gives its text, and what happens to it on its way.

*Rules* say what a finding means: its label, by its type or else its category. *Combinations* say what several findings mean
together. *Handling* says what happens to data with a label, in each direction and for each class of model, how long it is kept
and who may see it; a rule or a combination may say otherwise for itself. A policy may *extend* another and say only what differs.

Nothing is allowed by omission: a finding that no rule covers, and a rule whose label has no handling, are errors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wardstead.inspection.ports import Direction, Flow, Keeping, ModelClass
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels
from wardstead.kernel.text import meant

MAX_PLACES: Final = 5
"""So many places are named in one error."""
OPTIONAL: Final = frozenset({"names", "judge"})
"""Detectors of ours that a deployment may have switched off: policies may speak of them all the same."""
FLOWS: Final = tuple(Flow(direction, model) for direction in Direction for model in ModelClass)

Actions = Mapping[Flow, Action]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a finding means: its label, and what happens to it on each way."""

    label: Label
    actions: Actions
    where: str = field(default="", compare=False)
    """Which rule of which file says so."""

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
    where: str = field(default="", compare=False)
    """Which entry of which file says so."""


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
    own_slow: Mapping[str, str] = field(default_factory=dict)
    """Where its own file names a slow detector."""

    def treatment(self, kind: str, category: str) -> Treatment:
        """What to do with a finding. Raises ``ConfigurationError`` when no rule covers it."""
        found = self.by_type.get(kind) or self.by_category.get(category)
        if found is None:
            raise ConfigurationError(
                f"no rule covers {kind!r} (category {category!r})", where="classification policy",
                next_step="add a rule for it or its category, or 'extends: general', which has one for all that ships; "
                "'wardstead classify use general' writes that line, and keeps the file as it was beside it; then "
                "'wardstead access activate'",
            )  # fmt: skip
        return found

    def where(self, kind: str, category: str) -> str:
        """Where it says what happens to such a finding: with the line, where its own file does."""
        named = (kind, "") if kind in self.by_type else ("", category)
        return self.own_places.get(named) or self.treatment(kind, category).where or "classification policy"

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
                where=", ".join(places[:MAX_PLACES]), why=meant(names[0], [*types, *categories]).strip(),
                next_step="'wardstead classify detectors' lists what is found",
            )  # fmt: skip

    def check_slow_detectors(self, known: Collection[str]) -> None:
        """Raises ``ConfigurationError`` where its own file says when a detector looks that there is not: it never would."""
        unknown = sorted(self.own_slow.keys() - {*known, *OPTIONAL})
        if unknown:
            raise ConfigurationError(
                f"there is no detector {unknown[0]!r}", where=self.own_slow[unknown[0]],
                why=f"{meant(unknown[0], [*known, *OPTIONAL])}there are {', '.join(sorted({*known, *OPTIONAL}))}",
                next_step="correct its name, or take the line out",
            )  # fmt: skip

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

    def seers(self) -> frozenset[str]:
        """Every role for which it keeps records of some label."""
        return frozenset().union(*(entry.keeping.seen_by or () for entry in self.handling))

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


def nearest(handling: Sequence[Handling], one: Label) -> list[Handling]:
    """Of what handles data with this label, what is not overruled by an entry for a label nearer to it."""
    applying = [entry for entry in handling if one.dominates(entry.label)]
    return [a for a in applying if not any(b.label != a.label and b.label.dominates(a.label) for b in applying)]
