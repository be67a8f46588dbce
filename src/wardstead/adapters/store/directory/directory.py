"""People and their credentials in the database. Every change raises the directory's version in its own transaction.

The hot path never comes here: workers hold a ``Directory`` snapshot and look at the version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import DatabaseError, IntegrityError, SQLAlchemyError

from wardstead.access.credentials import API_KEY_MARK, SESSION_MARK, digest, new_secret
from wardstead.access.ports import UNBOUND, Bounds, CredentialKind, Directory, KeySummary, Principal
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import directory_epoch, explain, place, why
from wardstead.adapters.store.directory import access_rows
from wardstead.adapters.store.directory.credential_rows import (
    bounds_document,
    bounds_of,
    credential_of,
    credential_values,
    end_sessions,
    split,
)
from wardstead.adapters.store.directory.names import NameTaken, check_name, require_nobody_like
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.policies import active_version
from wardstead.adapters.store.row_seals import require_rows
from wardstead.adapters.store.sealed_tables import DECIDING
from wardstead.adapters.store.tables.directory import credential, principal, role_member
from wardstead.adapters.store.transactions import read_transaction, write_transaction
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import BackendError, CallerError
from wardstead.kernel.errors import IntegrityError as Altered
from wardstead.kernel.ids import CredentialId, PrincipalId, uuid7
from wardstead.kernel.labels import STANDARD, Label, Levels

SESSION_MS = 12 * 3600 * 1000
_R = TypeVar("_R")

Audit = Callable[[Connection, str, str, Mapping[str, object]], object]
"""(connection, actor's subject, action, details): appends the act's record to the transaction that carries it out."""


def _anything(_roles: frozenset[str]) -> None:
    """Every role goes with every other."""


class UnknownPerson(CallerError):
    """There is nobody of that name."""

    code = "unknown_person"


class UnknownKey(CallerError):
    """There is no such key."""

    code = "unknown_key"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new API key: ``key`` is shown once and kept nowhere."""

    id: CredentialId
    key: str
    prefix: str


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A console session: ``token`` goes into the cookie, ``csrf`` into our own pages."""

    token: str
    csrf: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Actor:
    """Who carries out an administrative act, for its record. ``ordered_by``: in whose name, where a command says so."""

    name: str
    subject: str
    ordered_by: str = ""

    @property
    def told(self) -> Mapping[str, str]:
        """As the act's details name them."""
        return {"by": self.name, **({"ordered_by": self.ordered_by} if self.ordered_by else {})}


class DirectoryStore:
    """The directory over SQLAlchemy. Blocking: a web handler calls it in a thread."""

    def __init__(
        self,
        engine: Engine,
        turn: Turn,
        *,
        pepper: Callable[[], bytes],
        clock: Clock,
        entropy: Entropy,
        audit: Audit | None = None,
        levels: Callable[[], Levels] = Levels,
    ) -> None:
        """``pepper`` keys the digests of credentials: asked for where one is made, or held against one.

        ``audit`` records each act in the transaction that carries it out.
        ``levels``: the deployment's, asked when people are read.
        """
        self._levels = levels
        self._engine, self._turn, self._pepper = engine, turn, pepper
        self._clock, self._entropy, self._audit = clock, entropy, audit

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction. Whatever fails in it is an error of ours: ``BackendError``, or what was altered."""
        try:
            with read_transaction(self._engine) as connection:
                yield connection
        except DatabaseError as error:
            raise explain(error) from None
        except SQLAlchemyError as error:
            raise BackendError("the directory cannot be read", why=type(error).__name__, next_step="try again") from None
        except (TypeError, ValueError):
            raise Altered(
                "the directory holds a value that nobody wrote there", where=place(self._engine),
                next_step="restore the database from a backup",
            ) from None  # fmt: skip

    @contextmanager
    def writing(self, what: str, *, durable: bool = True) -> Iterator[Connection]:
        """A write transaction. When the database refuses, ``what`` is the ``BackendError``."""
        try:
            with write_transaction(self._engine, self._turn, durable=durable) as connection:
                yield connection
        except DatabaseError as error:
            raise BackendError(what, why=why(error), next_step="see to the database's disk, and end what else holds it") from None
        except SQLAlchemyError as error:
            raise BackendError(what, why=type(error).__name__, next_step="try again") from None

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def version(self) -> int:
        """The present version."""
        with self.reading() as connection:
            return int(connection.execute(select(directory_epoch.c.version)).scalar_one())

    def load(self) -> Directory:
        """A snapshot, consistent in itself (one read transaction)."""
        levels = self._levels()
        with self.reading() as connection:
            version = int(connection.execute(select(directory_epoch.c.version)).scalar_one())
            people = _principals(connection, levels)
            rows = connection.execute(select(credential)).mappings()
            credentials = {bytes(row["digest"]): credential_of(row) for row in rows}
            shares = access_rows.shares(connection)
            policies = active_version(connection)
            require_rows(connection, *DECIDING)
        return Directory(version, people, credentials, shares, policies)

    def everybody(self, connection: Connection) -> Collection[Principal]:
        """All people, as a transaction sees them."""
        return everybody(connection, self._levels())

    # -- people ------------------------------------------------------------------------------------------------------

    def create_principal(self, name: str, *, roles: Iterable[str], clearance: Label, actor: Actor | None = None) -> Principal:
        """A new person. Raises ``NameTaken``, ``BadName``."""
        wanted = frozenset(roles)
        details = {"name": name, "roles": sorted(wanted), "clearance": str(clearance)}

        def change(connection: Connection) -> Principal:
            require_nobody_like(connection, name)
            return self.add_principal(connection, name, wanted, clearance)

        return self.carry_out(change, actor, "principal.create", details)

    def add_principal(self, connection: Connection, name: str, roles: frozenset[str], clearance: Label) -> Principal:
        """A new person, as part of a transaction. Raises ``NameTaken``, ``BadName``."""
        check_name(name)
        now = self._clock()
        made = Principal(PrincipalId(uuid7(now, self._entropy(10))), name, roles, clearance, self._entropy(16).hex())
        values = {
            "id": made.id,
            "name": name,
            "kind": made.kind,
            "active": True,
            "level": clearance.level.name,
            "compartments": ",".join(sorted(clearance.compartments)),
            "subject": made.subject,
            "created_ms": now,
        }
        try:
            connection.execute(insert(principal).values(values))
        except IntegrityError:
            raise NameTaken(f"there is somebody called {name!r} already") from None
        _put_roles(connection, made.id, made.roles)
        return made

    def list_principals(self) -> list[Principal]:
        """Everybody, by name."""
        levels = self._levels()
        with self.reading() as connection:
            return sorted(_principals(connection, levels).values(), key=lambda one: one.name)

    def find(self, name: str) -> Principal:
        """Somebody by name. Raises ``UnknownPerson``."""
        for one in self.list_principals():
            if one.name == name:
                return one
        raise UnknownPerson(f"there is nobody called {name[:80]!r}", next_step="'wardstead user list' names everybody")

    def set_roles(
        self, name: str, roles: Iterable[str], *, compatible: Callable[[frozenset[str]], None] = _anything,
        actor: Actor | None = None,
    ) -> None:  # fmt: skip
        """Give somebody these roles, and no others without an end. ``compatible`` raises for what nobody may have together."""
        who, wanted = self.find(name), sorted(set(roles))

        def change(connection: Connection) -> None:
            now, timed = self._clock(), access_rows.timed_roles(connection).get(who.id, ())
            compatible(frozenset(wanted) | {one.role for one in timed if one.until_ms is None or one.until_ms > now})
            connection.execute(delete(role_member).where(role_member.c.principal == who.id))
            _put_roles(connection, who.id, wanted)

        self.carry_out(change, actor, "principal.roles", {"name": name, "before": sorted(who.roles), "after": wanted})

    def set_clearance(self, name: str, clearance: Label, *, actor: Actor | None = None) -> None:
        """Clear somebody for this label."""
        who = self.find(name)
        values = {"level": clearance.level.name, "compartments": ",".join(sorted(clearance.compartments))}
        change = update(principal).where(principal.c.id == who.id).values(**values)
        details = {"name": name, "before": str(who.clearance), "after": str(clearance)}
        self.carry_out(lambda connection: connection.execute(change), actor, "principal.clearance", details)

    def set_active(self, name: str, active: bool, *, actor: Actor | None = None) -> None:
        """Switch an account on or off. Off ends every session at once; keys stay known but do nothing."""
        who = self.find(name)

        def change(connection: Connection) -> None:
            connection.execute(update(principal).where(principal.c.id == who.id).values(active=active))
            if not active:
                end_sessions(connection, who.id)

        self.carry_out(change, actor, "principal.active", {"name": name, "active": active})

    # -- API keys ----------------------------------------------------------------------------------------------------

    def create_api_key(
        self, name: str, *, scopes: Iterable[str] = (), expires_ms: int | None = None, bounds: Bounds = UNBOUND,
        actor: Actor | None = None,
    ) -> IssuedKey:  # fmt: skip
        """A new key for somebody."""
        who = self.find(name)
        new = new_secret(API_KEY_MARK, self._pepper(), self._entropy)
        now = self._clock()
        key_id = CredentialId(uuid7(now, self._entropy(10)))
        values = credential_values(
            key_id=key_id, kind=CredentialKind.API_KEY, prefix=new.prefix, key_digest=new.digest, csrf=b"",
            who=who.id, scopes=scopes, now=now, expires_ms=expires_ms, bounds=bounds,
        )  # fmt: skip
        details = {"id": key_id, "prefix": new.prefix, "name": name, "scopes": sorted(scopes), **bounds_document(bounds)}
        self.carry_out(lambda connection: connection.execute(insert(credential).values(values)), actor, "key.create", details)
        return IssuedKey(key_id, new.secret, new.prefix)

    def find_api_key(self, key: str) -> KeySummary:
        """A key by its id or prefix. Raises ``UnknownKey``, also when a prefix fits several."""
        fitting = [one for one in self.list_keys() if key in {one.id, one.prefix}]
        if not fitting:
            raise UnknownKey(f"there is no key {key[:80]!r}", next_step="'wardstead key list' names them")
        if len(fitting) > 1:
            raise UnknownKey(f"{len(fitting)} keys fit {key[:80]!r}", next_step="give its id: 'wardstead key list' shows it")
        return fitting[0]

    def revoke_api_key(self, key: str, *, actor: Actor | None = None) -> KeySummary:
        """Revoke by id or by prefix. Raises ``UnknownKey``."""
        gone = self.find_api_key(key)
        change = delete(credential).where(credential.c.id == gone.id)
        details = {"id": gone.id, "prefix": gone.prefix, "name": gone.person}
        self.carry_out(lambda connection: connection.execute(change), actor, "key.revoke", details)
        return gone

    def list_keys(self) -> list[KeySummary]:
        """Every key, oldest first."""
        query = (
            select(credential, principal.c.name.label("person"))
            .join(principal, principal.c.id == credential.c.principal)
            .where(credential.c.kind == CredentialKind.API_KEY.value)
            .order_by(credential.c.id)
        )
        with self.reading() as connection:
            return [
                KeySummary(
                    row["id"],
                    row["prefix"],
                    row["person"],
                    split(row["scopes"]),
                    row["created_ms"],
                    row["expires_ms"],
                    row["last_used_ms"],
                    bounds_of(row),
                )
                for row in connection.execute(query).mappings()
            ]

    def touch(self, used: Mapping[str, int]) -> None:
        """Note when credentials were last used (id to time in ms). Changes no decision, so the version stays."""
        with self.writing("the last use of keys cannot be written") as connection:
            for key_id, used_ms in used.items():
                connection.execute(update(credential).where(credential.c.id == key_id).values(last_used_ms=used_ms))

    # -- sessions ----------------------------------------------------------------------------------------------------

    def open_session(
        self, who: Principal, *,
        authenticated_ms: int | None, means: Iterable[str] = (), until_ms: int | None = None,
        also: Callable[[Connection, CredentialId], object] | None = None,
    ) -> OpenedSession:  # fmt: skip
        """A new console session. ``authenticated_ms``: when they proved who they are, where that is known; ``means``: how
        (``access.strength``). ``until_ms``: when it ends at the latest. ``also``: what else is kept of it, in the same
        transaction.
        """
        now = self._clock()
        ends = min(now + SESSION_MS, until_ms if until_ms is not None else now + SESSION_MS)
        token = new_secret(SESSION_MARK, self._pepper(), self._entropy)
        csrf = new_secret("", self._pepper(), self._entropy)
        session_id = CredentialId(uuid7(now, self._entropy(10)))
        values = credential_values(
            key_id=session_id, kind=CredentialKind.SESSION, prefix=token.prefix, key_digest=token.digest, csrf=csrf.digest,
            who=who.id, scopes=(), now=now, expires_ms=ends, authenticated_ms=authenticated_ms,
            means=means,
        )  # fmt: skip

        def change(connection: Connection) -> None:
            expired = (credential.c.kind == CredentialKind.SESSION.value) & (credential.c.expires_ms < now)
            connection.execute(delete(credential).where(expired))
            connection.execute(insert(credential).values(values))
            if also is not None:
                also(connection, session_id)

        details = {"name": who.name, "means": sorted(means)}
        self.carry_out(change, Actor(who.name, who.subject), "session.open", details)
        return OpenedSession(token.secret, csrf.secret, ends)

    def close_session(self, token: str, *, actor: Actor) -> None:
        """End a session; one that does not exist is ended already."""
        session = (credential.c.digest == digest(self._pepper(), token)) & (credential.c.kind == CredentialKind.SESSION.value)
        change = delete(credential).where(session)
        self.carry_out(lambda connection: connection.execute(change), actor, "session.close", {"name": actor.name})

    # -- changing ----------------------------------------------------------------------------------------------------

    def raise_version(self, action: str, details: Mapping[str, object], *, actor: Actor | None = None) -> None:
        """Something outside the database that decisions depend on has changed (policies, models): decide anew."""
        self.carry_out(lambda _connection: None, actor, action, details)

    def carry_out(
        self, change: Callable[[Connection], _R], actor: Actor | None, action: str, details: Mapping[str, object]
    ) -> _R:
        """One administrative act: the change, the directory's next version and the act's record, in one transaction.

        ``details`` may be what the change itself fills in.
        """
        with self.writing("the directory cannot be changed") as connection:
            result = change(connection)
            self._record(connection, actor, action, details)
        return result

    def record_and_change(
        self, change: Callable[[Connection, str], _R], actor: Actor | None, action: str, details: Mapping[str, object]
    ) -> _R:
        """The same for a change that is told under which id it is recorded (empty where nothing is)."""
        with self.writing("the directory cannot be changed") as connection:
            return change(connection, self._record(connection, actor, action, details))

    def _record(self, connection: Connection, actor: Actor | None, action: str, details: Mapping[str, object]) -> str:
        """The id of the act's record; the directory has its next version."""
        connection.execute(update(directory_epoch).values(version=directory_epoch.c.version + 1))
        if self._audit is None:
            return ""
        who = actor or Actor(COMMAND_LINE, COMMAND_LINE)
        return str(self._audit(connection, who.subject, action, {**who.told, **details}))


def everybody(connection: Connection, levels: Levels = STANDARD) -> Collection[Principal]:
    """All people, as a transaction sees them. Without the deployment's ``levels`` their clearances mean nothing."""
    return _principals(connection, levels).values()


def _principals(connection: Connection, levels: Levels) -> dict[PrincipalId, Principal]:
    roles: dict[str, set[str]] = {}
    for row in connection.execute(select(role_member)):
        roles.setdefault(row.principal, set()).add(row.role)
    timed, groups = access_rows.timed_roles(connection), access_rows.groups(connection)
    attributes = access_rows.attributes(connection)
    return {
        PrincipalId(row["id"]): Principal(
            PrincipalId(row["id"]),
            row["name"],
            frozenset(roles.get(row["id"], ())),
            levels.clearance(row["level"], split(row["compartments"])),
            row["subject"],
            bool(row["active"]),
            row["kind"],
            timed.get(row["id"], ()),
            groups.get(row["id"], frozenset()),
            attributes.get(row["id"], ()),
        )
        for row in connection.execute(select(principal)).mappings()
    }


def _put_roles(connection: Connection, who: str, roles: Iterable[str]) -> None:
    rows = [{"principal": who, "role": role} for role in sorted(roles)]
    if rows:
        connection.execute(insert(role_member), rows)
