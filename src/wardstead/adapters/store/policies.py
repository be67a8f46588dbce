"""Access policies in the database: which version is in force, and all that were.

An activation raises the directory's version in its own transaction, so every worker loads the policies anew, and an intent
that was decided by those before is refused and decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, inspect, select, update
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from wardstead.access.policyset import AccessPolicies, PolicyFiles, decode_files
from wardstead.access.ports import Principal
from wardstead.adapters.store.admin_record import COMMAND_LINE
from wardstead.adapters.store.base import directory_epoch, why
from wardstead.adapters.store.locks import Turn
from wardstead.adapters.store.policy_tables import policy_activation, policy_set
from wardstead.adapters.store.transactions import explained, read_transaction, write_transaction
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import BackendError, CallerError

Audit = Callable[[Connection, str, str, Mapping[str, object]], object]
Everybody = Callable[[Connection], Iterable[Principal]]
"""All people, as the transaction that activates sees them."""


class UnknownVersion(CallerError):
    """No version of the policies has that name, or several begin so."""

    code = "unknown_policy_version"


class RolesExclude(CallerError):
    """Somebody would have two roles that exclude one another (static separation of duty)."""

    code = "roles_conflict"


@dataclass(frozen=True, slots=True)
class Activation:
    """That a version was put in force: when, by whom and why."""

    version: str
    activated_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Activated:
    """What an activation came to. ``before`` is empty where none was in force; ``changed`` is false where it was already."""

    before: str
    version: str
    changed: bool


class PolicyStore:
    """The versions over SQLAlchemy. Blocking."""

    def __init__(self, engine: Engine, turn: Turn, *, clock: Clock, audit: Audit, everybody: Everybody) -> None:
        """``audit`` records each activation in its own transaction."""
        self._engine, self._turn, self._clock = engine, turn, clock
        self._audit, self._everybody = audit, everybody

    def active(self) -> Activation | None:
        """The version in force; ``None`` before the first start, and in a database of an older version of Wardstead."""
        with self._reading() as connection:
            return _active(connection) if _has_table(connection) else None

    def activations(self) -> list[Activation]:
        """Every activation, the newest first."""
        with self._reading() as connection:
            if not _has_table(connection):
                return []
            return [_activation(row) for row in connection.execute(_NEWEST)]

    def files(self, version: str) -> PolicyFiles:
        """The files of a version. Raises ``UnknownVersion``."""
        with self._reading() as connection:
            row = connection.execute(select(policy_set.c.files).where(policy_set.c.version == version)).first()
        if row is None:
            raise UnknownVersion(f"there is no version {version[:40]!r} of the policies")
        return decode_files(bytes(row.files))

    def find(self, beginning: str) -> str:
        """The one version whose name begins so. Raises ``UnknownVersion``."""
        names = sorted({one.version for one in self.activations() if beginning and one.version.startswith(beginning)})
        if len(names) != 1:
            raise UnknownVersion(
                f"{len(names)} versions of the policies begin with {beginning[:40]!r}" if names
                else f"there is no version {beginning[:40]!r} of the policies",
                next_step="'wardstead access versions' names them",
            )  # fmt: skip
        return names[0]

    def previous(self) -> str:
        """The version that was in force before the present one. Raises ``UnknownVersion`` where there was none."""
        found = self.activations()
        for one in found[1:]:
            if one.version != found[0].version:
                return one.version
        raise UnknownVersion("no other version of the policies was ever active", next_step="'wardstead access versions'")

    def activate(self, policies: AccessPolicies, *, by: str, reason: str) -> Activated:
        """Put compiled policies in force, everywhere at once. Raises ``RolesExclude`` where they forbid what somebody is."""
        with self._writing() as connection:
            before = _active(connection)
            if before is not None and before.version == policies.version:
                return Activated(before.version, policies.version, changed=False)
            for who in self._everybody(connection):
                _require_apart(policies, who)
            self._put(connection, policies, before, by, reason)
        return Activated(before.version if before else "", policies.version, changed=True)

    def begin(self, policies: AccessPolicies, *, by: str, reason: str, unless: str | None = None) -> None:
        """Put in force what a start found: the first version, or one in place of ``unless``, which it is another form of.

        Nothing happens where another was activated meanwhile. Nobody's roles are in its way: it decides already.
        """
        with self._writing() as connection:
            before = _active(connection)
            if (before.version if before else None) == unless:
                self._put(connection, policies, before, by, reason)

    def _put(self, connection: Connection, policies: AccessPolicies, before: Activation | None, by: str, reason: str) -> None:
        now, version = self._clock(), policies.version
        old = self._files(connection, before.version) if before else PolicyFiles({})
        known = connection.execute(select(policy_set.c.version).where(policy_set.c.version == version)).first()
        if known is None:
            values = {"version": version, "files": policies.files.encode(), "validated_ms": now}
            connection.execute(insert(policy_set).values(values))
        connection.execute(insert(policy_activation).values(version=version, activated_ms=now, by=by[:160], reason=reason))
        connection.execute(update(directory_epoch).values(version=directory_epoch.c.version + 1))
        details: dict[str, Any] = {
            "before": before.version if before else "", "after": version, "reason": reason,
            "files": list(policies.files.differing(old)),
        }  # fmt: skip
        self._audit(connection, COMMAND_LINE, "policy.activate", details)

    @staticmethod
    def _files(connection: Connection, version: str) -> PolicyFiles:
        found = connection.execute(select(policy_set.c.files).where(policy_set.c.version == version)).scalar_one()
        return decode_files(bytes(found))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(), read_transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with write_transaction(self._engine, self._turn) as connection:
                yield connection
        except SQLAlchemyError as error:
            said = why(error) if isinstance(error, DatabaseError) else type(error).__name__
            raise BackendError("the policies cannot be activated", why=said, next_step="those before stay in force") from None


_NEWEST = select(policy_activation).order_by(policy_activation.c.id.desc())


def active_version(connection: Connection) -> str:
    """The version in force, as a transaction sees it; empty where there is none yet."""
    row = connection.execute(select(policy_activation.c.version).order_by(policy_activation.c.id.desc()).limit(1)).first()
    return str(row.version) if row is not None else ""


def _active(connection: Connection) -> Activation | None:
    row = connection.execute(_NEWEST.limit(1)).first()
    return _activation(row) if row is not None else None


def _activation(row: Row[Any]) -> Activation:
    return Activation(row.version, row.activated_ms, row.by, row.reason)


def _has_table(connection: Connection) -> bool:
    return bool(inspect(connection).has_table(policy_activation.name))


def _require_apart(policies: AccessPolicies, who: Principal) -> None:
    held = who.roles | {timed.role for timed in who.timed_roles}
    if who.active and (found := policies.rules.conflicts(held)):
        one, other = found[0]
        raise RolesExclude(
            f"{who.name[:80]!r} has the roles {one!r} and {other!r}, which these policies keep apart",
            next_step=f"take one of them away first: 'wardstead user set-roles {who.name[:80]}'",
        )
