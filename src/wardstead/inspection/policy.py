"""The classification policy: which label a finding gives its text, and what happens to it in each direction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import msgspec

from wardstead.inspection.ports import Direction
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import Label, label
from wardstead.kernel.yaml_input import read_yaml

_Word = Literal["allow", "redact", "block"]


class _Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: Literal["public", "internal", "confidential", "restricted"]
    compartments: tuple[str, ...] = ()


class _Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: for a detector's type, or for all of a category."""

    label: _Label
    prompt: _Word
    answer: _Word
    type: str = ""
    category: str = ""


class _Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy file."""

    version: int
    rules: tuple[_Rule, ...]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a finding means: its label, and an action for each direction."""

    label: Label
    prompt: Action
    answer: Action

    def action(self, direction: Direction) -> Action:
        """The action in that direction."""
        return self.prompt if direction is Direction.PROMPT else self.answer


@dataclass(frozen=True, slots=True)
class ClassificationPolicy:
    """Rules by type and by category; a type's own rule comes first."""

    version: str
    by_type: Mapping[str, Treatment]
    by_category: Mapping[str, Treatment]

    def treatment(self, kind: str, category: str) -> Treatment:
        """What to do with a finding. Raises ``ConfigurationError`` when no rule covers it: nothing is allowed by omission."""
        found = self.by_type.get(kind) or self.by_category.get(category)
        if found is None:
            raise ConfigurationError(
                f"no rule covers {kind!r} (category {category!r})", where="classification policy", next_step="add a rule for it"
            )
        return found

    def check_names(self, types: Collection[str], categories: Collection[str]) -> None:
        """Raises ``ConfigurationError`` for a rule that names no finding: a misspelt rule would let its data through."""
        if unknown := sorted((self.by_type.keys() - set(types)) | (self.by_category.keys() - set(categories))):
            raise ConfigurationError(
                f"a rule is for {', '.join(unknown)}, which no detector finds",
                where="classification policy",
                next_step=f"types: {', '.join(sorted(types))}; categories: {', '.join(sorted(categories))}",
            )


def load_policy(text: str, where: str) -> ClassificationPolicy:
    """A policy from its YAML. Raises ``ConfigurationError``."""
    policy = read_yaml(text, where, _Policy)
    seen: set[tuple[str, str]] = set()
    for number, rule in enumerate(policy.rules):
        if bool(rule.type) == bool(rule.category):
            raise ConfigurationError("a rule is for one type or for one category", where=f"{where}: rules[{number}]")
        if (rule.type, rule.category) in seen:
            raise ConfigurationError(f"a second rule for {rule.type or rule.category!r}", where=f"{where}: rules[{number}]")
        seen.add((rule.type, rule.category))
    version = f"{policy.version}:{sha256(text.encode()).hexdigest()[:12]}"
    return ClassificationPolicy(
        version,
        {rule.type: _treatment(rule) for rule in policy.rules if rule.type},
        {rule.category: _treatment(rule) for rule in policy.rules if rule.category},
    )


def policy_schema() -> dict[str, object]:
    """The JSON Schema of a policy file."""
    return msgspec.json.schema(_Policy)


def _treatment(rule: _Rule) -> Treatment:
    actions = {"allow": Action.ALLOW, "redact": Action.REDACT, "block": Action.BLOCK}
    return Treatment(label(rule.label.level, rule.label.compartments), actions[rule.prompt], actions[rule.answer])
