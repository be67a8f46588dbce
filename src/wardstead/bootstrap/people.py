"""What the command line does with people and keys."""

from __future__ import annotations

from collections.abc import Iterable

from wardstead.access.pdp import ACTIONS
from wardstead.access.ports import Principal
from wardstead.adapters.store.directory import IssuedKey, UnknownPerson
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.labels import Label, label

_DAY_MS = 86_400_000


class BadValue(CallerError):
    """A role, scope or level that nothing knows."""

    code = "bad_value"


def add(deployment: Deployment, name: str, roles: Iterable[str], level: str, compartments: Iterable[str]) -> Principal:
    """A new person. Raises ``BadValue`` for a role that no policy speaks of."""
    wanted = _roles(deployment, roles)
    return deployment.directory.create_principal(name, roles=wanted, clearance=_clearance(level, compartments))


def set_roles(deployment: Deployment, name: str, roles: Iterable[str]) -> None:
    """Give somebody these roles and no others. Raises ``BadValue`` for a role that no policy speaks of."""
    deployment.directory.set_roles(name, _roles(deployment, roles))


def clear(deployment: Deployment, name: str, level: str, compartments: Iterable[str]) -> None:
    """Set somebody's clearance."""
    deployment.directory.set_clearance(name, _clearance(level, compartments))


def create_key(deployment: Deployment, user: str, roles: Iterable[str], scopes: Iterable[str], days: int | None) -> IssuedKey:
    """A key for somebody, who is made when new (role ``user`` and clearance confidential/personal unless said otherwise)."""
    wanted = _roles(deployment, roles)
    allowed = _known(scopes, ACTIONS, "scope")
    try:
        person = deployment.directory.find(user)
    except UnknownPerson:
        add(deployment, user, wanted or {"user"}, "confidential", ["personal"])
    else:
        if wanted - person.roles:
            deployment.directory.set_roles(user, person.roles | wanted)
    expires = now_ms() + days * _DAY_MS if days is not None else None
    return deployment.directory.create_api_key(user, scopes=allowed, expires_ms=expires)


def _clearance(level: str, compartments: Iterable[str]) -> Label:
    try:
        return label(level, compartments)
    except ConfigurationError as error:
        raise BadValue(error.what, why=error.why) from None


def _roles(deployment: Deployment, roles: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(roles)
    return _known(wanted, deployment.decision_point().roles, "role") if wanted else wanted


def _known(values: Iterable[str], known: frozenset[str], what: str) -> frozenset[str]:
    wanted = frozenset(values)
    unknown = sorted(wanted - known)
    if unknown:
        raise BadValue(f"there is no {what} {unknown[0][:40]!r}", why=f"known are {', '.join(sorted(known))}")
    return wanted
