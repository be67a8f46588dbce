"""What the command line does with people and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wardstead.access.bounds import BadRange, range_of
from wardstead.access.pdp import ACTIONS
from wardstead.access.ports import BREAK_GLASS, UNBOUND, Bounds, Principal
from wardstead.access.rules import AccessRules
from wardstead.adapters.store.directory.directory import Actor, IssuedKey, UnknownPerson
from wardstead.bootstrap.deployment import Deployment
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import Label, UnknownLevel
from wardstead.kernel.text import meant

USUAL_LEVEL = "confidential"
"""What somebody new is cleared for where nothing else is said."""
ADMINISTRATOR = "admin"
"""The role that administers."""


class BadValue(CallerError):
    """A role, scope, level or compartment that nothing knows."""

    code = "bad_value"


class RolesConflict(CallerError):
    """Two roles that exclude one another."""

    code = "roles_conflict"


class LastAdministrator(CallerError):
    """Nobody could administer afterwards."""

    code = "last_administrator"


def add(deployment: Deployment, name: str, roles: Iterable[str], level: str, compartments: Iterable[str]) -> Principal:
    """A new person. Raises ``BadValue`` for a role that no policy speaks of and none declares."""
    wanted = known_roles(deployment, roles)
    compatible(deployment)(wanted)
    if level == USUAL_LEVEL and not deployment.levels.has(level):
        raise BadValue(
            f"the levels of this deployment do not have {level!r}, for which somebody new is cleared where nothing else is said",
            why=f"the levels are {', '.join(deployment.levels.names)}",
            next_step=f"say for which one: 'wardstead user add {name[:80]} --level LEVEL'",
        )
    return deployment.directory.create_principal(name, roles=wanted, clearance=clearance(deployment, level, compartments))


def set_roles(deployment: Deployment, name: str, roles: Iterable[str], *, force: bool = False) -> None:
    """Give somebody these roles and no others. Raises ``BadValue`` for a role that no policy speaks of and none declares, and
    ``LastAdministrator`` unless ``force``.
    """
    wanted = known_roles(deployment, roles)
    require_ordinary(deployment.directory.find(name))
    if ADMINISTRATOR not in wanted and not force:
        require_another_administrator(deployment, name)
    deployment.directory.set_roles(name, wanted, compatible=compatible(deployment))


def disable(deployment: Deployment, name: str, *, force: bool = False) -> None:
    """Switch somebody's account off. Raises ``LastAdministrator`` unless ``force``."""
    if not force:
        require_another_administrator(deployment, name)
    deployment.directory.set_active(name, False)


def clear(deployment: Deployment, name: str, level: str, compartments: Iterable[str]) -> Label:
    """Set somebody's clearance, and say which it is. Raises ``BadValue`` for a level or compartment that nothing knows."""
    given = clearance(deployment, level, compartments)
    deployment.directory.set_clearance(name, given)
    return given


def create_key(
    deployment: Deployment, user: str, roles: Iterable[str], scopes: Iterable[str], expires_ms: int | None, *,
    bounds: Bounds = UNBOUND, actor: Actor | None = None,
) -> IssuedKey:  # fmt: skip
    """A key for somebody, who is made when new (role ``user`` and clearance confidential/personal unless said otherwise).

    A key has the roles of its owner: raises ``BadValue`` for one that somebody who is known does not have, and for a purpose,
    network or model that nothing knows.
    """
    wanted = known_roles(deployment, roles)
    allowed = known(scopes, ACTIONS, "scope")
    within = known_bounds(deployment, bounds)
    try:
        person = deployment.directory.find(user)
    except UnknownPerson:
        add(deployment, user, wanted or {"user"}, USUAL_LEVEL, ["personal"])
    else:
        require_ordinary(person)
        if more := sorted(wanted - person.roles):
            raise BadValue(
                f"{user[:80]!r} is known, and has not the role {more[0]!r}", where="--role", why="a key has its owner's roles",
                next_step="leave --role out, or give it first: 'wardstead user set-roles'",
            ) from None  # fmt: skip
    return deployment.directory.create_api_key(user, scopes=allowed, expires_ms=expires_ms, bounds=within, actor=actor)


def known_bounds(deployment: Deployment, bounds: Bounds) -> Bounds:
    """The same bounds, ranges as they are kept. Raises ``BadValue`` for a name that nothing knows."""
    policies = deployment.policies()
    rules = policies.rules
    if policies.purposes is not None:
        known(bounds.purposes, policies.purposes, "purpose", where="--purpose")
    known(bounds.models, frozenset(one.name for one in deployment.settings.models), "model", where="--model")
    return Bounds(bounds.purposes, frozenset(_network(one, rules) for one in bounds.networks), bounds.models)


def _network(said: str, rules: AccessRules) -> str:
    if said in rules.networks:
        return said
    try:
        return range_of(said)
    except BadRange as error:
        known = ", ".join(sorted(rules.networks)) or "none"
        raise BadValue(
            f"{said[:64]!r} is no network of access.yaml, and no range of addresses", where="--network",
            why=f"{meant(said, rules.networks)}declared are: {known}; {error.why}", next_step=error.next_step,
        ) from None  # fmt: skip


def require_ordinary(who: Principal) -> None:
    """Raises ``BadValue`` for an account for emergencies: it has neither keys nor roles but those that opening it gives."""
    if who.kind == BREAK_GLASS:
        raise BadValue(f"{who.name[:80]!r} is an account for emergencies", next_step="'wardstead user break-glass' opens it")


def require_another_administrator(deployment: Deployment, name: str) -> None:
    administrators = {one.name for one in deployment.directory.list_principals() if one.active and ADMINISTRATOR in one.roles}
    if administrators == {name}:
        raise LastAdministrator(
            f"{name[:80]!r} is the last active administrator", why="nobody could administer in the console afterwards",
            next_step=f"give somebody else the role {ADMINISTRATOR} first, or say --force",
        )  # fmt: skip


def clearance(deployment: Deployment, level: str, compartments: Iterable[str]) -> Label:
    """A label of this deployment. Raises ``BadValue`` for a level or compartment that nothing knows."""
    wanted = frozenset(compartments)
    if wanted:
        known(wanted, deployment.compartments(), "compartment")
    try:
        return deployment.levels.label(level, wanted)
    except UnknownLevel as error:
        raise BadValue(error.what, why=error.why) from None


def compatible(deployment: Deployment) -> Callable[[frozenset[str]], None]:
    """Raises ``RolesConflict`` for roles that nobody may have together: static separation of duty."""
    rules = deployment.access_rules()

    def check(roles: frozenset[str]) -> None:
        for one, other in rules.conflicts(roles):
            raise RolesConflict(
                f"nobody has the roles {one!r} and {other!r} together", why="access.yaml says that one excludes the other",
                next_step="take one of them away first, or give it to somebody else",
            )  # fmt: skip

    return check


def known_roles(deployment: Deployment, roles: Iterable[str]) -> frozenset[str]:
    """The same roles. Raises ``BadValue`` for one that nothing knows."""
    wanted = frozenset(roles)
    if not wanted:
        return wanted
    policies = deployment.policies()
    return known(wanted, policies.point.roles | policies.rules.roles.keys(), "role")


def known(values: Iterable[str], there_are: frozenset[str], what: str, *, where: str = "") -> frozenset[str]:
    """The same names. Raises ``BadValue`` for one that there is not."""
    wanted = frozenset(values)
    unknown = sorted(wanted - there_are)
    if unknown:
        raise BadValue(
            f"there is no {what} {unknown[0][:40]!r}", where=where,
            why=f"{meant(unknown[0], there_are)}known are {', '.join(sorted(there_are)) or 'none'}",
        )  # fmt: skip
    return wanted
