"""A set of policies: the texts that decide access together, under one version, compiled as a whole or refused as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.rules import AccessRules, load_rules
from wardstead.access.vocabulary import OF_RESOURCES
from wardstead.access.written import read_policies, templates
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import ConfigurationError, IntegrityError

SCHEMA: Final = "schema.cedarschema"
RULES: Final = "access.yaml"
ADMISSION: Final = "admission.yaml"
"""What is asked of models: the supply room reads it, and it is in force with the others."""
CLASSIFICATION: Final = "classification.yaml"
"""What findings mean and what happens to data, whatever the file is called in the folder: the inspection room reads it, and the
files beside it that it extends; they are in force with the others."""


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The texts of a deployment's own files by name: ``*.cedar``, the schema, ``access.yaml`` and ``admission.yaml``, if any, and
    the classification policy with what it extends."""

    texts: Mapping[str, str]

    @property
    def cedar(self) -> dict[str, str]:
        """The policies."""
        return {name: text for name, text in sorted(self.texts.items()) if name.endswith(".cedar")}

    @property
    def beside(self) -> dict[str, str]:
        """What is of the same version, and read by other rooms."""
        return {name: text for name, text in self.texts.items() if not name.endswith(".cedar") and name not in {SCHEMA, RULES}}

    def encode(self) -> bytes:
        """The one encoding in which they are kept."""
        return canonical_json(dict(sorted(self.texts.items())))

    def differing(self, other: PolicyFiles) -> tuple[str, ...]:
        """The files that are not the same in both."""
        names = self.texts.keys() | other.texts.keys()
        return tuple(sorted(name for name in names if self.texts.get(name) != other.texts.get(name)))


def decode_files(data: bytes) -> PolicyFiles:
    """The files that ``PolicyFiles.encode`` wrote. Raises ``IntegrityError`` for anything else."""
    try:
        texts = json.loads(data)
    except ValueError:
        texts = None
    if not isinstance(texts, dict) or not all(isinstance(one, str) for one in texts.values()):
        raise IntegrityError("what is kept as a version of the policies is none")
    return PolicyFiles(texts)


@dataclass(frozen=True, slots=True)
class Product:
    """What the product itself brings: policies that no deployment takes away, and names for a deployment that declares none."""

    mandatory: Mapping[str, str]
    fitting: Mapping[str, str]
    """Those that are in force with every schema that they fit; where one does not, the actions that it names are denied."""
    rules: str


@dataclass(frozen=True, slots=True)
class AccessPolicies:
    """Files that are valid together, compiled. ``version`` is what each intent records: a digest of all that decides."""

    files: PolicyFiles
    point: CedarDecisionPoint
    rules: AccessRules

    @property
    def version(self) -> str:
        """The decision point's."""
        return self.point.version

    @property
    def purposes(self) -> frozenset[str] | None:
        """The purposes that requests may name; ``None`` where the deployment, an older one, has no register: then any."""
        return frozenset(self.rules.purposes) if RULES in self.files.texts else None


def require_known_attributes(policies: AccessPolicies, where: str) -> None:
    """Raises ``ConfigurationError`` for a policy that looks at what no resource has: no list could be asked for it either."""
    unknown = sorted(policies.point.looked_at - OF_RESOURCES)
    if unknown:
        raise ConfigurationError(
            f"a policy looks at resource.{unknown[0]}, which no resource has", where=where,
            why=f"policies are told {', '.join(sorted(OF_RESOURCES))} of a resource, and the label of its data in the context",
        )  # fmt: skip


def require_no_templates(files: PolicyFiles, where: str) -> None:
    """Raises ``ConfigurationError`` for a policy that Cedar leaves out until somebody fills it in: what it forbids would be
    allowed, and nothing would say so.
    """
    for one in templates(files.cedar):
        raise ConfigurationError(
            "the policy that begins here is a template, and would never be in force", where=f"{where}/{one}",
            why="?principal and ?resource are filled in by nobody here", next_step="name who or what is meant",
        )  # fmt: skip


def require_own_ids(files: PolicyFiles, product: Product, where: str) -> None:
    """Raises ``ConfigurationError`` for a policy that is called as another is: a decision could not say which of them it was."""
    brought = read_policies({**product.mandatory, **product.fitting})
    taken = {one.id: one.where for one in brought}
    for one in read_policies(files.cedar):
        if one.named and one.id in taken:
            raise ConfigurationError(
                f"two policies are called {one.id[:80]!r}", where=f"{where}/{one.where}", why=f"the other is at {taken[one.id]}",
                next_step="give this one an @id of its own: records and reasons name policies by it",
            )  # fmt: skip
        taken[one.id] = one.where


def compile_policies(
    files: PolicyFiles, product: Product, where: str, brought: Mapping[str, str] | None = None
) -> AccessPolicies:
    """All of it, validated. ``where``: a folder or a version. Raises ``ConfigurationError`` that names file and place.

    ``brought``: texts of the product that the files beside the policies rest on. They are of the version, and read elsewhere.
    """
    policies = files.cedar
    if not policies:
        raise ConfigurationError(
            "there are no policies", where=where, next_step="restore the starter policies: everything is denied without"
        )
    if SCHEMA not in files.texts:
        raise ConfigurationError("the policy schema is missing", where=f"{where}/{SCHEMA}")
    own = files.texts.get(RULES)
    rules = load_rules(product.rules, f"wardstead: {RULES}") if own is None else load_rules(own, f"{where}/{RULES}")
    beside = {**files.beside, **(brought or {})}
    cedar = {**policies, **product.mandatory}
    point = CedarDecisionPoint(cedar, files.texts[SCHEMA], rules, product=product.fitting, beside=beside)
    _require_strength(rules, point, f"{where}/{SCHEMA}")
    return AccessPolicies(files, point, rules)


def _require_strength(rules: AccessRules, point: CedarDecisionPoint, where: str) -> None:
    """What a role demands of a sign-in must be a question that the schema can hold: else nobody would be asked."""
    strict = sorted(name for name, role in rules.roles.items() if role.second_factor)
    if strict and "lacks" not in point.words.sets:
        raise ConfigurationError(
            f"the role {strict[0]!r} needs a second factor, and the schema does not know how somebody signed in", where=where,
            next_step="take 'strength' and 'lacks' over from the schema that ships with Wardstead: 'wardstead config check'",
        )  # fmt: skip
