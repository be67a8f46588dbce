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

from wardstead.access.asking import RESOURCES, TYPES, Circumstance, address_in, request_of
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.policyset import AccessPolicies
from wardstead.access.ports import Attribute, Directory, Principal, Resource
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, Label, label
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
    scopes: tuple[str, ...] = ()
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


def run_examples(text: str, where: str, policies: AccessPolicies) -> tuple[Outcome, ...]:
    """Hold the table against policies. Raises ``ConfigurationError`` with the place of what is wrong with the table."""
    file = read_yaml(text, where, _File)

    def fail(what: str, path: str) -> ConfigurationError:
        return ConfigurationError(what, where=place_in(text, where, path))

    try:
        people = {name: _principal(name, one) for name, one in file.people.items()}
    except ConfigurationError as error:
        raise fail(error.what, "people") from None
    directory = Directory(0, {one.id: one for one in people.values()})
    point = MemoisedDecisionPoint(policies.point, directory)
    outcomes = []
    for number, one in enumerate(file.examples):
        path = f"examples[{number}]"
        for key, name in (("who", one.who), ("owner", one.owner)):
            if name and name not in people:
                raise fail(f"{name[:64]!r} is nobody of the people in this file", f"{path}.{key}")
        try:
            at = _circumstance(one, policies)
            resource = _resource(one, people)
        except (ConfigurationError, CallerError) as error:
            raise fail(error.what, path) from None
        decision = point.decide(request_of(people[one.who], one.action, resource, at, scopes=frozenset(one.scopes)))
        got = "allow" if decision.allow else "deny"
        lacking = sorted(set(one.policies) - set(decision.policies))
        wrong = f"expected {one.expect}, got {got}" if got != one.expect else ""
        if not wrong and lacking:
            wrong = f"expected the policy {lacking[0]}, got {', '.join(decision.policies) or 'none'}"
        outcomes.append(Outcome(one.name, one.expect, got, decision.policies, decision.reason, wrong))
    return tuple(outcomes)


def _principal(name: str, one: _Person) -> Principal:
    attributes = [
        Attribute(key, str(value).lower() if isinstance(value, bool) else value)
        for key, given in one.attributes.items()
        for value in (given if isinstance(given, tuple) else (given,))
    ]
    return Principal(
        PrincipalId(name), name, frozenset(one.roles), _label(one.clearance), name, one.active,
        groups=frozenset(one.groups), attributes=tuple(attributes),
    )  # fmt: skip


def _label(one: _Label) -> Label:
    return label(one.level, one.compartments)


def _circumstance(one: _Example, policies: AccessPolicies) -> Circumstance:
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
    return Circumstance(now, _label(one.label), one.purpose, one.application, address_in(policies.rules, one.network), signed)


def _resource(one: _Example, people: Mapping[str, Principal]) -> Resource:
    expected = RESOURCES.get(one.action, "Console")
    found = re.fullmatch(r'(\w+)(?:::"?([^"]{1,128})"?)?', one.resource or expected)
    if found is None or found[1] not in TYPES:
        raise ConfigurationError(f"not a resource: {one.resource[:64]!r}")
    owner = people[one.owner].id if one.owner else None
    cleared = _label(one.cleared) if one.cleared is not None else PUBLIC
    return Resource(found[1], found[2] or "example", clearance=cleared, owner=owner)
