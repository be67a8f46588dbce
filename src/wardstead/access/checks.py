"""What does not fit together in policies that are valid: names that nothing declares, policies that decide nothing.

A *finding* is a mistake, as far as can be told from the texts; a *note* is worth a look. What is said of a policy is said without
trying people or situations: a policy that is not named here may decide nothing all the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from wardstead.access.policyset import AccessPolicies
from wardstead.access.ports import CredentialKind
from wardstead.access.rules import RESERVED, AccessRules
from wardstead.access.strength import SECOND_FACTOR, STRENGTHS
from wardstead.access.written import ASKED_ROLE, Mention, WrittenPolicy, literals, path_of, read_policies

_NAMED: Final = {"windows": "window", "networks": "network", "fresh": "fresh", "signals": "signal", "purpose": "purpose"}
_OURS: Final = {
    "strength": STRENGTHS,
    "lacks": frozenset({SECOND_FACTOR}),
    "credential": frozenset(one.value for one in CredentialKind),
}
"""Names that the product gives, and no access.yaml."""
_ANYBODY_S: Final = frozenset({"application", "conversation"})
"""Names that requests give, whatever they are."""
_MAX_PAIRS: Final = 200
"""So many pairs of a permit and a forbid are named."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``mistake``: it is one as far as can be told; else it is worth a look. ``where``: file and line."""

    code: str
    mistake: bool
    where: str
    what: str
    next_step: str = ""


def check_policies(policies: AccessPolicies, held: Collection[str]) -> tuple[Finding, ...]:
    """Everything that is found, mistakes first. ``held``: the roles that somebody has by now."""
    written = read_policies(policies.files.cedar)
    found = [
        *_names(written, policies.rules, policies.point.words.attributes.keys()),
        *_unused(written, policies.rules),
        *_unheld(written, policies.rules, held),
        *_ids(written),
        *_never(written, policies.rules),
        *_covered(written),
        *_against(written),
    ]
    return tuple(sorted(found, key=lambda one: (not one.mistake, one.code, _order(one.where))))


def _order(where: str) -> tuple[str, int]:
    name, _, line = where.rpartition(":")
    return (name, int(line)) if line.isdigit() else (where, 0)


def _declared(rules: AccessRules, of: str) -> Collection[str]:
    return {
        "windows": rules.windows, "networks": rules.networks, "fresh": rules.fresh, "signals": rules.signals,
        "purpose": rules.purposes, "role": rules.roles, ASKED_ROLE: rules.roles,
    }[of].keys()  # fmt: skip


def _names(written: Collection[WrittenPolicy], rules: AccessRules, known: Collection[str]) -> Iterator[Finding]:
    """Names that policies use and access.yaml does not declare."""
    for policy in written:
        for mention in sorted(policy.mentions, key=lambda one: (one.of, one.value or "")):
            if mention.of.startswith("principal."):
                yield from _attribute(policy, mention, rules, known)
            elif mention.of in _OURS:
                yield from _ours(policy, mention)
            elif mention.of not in _ANYBODY_S and mention.value not in _declared(rules, mention.of):
                kind = _NAMED.get(mention.of, "role")
                what = f"{policy.id} speaks of the {kind} {mention.value!r}: nothing declares it"
                yield Finding(f"undeclared-{kind}", True, policy.where, what, "correct its name, or declare it in access.yaml")


def _ours(policy: WrittenPolicy, mention: Mention) -> Iterator[Finding]:
    known = _OURS[mention.of]
    if mention.value not in known:
        what = f"{policy.id}: context.{mention.of} is never {mention.value!r}"
        yield Finding("impossible-value", True, policy.where, what, f"it may have {', '.join(sorted(known))}")


def _attribute(policy: WrittenPolicy, mention: Mention, rules: AccessRules, known: Collection[str]) -> Iterator[Finding]:
    name = mention.of.removeprefix("principal.")
    if name in RESERVED:
        return
    if name not in rules.attributes:
        if mention.value is None and name in known:
            yield Finding(
                "undeclared-attribute", True, policy.where, f"{policy.id} speaks of the attribute {name!r}: nothing declares it",
                "declare it in access.yaml: nobody can be given it",
            )  # fmt: skip
        return
    allowed = rules.attributes[name].values
    if mention.value is not None and allowed and mention.value not in allowed:
        yield Finding(
            "impossible-value", True, policy.where, f"{policy.id}: the attribute {name!r} is never {mention.value!r}",
            f"it is one of {', '.join(sorted(allowed))}",
        )  # fmt: skip


def _unused(written: Collection[WrittenPolicy], rules: AccessRules) -> Iterator[Finding]:
    """Names that access.yaml declares and no policy uses."""
    used = {(mention.of, mention.value) for policy in written for mention in policy.mentions}
    for of, kind in _NAMED.items():
        for name in sorted(_declared(rules, of)):
            if (of, name) not in used and kind not in {"purpose", "signal"}:
                yield Finding(f"unused-{kind}", False, "access.yaml", f"no policy speaks of the {kind} {name!r}")
    spoken = {one for one, _ in used}
    for name in sorted(rules.attributes):
        if f"principal.{name}" not in spoken:
            yield Finding("unused-attribute", False, "access.yaml", f"no policy speaks of the attribute {name!r}")
    roles = {value for of, value in used if of == "role"}
    inherited = {one for role in rules.roles.values() for one in role.inherits}
    for name, role in sorted(rules.roles.items()):
        if name not in roles | inherited and not role.inherits:
            yield Finding("unused-role", False, "access.yaml", f"no policy speaks of the role {name!r}, and no role inherits it")


def _unheld(written: Collection[WrittenPolicy], rules: AccessRules, held: Collection[str]) -> Iterator[Finding]:
    """Roles that policies speak of and nobody has."""
    effective = rules.effective(held)
    spoken = {str(mention.value) for policy in written for mention in policy.mentions if mention.of == "role"}
    for name in sorted(spoken - effective):
        first = next(policy for policy in written if Mention("role", name) in policy.mentions)
        yield Finding("unheld-role", False, first.where, f"nobody has the role {name!r}")


def _ids(written: Collection[WrittenPolicy]) -> Iterator[Finding]:
    times = Counter(policy.id for policy in written)
    for policy in written:
        if not policy.named:
            yield Finding("no-id", False, policy.where, "a policy has no @id: decisions name it by a number", "give it an @id")
        elif times[policy.id] > 1:
            yield Finding("same-id", True, policy.where, f"{times[policy.id]} policies are called {policy.id!r}", "rename one")


def _never(written: Collection[WrittenPolicy], rules: AccessRules) -> Iterator[Finding]:
    """Policies whose conditions contradict one another, or that are about what nobody is."""
    for policy in written:
        if why := _contradiction(policy, rules):
            yield Finding("never-matches", True, policy.where, f"{policy.id} never matches: {why}", "correct it, or remove it")


def _contradiction(policy: WrittenPolicy, rules: AccessRules) -> str:
    equal: dict[str, str] = {}
    roles = {policy.scope.principal[2]} if policy.scope.principal and policy.scope.principal[1] == "Role" else set()
    for part in policy.parts:
        if part in ({"Value": False}, {"!": {"arg": {"Value": True}}}):
            return "a condition is false"
        if json.dumps({"!": {"arg": part}}, sort_keys=True) in policy.conditions:
            return "a condition and its opposite must both hold"
        for path, value in _equalities(part):
            if equal.setdefault(path, value) != value:
                return f"{path} would be {equal[path]!r} and {value!r}"
        if role := _role(part):
            roles.add(role)
    if conflicts := rules.conflicts(roles):
        return f"the roles {conflicts[0][0]!r} and {conflicts[0][1]!r} exclude one another"
    return ""


def _equalities(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict) and "==" in part:
        left, right = part["=="]["left"], part["=="]["right"]
        for one, other in ((left, right), (right, left)):
            if (path := path_of(one)) and len(found := literals(other)) == 1 and "Value" in other:
                yield path, found[0]


def _role(part: Any) -> str:
    if isinstance(part, dict) and "in" in part and part["in"].get("left") == {"Var": "principal"}:
        value = part["in"]["right"].get("Value") if isinstance(part["in"].get("right"), dict) else None
        entity = value.get("__entity", {}) if isinstance(value, dict) else {}
        return str(entity.get("id", "")) if entity.get("type") == "Role" else ""
    return ""


def _covered(written: tuple[WrittenPolicy, ...]) -> Iterator[Finding]:
    """Policies that decide nothing which another does not decide for all that they are about."""
    for number, policy in enumerate(written):
        for at, other in enumerate(written):
            if at == number or not _covers(other, policy):
                continue
            same = _covers(policy, other)
            if other.effect == policy.effect and (not same or at < number):
                what = f"{policy.id} decides nothing that {other.id} ({other.where}) does not"
                yield Finding("shadowed", True, policy.where, what, "remove it")
                break
            if other.effect == "forbid" and policy.effect == "permit":
                what = f"{policy.id} permits nothing: {other.id} ({other.where}) forbids all of it"
                yield Finding("always-forbidden", True, policy.where, what, "narrow the one or remove the other")
                break


def _covers(wide: WrittenPolicy, narrow: WrittenPolicy) -> bool:
    """Whether the wide one matches whenever the narrow one does."""
    return (
        wide.conditions <= narrow.conditions
        and (wide.scope.actions is None or (narrow.scope.actions is not None and narrow.scope.actions <= wide.scope.actions))
        and wide.scope.principal in {None, narrow.scope.principal}
        and wide.scope.resource in {None, narrow.scope.resource}
    )


def _against(written: tuple[WrittenPolicy, ...]) -> Iterator[Finding]:
    """Pairs of a permit and a forbid that are about the same people and actions: the forbid wins where both match."""
    pairs = 0
    for permit in written:
        for forbid in written:
            if permit.effect != "permit" or forbid.effect != "forbid" or not _meet(permit, forbid) or _covers(forbid, permit):
                continue
            pairs += 1
            if pairs <= _MAX_PAIRS:
                what = f"{forbid.id} ({forbid.where}) forbids a part of what {permit.id} permits, and wins"
                yield Finding("conflict", False, permit.where, what)


def _meet(one: WrittenPolicy, other: WrittenPolicy) -> bool:
    actions = one.scope.actions is None or other.scope.actions is None or one.scope.actions & other.scope.actions
    return (
        bool(actions) and _alike(one.scope.principal, other.scope.principal) and _alike(one.scope.resource, other.scope.resource)
    )


def _alike(one: tuple[str, str, str] | None, other: tuple[str, str, str] | None) -> bool:
    """Whether both could be about the same. Two roles may be the same person's; two different ones that are named are not."""
    if one is None or other is None:
        return True
    if one[0] == other[0] == "==":
        return one == other
    return one[1] == other[1] or "Role" in {one[1], other[1]} or "Group" in {one[1], other[1]}
