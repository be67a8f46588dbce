"""Reads what people have for a time, or from one another, as values of the access room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from wardstead.access.ports import Attribute, GranteeKind, ResourceRef, Right, Share, TimedRole
from wardstead.adapters.store.tables.access import attribute, group_member, share, timed_role
from wardstead.kernel.ids import PrincipalId

GROUP = GranteeKind.GROUP.value
PERSON = GranteeKind.PRINCIPAL.value


def timed_roles(connection: Connection) -> dict[str, tuple[TimedRole, ...]]:
    """By person."""
    found: dict[str, tuple[TimedRole, ...]] = {}
    for row in connection.execute(select(timed_role).order_by(timed_role.c.id)):
        found[row.principal] = (*found.get(row.principal, ()), TimedRole(row.role, row.from_ms, row.until_ms))
    return found


def attributes(connection: Connection) -> dict[str, tuple[Attribute, ...]]:
    """By person."""
    found: dict[str, list[Attribute]] = {}
    for row in connection.execute(select(attribute).order_by(attribute.c.name, attribute.c.value)):
        found.setdefault(row.principal, []).append(Attribute(row.name, row.value, row.expires_ms, row.source))
    return {who: tuple(values) for who, values in found.items()}


def groups(connection: Connection) -> dict[str, frozenset[str]]:
    """By person: the groups that they are in, directly or because a group of theirs is."""
    direct: dict[str, set[str]] = {}
    above: dict[str, set[str]] = {}
    for row in connection.execute(select(group_member)):
        (above if row.kind == GROUP else direct).setdefault(row.member, set()).add(row.people_group)
    return {who: reached(own, above) for who, own in direct.items()}


def reached(start: Iterable[str], above: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """``start``, and all that is reached from it."""
    found, waiting = set[str](), list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += above.get(name, ())
    return frozenset(found)


def shares(connection: Connection) -> dict[str, Share]:
    """By id. Raises ``ValueError`` for a right or a kind that nobody wrote there."""
    return {
        row.id: Share(
            row.id,
            ResourceRef(row.resource_type, row.resource_id),
            GranteeKind(row.grantee_kind),
            row.grantee,
            frozenset(Right(one) for one in row.rights.split(",")),
            row.depth,
            PrincipalId(row.granted_by),
            row.parent,
            row.expires_ms,
        )
        for row in connection.execute(select(share).order_by(share.c.id))
    }
