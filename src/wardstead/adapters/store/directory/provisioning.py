"""What sources say of people and groups, kept and carried out: each change is one recorded act that bites at once.

Whoever has left has no session and no key from the same transaction on, in which the directory's version rises: every worker
replaces its snapshot, and no intent is committed under an older one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from wardstead.access.ports import Principal
from wardstead.access.provisioning import (
    Conflict,
    Described,
    GroupSaid,
    KeptGroup,
    KeptPerson,
    Linking,
    NotProvisioned,
    Sought,
    Source,
)
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.directory.names import check_name, name_key
from wardstead.adapters.store.directory.standings import put_standing
from wardstead.adapters.store.tables.access import timed_role
from wardstead.adapters.store.tables.directory import credential, password, principal
from wardstead.adapters.store.tables.federation import federated_person
from wardstead.adapters.store.tables.provisioning import provisioned_group, provisioned_member, provisioned_person
from wardstead.adapters.store.tables.second_factors import authenticator, passkey, recovery_code, sign_in_step
from wardstead.kernel.clock import Clock, Entropy, rfc3339
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import uuid7
from wardstead.kernel.labels import PUBLIC

_NAME_LENGTH = 128
_DAY = 10
_EXTERNAL_ID = 255


class BadExternalId(CallerError):
    """What the source calls somebody is too long."""

    code = "bad_name"


class ProvisioningStore:
    """``Provisioning``, without ``source_of``: over the directory's store. Blocking."""

    def __init__(self, directory: DirectoryStore, *, clock: Clock, entropy: Entropy) -> None:
        """Acts are recorded as the directory's are."""
        self._directory, self._clock, self._entropy = directory, clock, entropy

    # -- people ------------------------------------------------------------------------------------------------------

    def people(self, source: Source, sought: Sought = Sought()) -> Sequence[KeptPerson]:  # noqa: B008 -- frozen
        """See ``Provisioning.people``."""
        table = provisioned_person
        query = select(table).where(table.c.source == source.id, table.c.gone.is_(False)).order_by(table.c.id)
        if sought.name:
            query = query.where(table.c.name_key == sought.name.casefold())
        if sought.external_id:
            query = query.where(table.c.external_id == sought.external_id)
        with self._directory.reading() as connection:
            within = _groups_of(connection, source.id)
            return [_kept(row, within.get(row["id"], ())) for row in connection.execute(query).mappings()]

    def person(self, source: Source, person_id: str) -> KeptPerson:
        """See ``Provisioning.person``."""
        with self._directory.reading() as connection:
            return _person(connection, source, person_id)

    def create_person(self, source: Source, said: Described, by: Principal) -> KeptPerson:
        """See ``Provisioning.create_person``."""
        details: dict[str, object] = {"source": source.id, "name": said.name}

        def change(connection: Connection) -> KeptPerson:
            return self.add(connection, source, said, details)

        return self._directory.carry_out(change, _actor(by), "provision.create", details)

    def add(self, connection: Connection, source: Source, said: Described, details: dict[str, object]) -> KeptPerson:
        """Somebody new, as part of a transaction. ``details`` gets what becomes of it."""
        now = self._clock()
        who, signed_in_before = _returning(connection, source, said), _linked(connection, source, said)
        who = who or signed_in_before
        _name_free(connection, source, said.name, who)
        if who is None:
            who = self._directory.add_principal(connection, said.name, frozenset(), PUBLIC).id
        values = {
            "id": who, "source": source.id, "gone": False, "version": 1, "created_ms": now, "modified_ms": now, **_row(said),
        }  # fmt: skip
        connection.execute(delete(provisioned_person).where(provisioned_person.c.id == who))
        connection.execute(insert(provisioned_person).values(values))
        connection.execute(update(principal).where(principal.c.id == who).values(name=said.name))
        _link(connection, source, who, said.external_id, now)
        self._apply(connection, source, who, said, was_active=who == signed_in_before, details=details)
        return _person(connection, source, who)

    def change_person(
        self, source: Source, person_id: str, change: Callable[[KeptPerson], Described], by: Principal
    ) -> KeptPerson:
        """See ``Provisioning.change_person``."""
        before = self.person(source, person_id)
        if change(before) == before.said:  # and nothing is to be written, nor recorded
            return before
        details: dict[str, object] = {"source": source.id}

        def carry_out(connection: Connection) -> KeptPerson:
            kept = _person(connection, source, person_id)
            return self.alter(connection, source, kept, change(kept), details)

        return self._directory.carry_out(carry_out, _actor(by), "provision.change", details)

    def alter(
        self, connection: Connection, source: Source, kept: KeptPerson, said: Described, details: dict[str, object]
    ) -> KeptPerson:
        """Somebody as they are from now on, as part of a transaction."""
        now = self._clock()
        details["name"] = said.name
        if said.name != kept.said.name:
            details["called_before"] = kept.said.name
            _name_free(connection, source, said.name, kept.id)
            connection.execute(update(principal).where(principal.c.id == kept.id).values(name=said.name))
        if said.external_id != kept.said.external_id:
            _unlink(connection, source, kept.id, kept.said.external_id)
            _link(connection, source, kept.id, said.external_id, now)
        values = {**_row(said), "version": kept.version + 1, "modified_ms": now}
        connection.execute(update(provisioned_person).where(provisioned_person.c.id == kept.id).values(values))
        self._apply(connection, source, kept.id, said, was_active=kept.said.active, details=details)
        return _person(connection, source, kept.id)

    def remove_person(self, source: Source, person_id: str, check: Callable[[KeptPerson], object], by: Principal) -> None:
        """See ``Provisioning.remove_person``."""
        details: dict[str, object] = {"source": source.id}

        def change(connection: Connection) -> None:
            kept = _person(connection, source, person_id)
            check(kept)
            self.end(connection, source, kept, details, "the source has removed them")

        self._directory.carry_out(change, _actor(by), "provision.remove", details)

    def end(self, connection: Connection, source: Source, kept: KeptPerson, details: dict[str, object], why: str) -> None:
        """Somebody whom the source does not have any more, as part of a transaction."""
        details |= {"name": kept.said.name, "why": why, **self._leave(connection, source, kept.id)}
        connection.execute(delete(provisioned_member).where(provisioned_member.c.person == kept.id))
        values = {"gone": True, "active": False, "version": kept.version + 1, "modified_ms": self._clock()}
        connection.execute(update(provisioned_person).where(provisioned_person.c.id == kept.id).values(values))

    # -- groups ------------------------------------------------------------------------------------------------------

    def groups(self, source: Source, sought: Sought) -> Sequence[KeptGroup]:
        """See ``Provisioning.groups``."""
        table = provisioned_group
        query = select(table).where(table.c.source == source.id).order_by(table.c.id)
        if sought.external_id:
            query = query.where(table.c.external_id == sought.external_id)
        with self._directory.reading() as connection:
            members = _members_of(connection, source.id)
            found = [_kept_group(row, members.get(row["id"], frozenset())) for row in connection.execute(query).mappings()]
        wanted = sought.name.casefold()
        return [one for one in found if not wanted or one.said.name.casefold() == wanted]

    def group(self, source: Source, group_id: str) -> KeptGroup:
        """See ``Provisioning.group``."""
        with self._directory.reading() as connection:
            return _group(connection, source, group_id)

    def create_group(self, source: Source, said: GroupSaid, by: Principal) -> KeptGroup:
        """See ``Provisioning.create_group``."""
        details: dict[str, object] = {"source": source.id, "group": said.name}
        now = self._clock()
        made = uuid7(now, self._entropy(10))

        def change(connection: Connection) -> KeptGroup:
            _group_name_free(connection, source, said.name, made)
            values = {"id": made, "source": source.id, "version": 1, "created_ms": now, "modified_ms": now, **_group_row(said)}
            connection.execute(insert(provisioned_group).values(values))
            self._put_members(connection, source, made, frozenset(), said.members, details=details)
            return _group(connection, source, made)

        return self._directory.carry_out(change, _actor(by), "provision.group", details)

    def change_group(self, source: Source, group_id: str, change: Callable[[KeptGroup], GroupSaid], by: Principal) -> KeptGroup:
        """See ``Provisioning.change_group``."""
        before = self.group(source, group_id)
        if change(before) == before.said:
            return before
        details: dict[str, object] = {"source": source.id}

        def carry_out(connection: Connection) -> KeptGroup:
            kept = _group(connection, source, group_id)
            said = change(kept)
            details["group"] = said.name
            _group_name_free(connection, source, said.name, group_id)
            values = {"version": kept.version + 1, "modified_ms": self._clock(), **_group_row(said)}
            connection.execute(update(provisioned_group).where(provisioned_group.c.id == group_id).values(values))
            renamed = said.name != kept.said.name
            self._put_members(connection, source, group_id, kept.said.members, said.members, details=details, all_of_them=renamed)
            return _group(connection, source, group_id)

        return self._directory.carry_out(carry_out, _actor(by), "provision.group", details)

    def remove_group(self, source: Source, group_id: str, check: Callable[[KeptGroup], object], by: Principal) -> None:
        """See ``Provisioning.remove_group``."""
        details: dict[str, object] = {"source": source.id}

        def change(connection: Connection) -> None:
            kept = _group(connection, source, group_id)
            check(kept)
            details["group"] = kept.said.name
            self._put_members(connection, source, group_id, kept.said.members, frozenset(), details=details)
            connection.execute(delete(provisioned_group).where(provisioned_group.c.id == group_id))

        self._directory.carry_out(change, _actor(by), "provision.group_remove", details)

    def _put_members(
        self, connection: Connection, source: Source, group_id: str, before: frozenset[str], wanted: frozenset[str],
        *, details: dict[str, object], all_of_them: bool = False,
    ) -> None:  # fmt: skip
        """``all_of_them``: what the group is worth may have changed for those who stay, too."""
        here = provisioned_member.c.provisioned_group == group_id
        for one in before - wanted:
            connection.execute(delete(provisioned_member).where(here, provisioned_member.c.person == one))
        for one in sorted(wanted - before):
            _person(connection, source, one)
            connection.execute(insert(provisioned_member).values(provisioned_group=group_id, person=one))
        names = {}
        for one in sorted(wanted | before if all_of_them else wanted ^ before):
            kept = _person(connection, source, one)
            names[one] = kept.said.name
            self._apply(connection, source, one, kept.said, was_active=kept.said.active, details={})
        details["added"] = sorted(names[one] for one in wanted - before)
        details["taken"] = sorted(names[one] for one in before - wanted)

    # -- what it makes of people -------------------------------------------------------------------------------------

    def _apply(
        self, connection: Connection, source: Source, who: str, said: Described, *, was_active: bool, details: dict[str, object]
    ) -> None:
        if not said.active:
            details |= {"why": "the source has switched them off", **self._leave(connection, source, who)}
            return
        if not was_active:
            connection.execute(update(principal).where(principal.c.id == who).values(active=True))
            details["active"] = True
        groups = [name for _, name in _groups_of(connection, source.id, who).get(who, ())]
        wanted = source.standing(groups, said.facts)
        now = self._clock()
        details |= put_standing(connection, who, wanted, source.managed, compatible=source.compatible, now_ms=now)

    def _leave(self, connection: Connection, source: Source, who: str) -> dict[str, object]:
        """INVARIANT: nothing by which somebody who has left could prove who they are outlives the transaction."""
        connection.execute(update(principal).where(principal.c.id == who).values(active=False))
        ended = connection.execute(delete(credential).where(credential.c.principal == who)).rowcount
        connection.execute(delete(password).where(password.c.principal == who))
        for table in (authenticator, recovery_code, passkey, sign_in_step):
            connection.execute(delete(table).where(table.c.principal == who))
        connection.execute(delete(timed_role).where(timed_role.c.principal == who))
        changed = put_standing(
            connection, who, source.ended(), source.managed, compatible=lambda _roles: None, now_ms=self._clock()
        )
        return {"active": False, "credentials_ended": ended, **changed}


# -- names and links -----------------------------------------------------------------------------------------------------


def _returning(connection: Connection, source: Source, said: Described) -> str | None:
    """Somebody whom the source removed, and has again: the same by what *it* calls them, not by a name that others get, too."""
    if not said.external_id:
        return None
    table = provisioned_person
    mine = (table.c.source == source.id) & (table.c.external_id == said.external_id)
    row = connection.execute(select(table.c.id, table.c.gone).where(mine).order_by(table.c.gone)).first()
    if row is not None and not row.gone:
        raise Conflict("the source has somebody with that external id already", where="externalId")
    return str(row.id) if row is not None else None


def _linked(connection: Connection, source: Source, said: Described) -> str | None:
    """Somebody who has signed in with the source's identity provider before the source told of them."""
    if source.link is not Linking.EXTERNAL_ID or not said.external_id:
        return None
    table = federated_person
    query = select(table.c.principal).where(table.c.issuer == source.issuer, table.c.subject == said.external_id)
    found = connection.execute(query).scalar()
    others = (provisioned_person.c.id == found) & (provisioned_person.c.source != source.id)
    if found is not None and connection.execute(select(provisioned_person.c.id).where(others)).first() is not None:
        raise Conflict("whom the identity provider means by that is another source's", where="externalId")
    if found is not None and connection.execute(select(password.c.principal).where(password.c.principal == found)).first():
        # An administrator of before there was a source, say: whoever holds its key would decide over them.
        raise Conflict(
            "whom the identity provider means by that has a password here, and is not the source's", where="externalId"
        )
    return found


def _link(connection: Connection, source: Source, who: str, external_id: str, now_ms: int) -> None:
    if source.link is not Linking.EXTERNAL_ID or not external_id:
        return
    table = federated_person
    here = (table.c.issuer == source.issuer) & (table.c.subject == external_id)
    found = connection.execute(select(table.c.principal).where(here)).scalar()
    if found not in {None, who}:
        raise Conflict("whom the identity provider means by that is somebody else", where="externalId")
    if found is None:
        row = {"issuer": source.issuer, "subject": external_id, "principal": who, "linked_ms": now_ms}
        connection.execute(insert(table).values(row))


def linked_by_name(connection: Connection, issuer: str, sources: Iterable[Source], name: str) -> str | None:
    """Whom a source means by the name that its identity provider gives somebody, where they are known by that."""
    mine = [one.id for one in sources if one.issuer == issuer and one.link is Linking.NAME]
    table = provisioned_person
    fits = table.c.source.in_(mine) & table.c.gone.is_(False) & (table.c.name_key == name.casefold())
    found = connection.execute(select(table.c.id).where(fits)).scalars().all()
    return str(found[0]) if len(found) == 1 else None


def is_provisioned(connection: Connection, who: str) -> bool:
    """Whether a source decides what somebody is."""
    return connection.execute(select(provisioned_person.c.id).where(provisioned_person.c.id == who)).first() is not None


def _unlink(connection: Connection, source: Source, who: str, external_id: str) -> None:
    table = federated_person
    here = (table.c.issuer == source.issuer) & (table.c.subject == external_id) & (table.c.principal == who)
    connection.execute(delete(table).where(here))


def _make_room(connection: Connection, source: Source, name: str) -> None:
    """Whoever the source removed keeps what was theirs, not the name: somebody else gets it, and nothing of theirs with it."""
    table = provisioned_person
    gone = (table.c.source == source.id) & table.c.gone.is_(True) & (table.c.name_key == name.casefold())
    for row in connection.execute(select(table.c.id, table.c.name, table.c.modified_ms).where(gone)).all():
        left = f" until {rfc3339(row.modified_ms)[:_DAY]} {row.id[-6:]}"
        called = f"{row.name[: _NAME_LENGTH - len(left)]}{left}"
        connection.execute(update(principal).where(principal.c.id == row.id).values(name=called))
        connection.execute(update(table).where(table.c.id == row.id).values(name=called, name_key=called.casefold()))


def _name_free(connection: Connection, source: Source, name: str, who: str | None) -> None:
    """Raises ``Conflict`` for a name that somebody else has, whatever the case of its letters, and ``BadName``."""
    check_name(name)
    _make_room(connection, source, name)
    wanted = name_key(name)
    for row in connection.execute(select(principal.c.id, principal.c.name)):
        if row.id != who and name_key(row.name) == wanted:
            raise Conflict(f"somebody is called {name[:80]!r} already, and is not the source's to change", where="userName")


def _group_name_free(connection: Connection, source: Source, name: str, group_id: str) -> None:
    if not 1 <= len(name) <= _EXTERNAL_ID:
        raise BadExternalId("a group's name has 1 to 255 characters", where="displayName")
    table = provisioned_group
    same = (table.c.source == source.id) & (table.c.name == name) & (table.c.id != group_id)
    if connection.execute(select(table.c.id).where(same)).first() is not None:
        raise Conflict(f"there is a group {name[:80]!r} already", where="displayName")


# -- rows ----------------------------------------------------------------------------------------------------------------


def _actor(by: Principal) -> Actor:
    return Actor(by.name, by.subject)


def _external(text: str) -> str:
    if len(text) > _EXTERNAL_ID:
        raise BadExternalId("an external id has at most 255 characters", where="externalId")
    return text


def _row(said: Described) -> dict[str, Any]:
    return {
        "name": said.name, "name_key": said.name.casefold(), "external_id": _external(said.external_id), "active": said.active,
        "document": json.dumps(said.document, sort_keys=True), "facts": json.dumps(dict(said.facts), sort_keys=True),
    }  # fmt: skip


def _group_row(said: GroupSaid) -> dict[str, Any]:
    return {"name": said.name, "external_id": _external(said.external_id)}


def _kept(row: RowMapping, within: tuple[tuple[str, str], ...]) -> KeptPerson:
    document, facts = json.loads(row["document"]), json.loads(row["facts"])
    said = Described(row["name"], row["external_id"], bool(row["active"]), document, facts)
    return KeptPerson(row["id"], said, row["version"], row["created_ms"], row["modified_ms"], within)


def _person(connection: Connection, source: Source, person_id: str) -> KeptPerson:
    table = provisioned_person
    mine = (table.c.id == person_id) & (table.c.source == source.id) & table.c.gone.is_(False)
    row = connection.execute(select(table).where(mine)).mappings().first()
    if row is None:
        raise NotProvisioned(f"there is nobody with the id {person_id[:40]!r}")
    return _kept(row, _groups_of(connection, source.id, person_id).get(person_id, ()))


def _groups_of(connection: Connection, source_id: str, person: str | None = None) -> dict[str, tuple[tuple[str, str], ...]]:
    """By person: the groups of the source that they are in."""
    query = (
        select(provisioned_member.c.person, provisioned_group.c.id, provisioned_group.c.name)
        .join(provisioned_group, provisioned_group.c.id == provisioned_member.c.provisioned_group)
        .where(provisioned_group.c.source == source_id)
        .order_by(provisioned_group.c.id)
    )
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in connection.execute(query if person is None else query.where(provisioned_member.c.person == person)):
        found[row.person] = (*found.get(row.person, ()), (row.id, row.name))
    return found


def _members_of(connection: Connection, source_id: str, group_id: str | None = None) -> dict[str, frozenset[str]]:
    query = select(provisioned_member).join(
        provisioned_group, provisioned_group.c.id == provisioned_member.c.provisioned_group
    ).where(provisioned_group.c.source == source_id)  # fmt: skip
    found: dict[str, set[str]] = {}
    for row in connection.execute(query if group_id is None else query.where(provisioned_group.c.id == group_id)):
        found.setdefault(row.provisioned_group, set()).add(row.person)
    return {group: frozenset(people) for group, people in found.items()}


def _kept_group(row: RowMapping, members: frozenset[str]) -> KeptGroup:
    said = GroupSaid(row["name"], row["external_id"], members)
    return KeptGroup(row["id"], said, row["version"], row["created_ms"], row["modified_ms"])


def _group(connection: Connection, source: Source, group_id: str) -> KeptGroup:
    mine = (provisioned_group.c.id == group_id) & (provisioned_group.c.source == source.id)
    row = connection.execute(select(provisioned_group).where(mine)).mappings().first()
    if row is None:
        raise NotProvisioned(f"there is no group with the id {group_id[:40]!r}")
    return _kept_group(row, _members_of(connection, source.id, group_id).get(group_id, frozenset()))
