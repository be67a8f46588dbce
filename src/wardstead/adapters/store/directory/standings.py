"""What somebody's groups elsewhere make them here, written down: one mechanism for sign-in, SCIM and directories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from wardstead.access.federation import Managed, Standing
from wardstead.adapters.store.directory import access_rows
from wardstead.adapters.store.tables.access import attribute, group_member, people_group
from wardstead.adapters.store.tables.directory import principal, role_member


@dataclass(frozen=True, slots=True)
class _Held:
    """What somebody is, as far as a mapping decides it."""

    roles: frozenset[str]
    level: str
    compartments: str
    groups: frozenset[str]
    attributes: frozenset[tuple[str, str]]

    def document(self) -> dict[str, object]:
        """As a record has it."""
        return {
            "roles": sorted(self.roles), "clearance": "; ".join(filter(None, (self.level, self.compartments))),
            "groups": sorted(self.groups), "attributes": [f"{name}={value}" for name, value in sorted(self.attributes)],
        }  # fmt: skip


def standing_changes(connection: Connection, who: str, wanted: Standing, managed: Managed) -> dict[str, object]:
    """What ``put_standing`` would change, before and after (empty: nothing)."""
    return _difference(_held(connection, who, managed), _wanted(wanted, managed))


def put_standing(
    connection: Connection, who: str, wanted: Standing, managed: Managed,
    *, compatible: Callable[[frozenset[str]], None], now_ms: int,
) -> dict[str, object]:  # fmt: skip
    """Make somebody what ``wanted`` says, as part of a transaction; what that changed, for its record (empty: nothing).

    Roles that they have for a time stay theirs. ``compatible`` raises for roles that nobody may have together.
    """
    before, after = _held(connection, who, managed), _wanted(wanted, managed)
    if before.roles != after.roles:
        timed = access_rows.timed_roles(connection).get(who, ())
        compatible(after.roles | {one.role for one in timed if one.until_ms is None or one.until_ms > now_ms})
        connection.execute(delete(role_member).where(role_member.c.principal == who))
        for role in sorted(after.roles):
            connection.execute(insert(role_member).values(principal=who, role=role))
    if (before.level, before.compartments) != (after.level, after.compartments):
        values = {"level": after.level, "compartments": after.compartments}
        connection.execute(update(principal).where(principal.c.id == who).values(values))
    _put_groups(connection, who, before.groups, after.groups)
    if before.attributes != after.attributes:
        mine = (attribute.c.principal == who) & attribute.c.name.in_(managed.attributes)
        connection.execute(delete(attribute).where(mine))
        for name, value in sorted(after.attributes):
            row = {"principal": who, "name": name, "value": value, "source": managed.label, "expires_ms": None}
            connection.execute(insert(attribute).values(row))
    return _difference(before, after)


def _put_groups(connection: Connection, who: str, before: frozenset[str], after: frozenset[str]) -> None:
    mine = (group_member.c.kind == access_rows.PERSON) & (group_member.c.member == who)
    connection.execute(delete(group_member).where(mine & group_member.c.people_group.in_(before - after)))
    for group in sorted(after - before):
        if connection.execute(select(people_group).where(people_group.c.name == group)).first() is None:
            connection.execute(insert(people_group).values(name=group))
        connection.execute(insert(group_member).values(people_group=group, kind=access_rows.PERSON, member=who))


def _held(connection: Connection, who: str, managed: Managed) -> _Held:
    roles = connection.execute(select(role_member.c.role).where(role_member.c.principal == who)).scalars()
    level, compartments = connection.execute(
        select(principal.c.level, principal.c.compartments).where(principal.c.id == who)
    ).one()
    mine = (group_member.c.kind == access_rows.PERSON) & (group_member.c.member == who)
    groups = connection.execute(select(group_member.c.people_group).where(mine & group_member.c.people_group.in_(managed.groups)))
    said = (attribute.c.principal == who) & attribute.c.name.in_(managed.attributes)
    rows = connection.execute(select(attribute.c.name, attribute.c.value).where(said))
    return _Held(
        frozenset(roles), level, compartments, frozenset(groups.scalars()), frozenset((row.name, row.value) for row in rows)
    )


def _wanted(wanted: Standing, managed: Managed) -> _Held:
    """The first value of an attribute that has one."""
    attributes: list[tuple[str, str]] = []
    for name, value in wanted.attributes:
        if name not in managed.single or all(name != other for other, _ in attributes):
            attributes.append((name, value))
    compartments = ",".join(sorted(wanted.clearance.compartments))
    return _Held(wanted.roles, wanted.clearance.level.name, compartments, wanted.groups, frozenset(attributes))


def _difference(before: _Held, after: _Held) -> dict[str, object]:
    was, becomes = before.document(), after.document()
    return {name: {"before": was[name], "after": becomes[name]} for name in was if was[name] != becomes[name]}
