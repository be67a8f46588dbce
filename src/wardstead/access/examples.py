"""A table of questions and the answers that policies should give: ``policies/access.examples.yaml``.

It stands by itself: its people are those that it describes, so it says the same of every deployment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from wardstead.access.asking import RESOURCES, Circumstance, address_in, kinds_of, request_of
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import ACTIONS, UNDECIDED
from wardstead.access.policyset import AccessPolicies
from wardstead.access.ports import SIGNAL, Attribute, Directory, GranteeKind, Principal, Resource, Right, Share
from wardstead.access.rules import BadAttribute
from wardstead.access.strength import MEANS, PASSWORD
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels, UnknownLevel
from wardstead.kernel.yaml_input import place_in, read_yaml

Meta = msgspec.Meta
_UNITS_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DEFAULT_TIME: Final = "2026-01-07T12:00:00Z"
"""A Wednesday, at noon."""


class _Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: str
    compartments: tuple[str, ...] = ()


class _Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody of the examples."""

    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    clearance: _Label = _Label(level="public")
    attributes: dict[str, str | bool | tuple[str, ...]] = {}
    active: bool = True


class _Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question, and the answer that it should have."""

    name: str
    who: str
    action: str
    expect: Literal["allow", "deny"]
    resource: str = ""
    owner: str = ""
    cleared: _Label | None = None
    label: _Label = _Label(level="public")
    at: Annotated[str, Meta(max_length=40)] = _DEFAULT_TIME
    purpose: str = ""
    application: str = ""
    network: str = ""
    signed_in: Annotated[str, Meta(pattern="^[1-9][0-9]{0,4}[smhd]$")] | None = None
    means: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    shared: tuple[Right, ...] = ()
    policies: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Examples of what access policies decide."""

    version: Literal[1]
    people: dict[str, _Person]
    examples: Annotated[tuple[_Example, ...], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one example. ``wrong`` is empty where it is as expected."""

    name: str
    expected: str
    got: str
    policies: tuple[str, ...]
    reason: str
    wrong: str


def run_examples(text: str, where: str, policies: AccessPolicies, levels: Levels = STANDARD) -> tuple[Outcome, ...]:
    """Hold the table against policies of a deployment with these ``levels``.

    Raises ``ConfigurationError`` with the place of what is wrong with the table.
    """
    file = read_yaml(text, where, _File)

    table = _Table(text, where, policies, levels)
    people = {name: table.person(name, one) for name, one in file.people.items()}
    return tuple(table.outcome(number, one, people) for number, one in enumerate(file.examples))


@dataclass(frozen=True, slots=True)
class _Table:
    """A table's text, for its places, and what it is held against."""

    text: str
    where: str
    policies: AccessPolicies
    levels: Levels

    def error(self, what: str, path: str, *, why: str = "", next_step: str = "") -> ConfigurationError:
        return ConfigurationError(what, where=place_in(self.text, self.where, path), why=why, next_step=next_step)

    def person(self, name: str, one: _Person) -> Principal:
        """Somebody of it. Raises ``ConfigurationError`` for a role or an attribute that nobody could have."""
        path, rules = f"people.{name}", self.policies.rules
        known = rules.roles.keys() | self.policies.point.roles
        for role in one.roles:
            if role not in known:
                raise self.error(f"there is no role {role[:64]!r}", f"{path}.roles", why=f"there are {', '.join(sorted(known))}")
        try:
            for attribute in (found := _principal(name, one, self.levels)).attributes:
                if attribute.name != SIGNAL:
                    rules.attribute(attribute.name).read(attribute.value)
                elif attribute.value not in rules.signals:
                    raise self.error(f"there is no signal {attribute.value[:64]!r}", f"{path}.attributes")
        except (BadAttribute, UnknownLevel) as error:
            raise self.error(error.what, path, why=error.why) from None
        return found

    def outcome(self, number: int, one: _Example, people: Mapping[str, Principal]) -> Outcome:
        """What comes of an example. Raises ``ConfigurationError`` for a question that cannot be asked."""
        path = f"examples[{number}]"
        for key, name in (("who", one.who), ("owner", one.owner)):
            if name and name not in people:
                raise self.error(f"{name[:64]!r} is nobody of the people in this file", f"{path}.{key}")
        try:
            at, resource = _circumstance(one, self.policies, self.levels), _resource(one, people, self.levels)
            directory = Directory(0, {each.id: each for each in people.values()}, {}, _shares(one, resource, people[one.who]))
        except (ConfigurationError, CallerError) as error:
            raise self.error(error.what, path, why=error.why, next_step=error.next_step) from None
        point = MemoisedDecisionPoint(self.policies.point, directory)
        decision = point.decide(request_of(people[one.who], one.action, resource, at, scopes=frozenset(one.scopes)))
        got = "allow" if decision.allow else "deny"
        lacking = sorted(set(one.policies) - set(decision.policies))
        wrong = f"expected {one.expect}, got {got}" if got != one.expect else ""
        if not wrong and lacking:
            wrong = f"expected the policy {lacking[0]}, got {', '.join(decision.policies) or 'none'}"
        if decision.code in UNDECIDED:
            wrong = "no policy decided this"
        return Outcome(one.name, one.expect, got, decision.policies, decision.reason, wrong)


def _shares(one: _Example, resource: Resource, who: Principal) -> dict[str, Share]:
    """What the owner gave to whoever asks."""
    if not one.shared:
        return {}
    if resource.owner is None:
        raise ConfigurationError("nothing is shared of what nobody owns", next_step="say whose it is: owner")
    given = Share("example", resource.ref, GranteeKind.PRINCIPAL, who.id, frozenset(one.shared), 0, resource.owner)
    return {given.id: given}


def _principal(name: str, one: _Person, levels: Levels) -> Principal:
    attributes = [
        Attribute(key, str(value).lower() if isinstance(value, bool) else value)
        for key, given in one.attributes.items()
        for value in (given if isinstance(given, tuple) else (given,))
    ]
    return Principal(
        PrincipalId(name), name, frozenset(one.roles), _label(one.clearance, levels), name, one.active,
        groups=frozenset(one.groups), attributes=tuple(attributes),
    )  # fmt: skip


def _label(one: _Label, levels: Levels) -> Label:
    return levels.label(one.level, one.compartments)


def _circumstance(one: _Example, policies: AccessPolicies, levels: Levels) -> Circumstance:
    try:
        moment = datetime.fromisoformat(one.at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(f"not a time with its zone: {one.at!r}")
    now = int(moment.timestamp() * 1000)
    if one.purpose:
        policies.rules.purpose(one.purpose)
    signed = now - int(one.signed_in[:-1]) * _UNITS_MS[one.signed_in[-1]] if one.signed_in else None
    means = frozenset(one.means) or frozenset({PASSWORD})
    if unknown := sorted(means - MEANS):
        raise ConfigurationError(f"nobody signs in with {unknown[0][:40]!r}", why=f"there are {', '.join(sorted(MEANS))}")
    if one.means and signed is None:
        raise ConfigurationError("nobody signed in, so there is no means", next_step="say how long ago: signed_in")
    address = address_in(policies.rules, one.network)
    return Circumstance(now, _label(one.label, levels), one.purpose, one.application, address, signed, means)


def _resource(one: _Example, people: Mapping[str, Principal], levels: Levels) -> Resource:
    if one.action not in ACTIONS:
        raise ConfigurationError(f"there is no action {one.action[:64]!r}", why=f"there are {', '.join(sorted(ACTIONS))}")
    kinds = kinds_of(one.action)
    found = re.fullmatch(r'(\w+)(?:::"?([^"]{1,128})"?)?', one.resource or RESOURCES.get(one.action, "Console"))
    if found is None or found[1] not in kinds:
        raise ConfigurationError(f"{one.action} is not on {one.resource[:64]!r}", why=f"it is on {' or '.join(sorted(kinds))}")
    owner = people[one.owner].id if one.owner else None
    cleared = _label(one.cleared, levels) if one.cleared is not None else PUBLIC
    return Resource(found[1], found[2] or "example", clearance=cleared, owner=owner)
