"""The classification policy as people read it: a ladder of labels, a matrix of what happens, rules, sentences. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wardstead.console.ports import PolicyInForce
from wardstead.inspection.policy import ClassificationPolicy, Combination, Term, Treatment, nearest
from wardstead.inspection.ports import Direction, Flow, ModelClass
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import Label

DONE: Final[Mapping[Action, str]] = {
    Action.ALLOW: "let through",
    Action.FLAG: "let through and flagged",
    Action.PSEUDONYMISE: "pseudonymised",
    Action.MASK: "masked",
    Action.REDACT: "redacted",
    Action.HOLD: "held for review",
    Action.BLOCK: "blocked",
}
DONE_WORDS: Final = {action.name.lower(): words for action, words in DONE.items()}
MEANING: Final[Mapping[str, str]] = {
    "allow": "it goes on as it is",
    "flag": "it goes on, and is marked for people to look at",
    "pseudonymise": "a stand-in takes its place; its owner gets the original back in the answer",
    "mask": "all but its end is hidden",
    "redact": "it is taken out",
    "hold": "nothing goes on until somebody has reviewed it",
    "block": "nothing goes on",
}
CLASSES: Final[Mapping[ModelClass, str]] = {
    ModelClass.ISOLATED: "isolated",
    ModelClass.EXPOSED: "not isolated",
    ModelClass.UNATTESTED: "somebody else's",
}
OTHERWISE: Final = "otherwise"
_LEVEL_WORDS: Final = {
    "public": "for everybody",
    "internal": "for the organisation",
    "confidential": "for those who need it",
    "restricted": "harm if it gets out",
}
"""A deployment's own levels speak for themselves."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A level of the ladder, with the sets of compartments that data gets at it."""

    level: str
    tone: int
    """How high it is, from 0 to 3: its colour."""
    meaning: str
    labels: tuple[str, ...]
    """Each as ``personal + health``; empty for the level alone."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What happens on one way; ``word`` is empty where the policy leaves it to each rule."""

    direction: str
    model: str
    word: str


@dataclass(frozen=True, slots=True)
class Row:
    """What happens to data with a label, and how records of it are kept."""

    level: str
    tone: int
    compartments: str
    cells: tuple[Cell, ...]
    kept: str
    without: str
    """What is not kept of it; empty where everything is."""
    seen_by: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What a finding means. ``own``: the deployment's own file says so."""

    type: str
    level: str
    compartments: str
    prompt: tuple[tuple[str, str], ...]
    """Pairs of the models it is for (empty: all) and the action."""
    answer: tuple[tuple[str, str], ...]
    patterns: int
    own: bool

    @property
    def words(self) -> str:
        """All of it, for a search."""
        said = (word for _, word in (*self.prompt, *self.answer))
        return " ".join([self.type, self.level, self.compartments, *said]).casefold()


@dataclass(frozen=True, slots=True)
class Category:
    """The rules of a category: the first for all of it, where there is one."""

    name: str
    patterns: int
    share: int
    """Of the largest category's patterns, in percent."""
    detectors: tuple[str, ...]
    """Text detectors that find such data, too."""
    rules: tuple[Rule, ...]

    @property
    def found_by(self) -> str:
        """What finds such data: ``12 patterns and names``."""
        patterns = [f"{self.patterns} pattern{'' if self.patterns == 1 else 's'}"] if self.patterns else []
        *most, last = [*patterns, *self.detectors] or ["nothing at present"]
        return f"{', '.join(most)} and {last}" if most else last


def ladder(policy: ClassificationPolicy) -> tuple[Rung, ...]:
    """The levels, the highest first."""
    used = labels_of(policy)
    return tuple(
        Rung(
            level.name,
            policy.levels.quarter(level),
            _LEVEL_WORDS.get(level.name, ""),
            tuple(sorted({compartments(one) for one in used if one.level == level} - {""})),
        )
        for level in (policy.levels.level(name) for name in reversed(policy.levels.names))
    )


def labels_of(policy: ClassificationPolicy) -> set[Label]:
    """Every label that the policy can give."""
    given = [one.label for one in (*policy.by_type.values(), *policy.by_category.values())]
    given += [one.treatment.label for one in policy.combinations]
    return {*given, *(one.label for one in policy.handling)}


def compartments(one: Label) -> str:
    """``health + personal``."""
    return " + ".join(sorted(one.compartments))


def matrix(policy: ClassificationPolicy) -> tuple[Row, ...]:
    """For each label that data can get, the highest first: what its handling says."""
    ordered = sorted(labels_of(policy), key=lambda one: (-one.level.rank, len(one.compartments), compartments(one)))
    return tuple(_row(policy, one) for one in ordered)


def _row(policy: ClassificationPolicy, one: Label) -> Row:
    entries = nearest(policy.handling, one)
    cells = []
    for direction in Direction:
        for model in ModelClass:
            actions = [entry.actions[Flow(direction, model)] for entry in entries]
            word = max(actions).name.lower() if actions else ""
            cells.append(Cell(direction.value, CLASSES[model], word))
    keeping = policy.keeping(one)
    return Row(
        one.level.name,
        policy.levels.quarter(one.level),
        compartments(one),
        tuple(cells),
        _days(keeping.retention_days),
        "" if keeping.content else "not what was said",
        "as permitted" if keeping.seen_by is None else ", ".join(sorted(keeping.seen_by)) or "nobody",
    )


def _days(days: int | None) -> str:
    if days is None:
        return "no limit"
    years, rest = divmod(days, 365)
    return f"{years} year{'s' if years > 1 else ''}" if years and not rest else f"{days} day{'s' if days > 1 else ''}"


def categories(given: PolicyInForce, wanted: str = "") -> tuple[Category, ...]:
    """Every category with its rules; with ``wanted``, only the rules that hold all of its words."""
    policy = given.policy
    counts = Counter(kind.category for kind in given.kinds)
    by_type = Counter(kind.type for kind in given.kinds)
    types: dict[str, set[str]] = defaultdict(set)
    for one in given.kinds:
        types[one.category].add(one.type)
    for detector in given.detectors:
        for kind, category in detector.types.items():
            types[category].add(kind)
    by = {name: tuple(one.id for one in given.detectors if name in one.types.values()) for name in {*types, *policy.by_category}}
    largest = max(counts.values(), default=1)
    words = wanted.casefold().split()
    found = []
    for name in sorted(types.keys() | policy.by_category.keys()):
        whole = policy.by_category.get(name)
        rules = [_rule(f"all of {name}", whole, counts[name], own=name in policy.own_categories)] if whole else []
        for kind in sorted(types[name]):
            own = policy.by_type.get(kind)
            treatment = own or whole
            if treatment is not None:
                rules.append(_rule(kind, treatment, by_type[kind], own=kind in policy.own_types))
        shown = tuple(one for one in rules if all(word in f"{one.words} {name}" for word in words))
        if shown:
            found.append(Category(name, counts[name], round(100 * counts[name] / largest), by[name], shown))
    return tuple(found)


def _rule(kind: str, treatment: Treatment, patterns: int, *, own: bool) -> Rule:
    label = treatment.label
    said = [by_model(treatment, direction) for direction in Direction]
    return Rule(kind, label.level.name, compartments(label), said[0], said[1], patterns, own)


def by_model(treatment: Treatment, direction: Direction) -> tuple[tuple[str, str], ...]:
    """What happens in one direction: one pair for all models, or one for each action, the last for all that are left."""
    models: dict[Action, list[str]] = {}
    for model in ModelClass:
        models.setdefault(treatment.action(Flow(direction, model)), []).append(CLASSES[model])
    if len(models) == 1:
        return (("", next(iter(models)).name.lower()),)
    *named, (_, last) = ((", ".join(names), action.name.lower()) for action, names in models.items())
    return (*named, (OTHERWISE, last))


def sentences(policy: ClassificationPolicy) -> tuple[tuple[str, str, Label, Treatment], ...]:
    """The combinations: the id, what has to come together, the label, and what then happens."""
    return tuple((one.id, _condition(one), one.treatment.label, one.treatment) for one in policy.combinations)


def _condition(one: Combination) -> str:
    terms = [_term(term) for term in one.terms]
    said = terms[0] if len(terms) == 1 else f"{', '.join(terms[:-1])} and {terms[-1]}"
    where = f"within {one.within:,} characters" if one.within else "anywhere in one text"
    return f"{said[0].upper()}{said[1:]} {where}"


def _term(term: Term) -> str:
    name = term.name.replace("-", " ")
    kind = name if term.by_type else f"finding of the category {name}"
    if term.count == 1:
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    plural = f"{name} findings" if term.by_type else f"findings of the category {name}"
    return f"{term.count:,} different {plural}"


def happens(treatment: Treatment) -> str:
    """``in prompts redacted, in answers let through``; shorter where both are the same."""
    said = [_models_words(by_model(treatment, direction)) for direction in Direction]
    return said[0] if said[0] == said[1] else f"in prompts {said[0]}, in answers {said[1]}"


def _models_words(pairs: Iterable[tuple[str, str]]) -> str:
    said = []
    for models, word in pairs:
        what = DONE_WORDS[word]
        said.append(f"otherwise {what}" if models == OTHERWISE else f"{what} where the model is {models}" if models else what)
    return ", ".join(said)


def failures(policy: ClassificationPolicy) -> tuple[tuple[str, str], ...]:
    """What it means that a detector failed: of which texts, and the action."""
    return (
        ("a text that is public by all other detectors", policy.failure_public.name.lower()),
        ("a text above public", policy.failure_above.name.lower()),
    )


def counted(categories_: Sequence[Category]) -> int:
    """How many rules are shown."""
    return sum(len(one.rules) for one in categories_)
