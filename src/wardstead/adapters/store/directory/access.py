"""What people have for a time, or from one another, in the database: each change is one administrative act.

What an act rests on (the roles that somebody has by now, the state of a request, the chain of a share) is looked at in the
transaction that carries it out: two at the same time cannot both rest on what only one of them may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from wardstead.access.ports import Directory, GranteeKind, Principal, Resource, Right, Share, TimedRole
from wardstead.access.shares import Shares
from wardstead.adapters.store.directory import access_rows
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore, everybody
from wardstead.adapters.store.directory.names import NameTaken
from wardstead.adapters.store.tables.access import attribute, elevation, group_member, people_group, share, timed_role
from wardstead.kernel.clock import Clock, Entropy, rfc3339
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId, uuid7

REQUEST_LASTS_MS = 7 * 86_400_000
Compatible = Callable[[frozenset[str]], None]
"""Raises for roles that nobody may have together."""


class UnknownGroup(CallerError):
    """There is no such group."""

    code = "unknown_group"


class CyclicGroups(CallerError):
    """A group would be in itself."""

    code = "cyclic_groups"


class UnknownShare(CallerError):
    """There is no such share."""

    code = "unknown_share"


class UnknownRequest(CallerError):
    """There is no such request for a role."""

    code = "unknown_request"


class RequestDecided(CallerError):
    """Somebody has decided about it already, or it was asked for too long ago."""

    code = "request_decided"


class NoSuchRole(CallerError):
    """They do not have it for a time."""

    code = "no_such_role"


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for a role, for so long."""

    id: str
    principal: PrincipalId
    role: str
    duration_ms: int
    reason: str
    requested_ms: int
    state: str
    decided_by: str | None
    decided_ms: int | None


class AccessStore:
    """Over the directory's store. Blocking."""

    def __init__(self, directory: DirectoryStore, *, clock: Clock, entropy: Entropy) -> None:
        """Acts are recorded as the directory's are."""
        self._directory, self._clock, self._entropy = directory, clock, entropy

    def _id(self) -> str:
        return uuid7(self._clock(), self._entropy(10))

    # -- roles with an end -------------------------------------------------------------------------------------------

    def give_role(self, name: str, given: TimedRole, compatible: Compatible, *, actor: Actor | None = None) -> str:
        """A role from one time until another; its id."""
        who = self._directory.find(name)

        def change(connection: Connection) -> str:
            return self._put_role(connection, who.id, given, compatible)

        details = {"name": name, "role": given.role, "from": _time(given.from_ms), "until": _time(given.until_ms)}
        return self._directory.carry_out(change, actor, "role.give", details)

    def _put_role(self, connection: Connection, who: str, given: TimedRole, compatible: Compatible) -> str:
        compatible(held(connection, who, self._clock()) | {given.role})
        values = {"principal": who, "role": given.role, "from_ms": given.from_ms, "until_ms": given.until_ms}
        made = self._id()
        connection.execute(insert(timed_role).values(id=made, **values))
        return made

    def take_role(self, name: str, role: str, *, actor: Actor | None = None) -> None:
        """End a role that somebody has for a time, at once. Raises ``NoSuchRole``."""
        who = self._directory.find(name)

        def change(connection: Connection) -> None:
            gone = delete(timed_role).where(timed_role.c.principal == who.id, timed_role.c.role == role)
            if not connection.execute(gone).rowcount:
                raise NoSuchRole(f"{name[:80]!r} does not have the role {role[:64]!r} for a time")

        self._directory.carry_out(change, actor, "role.take", {"name": name, "role": role})

    # -- attributes --------------------------------------------------------------------------------------------------

    def set_attribute(
        self, name: str, key: str, values: Iterable[str], *, expires_ms: int | None, source: str, add: bool = False,
        actor: Actor | None = None,
    ) -> None:  # fmt: skip
        """These values of an attribute and no others; with ``add``, beside those that there are. No values: it is unknown."""
        who, wanted = self._directory.find(name), sorted(set(values))

        def change(connection: Connection) -> None:
            gone = delete(attribute).where(attribute.c.principal == who.id, attribute.c.name == key)
            connection.execute(gone.where(attribute.c.value.in_(wanted)) if add else gone)
            for value in wanted:
                row = {"principal": who.id, "name": key, "value": value, "source": source, "expires_ms": expires_ms}
                connection.execute(insert(attribute).values(row))

        known = select(attribute.c.value).where(attribute.c.principal == who.id, attribute.c.name == key)
        with self._directory.reading() as connection:
            before = sorted(connection.execute(known).scalars())
        said = {"values": wanted, "add": add, "until": _time(expires_ms), "source": source}
        details = {"name": name, "attribute": key, "before": before, **said}
        self._directory.carry_out(change, actor, "principal.attribute", details)

    # -- groups ------------------------------------------------------------------------------------------------------

    def create_group(self, group: str, *, actor: Actor | None = None) -> None:
        """A new group, with nobody in it. Raises ``NameTaken``."""

        def change(connection: Connection) -> None:
            try:
                connection.execute(insert(people_group).values(name=group))
            except IntegrityError:
                raise NameTaken(f"there is a group called {group[:64]!r} already") from None

        self._directory.carry_out(change, actor, "group.create", {"group": group})

    def remove_group(self, group: str, *, actor: Actor | None = None) -> None:
        """Without it, what was shared with it is shared with nobody."""

        def change(connection: Connection) -> None:
            _require_group(connection, group)
            inside = (group_member.c.kind == access_rows.GROUP) & (group_member.c.member == group)
            connection.execute(delete(group_member).where(inside))
            shared = (share.c.grantee_kind == access_rows.GROUP) & (share.c.grantee == group)
            connection.execute(delete(share).where(shared))
            connection.execute(delete(people_group).where(people_group.c.name == group))

        self._directory.carry_out(change, actor, "group.remove", {"group": group})

    def add_member(self, group: str, kind: GranteeKind, member: str, *, actor: Actor | None = None) -> None:
        """Put a person, or a group, into a group. Raises ``CyclicGroups``, ``UnknownGroup``, ``UnknownPerson``."""
        who = self._member(kind, member)

        def change(connection: Connection) -> None:
            _require_group(connection, group)
            if kind is GranteeKind.GROUP:
                _require_group(connection, member)
                if member in access_rows.reached([group], _above(connection)):
                    raise CyclicGroups(f"{group!r} is in {member!r} already", why="a group cannot be in itself")
            row = {"people_group": group, "kind": kind.value, "member": who}
            connection.execute(delete(group_member).where(*(group_member.c[name] == value for name, value in row.items())))
            connection.execute(insert(group_member).values(row))

        self._directory.carry_out(change, actor, "group.add", {"group": group, "kind": kind.value, "member": member})

    def remove_member(self, group: str, kind: GranteeKind, member: str, *, actor: Actor | None = None) -> None:
        """Take a person, or a group, out of a group."""
        who = self._member(kind, member)

        def change(connection: Connection) -> None:
            _require_group(connection, group)
            row = {"people_group": group, "kind": kind.value, "member": who}
            connection.execute(delete(group_member).where(*(group_member.c[name] == value for name, value in row.items())))

        self._directory.carry_out(change, actor, "group.take", {"group": group, "kind": kind.value, "member": member})

    def _member(self, kind: GranteeKind, member: str) -> str:
        return self._directory.find(member).id if kind is GranteeKind.PRINCIPAL else member

    def groups(self) -> dict[str, list[tuple[str, str]]]:
        """Every group with its members: kind, and id or name."""
        with self._directory.reading() as connection:
            found: dict[str, list[tuple[str, str]]] = {
                name: [] for name in connection.execute(select(people_group.c.name)).scalars()
            }
            for row in connection.execute(select(group_member).order_by(group_member.c.kind, group_member.c.member)):
                found[row.people_group].append((row.kind, row.member))
        return dict(sorted(found.items()))

    # -- shares ------------------------------------------------------------------------------------------------------

    def give(
        self, granter: Principal, resource: Resource, to: tuple[GranteeKind, str], rights: frozenset[Right], *, depth: int,
        expires_ms: int | None, actor: Actor | None = None, details: Mapping[str, object] | None = None,
    ) -> Share:  # fmt: skip
        """Share a resource in the name of ``granter``. Raises ``CannotGive`` for what they have not by now, ``UnknownGroup``."""
        kind, grantee = to
        made = self._id()

        def change(connection: Connection) -> Share:
            if kind is GranteeKind.GROUP:
                _require_group(connection, grantee)
            now = self._clock()
            known = {one.id: one for one in self._directory.everybody(connection)}
            shares = Shares(Directory(0, known, {}, access_rows.shares(connection)))
            parent = shares.source(known.get(granter.id, granter), resource, rights, depth, now)
            given = Share(made, resource.ref, kind, grantee, rights, depth, granter.id, parent, expires_ms)
            connection.execute(insert(share).values(_share_row(given, now)))
            return given

        told = {
            "share": made, "resource": "/".join(resource.ref), "to": f"{kind.value} {grantee}", "rights": sorted(rights),
            "depth": depth, "until": _time(expires_ms), "granted_by": granter.name, **(details or {}),
        }  # fmt: skip
        return self._directory.carry_out(change, actor, "share.give", told)

    def take_back(self, share_id: str, *, actor: Actor | None = None, details: Mapping[str, object] | None = None) -> int:
        """End a share and all that were given by it, at once; how many. Raises ``UnknownShare``."""

        def change(connection: Connection) -> int:
            shares = access_rows.shares(connection)
            if share_id not in shares:
                raise UnknownShare(f"there is no share {share_id[:40]!r}", next_step="'wardstead share list' names them")
            gone = Shares(Directory(0, shares=shares)).below(share_id)
            connection.execute(delete(share).where(share.c.id.in_(gone)))
            return len(gone)

        return self._directory.carry_out(change, actor, "share.take_back", {"share": share_id, **(details or {})})

    def share(self, share_id: str) -> Share:
        """One of them. Raises ``UnknownShare``."""
        with self._directory.reading() as connection:
            found = access_rows.shares(connection).get(share_id)
        if found is None:
            raise UnknownShare(f"there is no share {share_id[:40]!r}", next_step="'wardstead share list' names them")
        return found

    # -- elevation ---------------------------------------------------------------------------------------------------

    def request(self, who: Principal, role: str, duration_ms: int, reason: str, *, actor: Actor | None = None) -> Request:
        """Ask for a role, for so long."""
        asked = Request(self._id(), who.id, role, duration_ms, reason, self._clock(), "open", None, None)

        def change(connection: Connection) -> None:
            names = [column.name for column in elevation.columns]
            connection.execute(insert(elevation).values({name: getattr(asked, name) for name in names}))

        details = {"request": asked.id, "name": who.name, "role": role, "hours": duration_ms / 3_600_000, "reason": reason}
        self._directory.carry_out(change, actor, "elevation.request", details)
        return asked

    def find_request(self, request_id: str) -> Request:
        """One of them. Raises ``UnknownRequest``."""
        with self._directory.reading() as connection:
            return _request(connection, request_id)

    def requests(self) -> list[Request]:
        """All of them, the newest first."""
        with self._directory.reading() as connection:
            rows = connection.execute(select(elevation).order_by(elevation.c.id.desc())).mappings()
            return [_as_request(row) for row in rows]

    def decide_request(
        self, request_id: str, decider: Principal, compatible: Compatible | None, *,
        most_ms: int | None = None, actor: Actor | None = None,
    ) -> Request:  # fmt: skip
        """Approve a request, which gives the role from now on; without ``compatible``, refuse it. ``most_ms``: for how long at
        the most, whatever was asked for. Raises ``RequestDecided``.
        """
        state = "refused" if compatible is None else "approved"

        def change(connection: Connection) -> Request:
            asked, now = _request(connection, request_id), self._clock()
            if asked.state != "open" or now - asked.requested_ms > REQUEST_LASTS_MS:
                said = asked.state if asked.state != "open" else "too old"
                raise RequestDecided(f"the request is {said}", next_step="it can be made anew")
            if compatible is not None:
                lasts_ms = asked.duration_ms if most_ms is None else min(asked.duration_ms, most_ms)
                until = TimedRole(asked.role, now, now + lasts_ms)
                self._put_role(connection, asked.principal, until, compatible)
            row = elevation.c.id == request_id
            connection.execute(update(elevation).where(row).values(state=state, decided_by=decider.id, decided_ms=now))
            return _request(connection, request_id)

        asked = self.find_request(request_id)
        details = {"request": request_id, "role": asked.role, "for": asked.principal, "decided_by": decider.name}
        return self._directory.carry_out(change, actor, f"elevation.{state}", details)


def held(connection: Connection, who: str, now_ms: int) -> frozenset[str]:
    """The roles that somebody has or will have, as the transaction sees them; without those that have ended."""
    person = next((one for one in everybody(connection) if one.id == who), None)
    if person is None:
        return frozenset()
    return person.roles | {one.role for one in person.timed_roles if one.until_ms is None or one.until_ms > now_ms}


def _require_group(connection: Connection, group: str) -> None:
    if connection.execute(select(people_group).where(people_group.c.name == group)).first() is None:
        raise UnknownGroup(f"there is no group {group[:64]!r}", next_step="'wardstead group list' names them")


def _above(connection: Connection) -> dict[str, list[str]]:
    """By group: those that it is in."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(group_member).where(group_member.c.kind == access_rows.GROUP)):
        found.setdefault(row.member, []).append(row.people_group)
    return found


def _share_row(given: Share, now_ms: int) -> dict[str, Any]:
    return {
        "id": given.id,
        "resource_type": given.resource.type,
        "resource_id": given.resource.id,
        "grantee_kind": given.grantee_kind.value,
        "grantee": given.grantee,
        "rights": ",".join(sorted(given.rights)),
        "depth": given.depth,
        "granted_by": given.granted_by,
        "parent": given.parent,
        "created_ms": now_ms,
        "expires_ms": given.expires_ms,
    }


def _request(connection: Connection, request_id: str) -> Request:
    row = connection.execute(select(elevation).where(elevation.c.id == request_id)).mappings().first()
    if row is None:
        raise UnknownRequest(f"there is no request {request_id[:40]!r}", next_step="'wardstead elevation list' names them")
    return _as_request(row)


def _as_request(row: RowMapping) -> Request:
    return Request(**{name: row[name] for name in Request.__slots__})


def _time(moment_ms: int | None) -> str | None:
    return rfc3339(moment_ms) if moment_ms is not None else None
