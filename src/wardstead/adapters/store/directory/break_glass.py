"""Break-glass accounts in the database: sealed, until two people open one for some hours.

An open account is one that has its roles for a time: they end by themselves, and every snapshot shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from wardstead.access.ports import BREAK_GLASS, Principal
from wardstead.adapters.store.directory.access import REQUEST_LASTS_MS, RequestDecided
from wardstead.adapters.store.directory.credential_rows import end_sessions
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.tables.access import timed_role
from wardstead.adapters.store.tables.break_glass import break_glass, opening
from wardstead.adapters.store.tables.directory import credential, principal, role_member
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId, uuid7

_OPEN: Final = "open"


class NotBreakGlass(CallerError):
    """It is an ordinary account, or there is no such opening."""

    code = "not_break_glass"


class OpenAlready(CallerError):
    """It is open by now."""

    code = "open_already"


@dataclass(frozen=True, slots=True)
class Sealed:
    """An account for emergencies. ``roles``: those that it has while it is open; holders of ``approvers`` open it."""

    principal: PrincipalId
    roles: frozenset[str]
    max_ms: int
    approvers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Opening:
    """Somebody asks that one be opened; what became of it: ``asked``, ``refused``, ``open`` until ``until_ms``, ``closed``."""

    id: str
    principal: PrincipalId
    requested_by: PrincipalId
    reason: str
    duration_ms: int
    requested_ms: int
    state: str
    decided_by: PrincipalId | None
    until_ms: int | None


class BreakGlassStore:
    """Over the directory's store. Blocking. Each act is recorded in its own transaction."""

    def __init__(self, directory: DirectoryStore, *, clock: Clock, entropy: Entropy) -> None:
        """Acts are recorded as the directory's are."""
        self._directory, self._clock, self._entropy = directory, clock, entropy

    def seal(self, name: str, sealed: Sealed, *, actor: Actor | None = None) -> None:
        """From now on the account is for emergencies: without roles of its own, a key or a session, until it is opened."""

        def change(connection: Connection) -> None:
            own = sealed.principal
            connection.execute(update(principal).where(principal.c.id == own).values(kind=BREAK_GLASS))
            connection.execute(delete(role_member).where(role_member.c.principal == own))
            connection.execute(delete(timed_role).where(timed_role.c.principal == own))
            connection.execute(delete(break_glass).where(break_glass.c.principal == own))
            row = {
                "principal": own, "roles": _joined(sealed.roles), "max_ms": sealed.max_ms, "approvers": _joined(sealed.approvers),
            }  # fmt: skip
            connection.execute(insert(break_glass).values(row))
            end_sessions(connection, own)
            connection.execute(delete(credential).where(credential.c.principal == own))

        details = {"name": name, "roles": sorted(sealed.roles), "approvers": sorted(sealed.approvers)}
        self._directory.carry_out(change, actor, "break_glass.seal", details)

    def accounts(self) -> dict[PrincipalId, Sealed]:
        """All of them."""
        with self._directory.reading() as connection:
            rows = connection.execute(select(break_glass)).mappings()
            return {PrincipalId(row["principal"]): _sealed(row) for row in rows}

    def find(self, who: Principal) -> Sealed:
        """One of them. Raises ``NotBreakGlass``."""
        found = self.accounts().get(who.id)
        if found is None:
            raise NotBreakGlass(f"{who.name[:80]!r} is no break-glass account", next_step="'wardstead user break-glass list'")
        return found

    def openings(self) -> list[Opening]:
        """All that was asked for, the newest first."""
        with self._directory.reading() as connection:
            rows = connection.execute(select(opening).order_by(opening.c.id.desc())).mappings()
            return [_opening(row) for row in rows]

    def opening(self, opening_id: str) -> Opening:
        """One of them. Raises ``NotBreakGlass``."""
        found = next((one for one in self.openings() if one.id == opening_id), None)
        if found is None:
            raise NotBreakGlass(f"there is no opening {opening_id[:40]!r}", next_step="'wardstead user break-glass list'")
        return found

    def ask(self, account: Principal, by: Principal, reason: str, duration_ms: int, *, actor: Actor | None = None) -> Opening:
        """Ask that it be opened."""
        now = self._clock()
        made = Opening(
            uuid7(now, self._entropy(10)), account.id, by.id, reason, duration_ms, now, "asked", None, None
        )  # fmt: skip

        def change(connection: Connection) -> None:
            connection.execute(insert(opening).values({column.name: getattr(made, column.name) for column in opening.columns}))

        details = {"opening": made.id, "name": account.name, "asked_by": by.name, "reason": reason}
        self._directory.carry_out(change, actor, "break_glass.ask", details)
        return made

    def decide(self, asked: Opening, by: Principal, account: Principal, *, approve: bool, actor: Actor | None = None) -> Opening:
        """Open it for as long as was asked, or refuse. Raises ``RequestDecided``."""
        sealed = self.find(account)

        def change(connection: Connection) -> int | None:
            now = self._clock()
            row = connection.execute(select(opening).where(opening.c.id == asked.id)).mappings().one()
            if row["state"] != "asked" or now - row["requested_ms"] > REQUEST_LASTS_MS:
                raise RequestDecided("it was decided about already, or asked for too long ago", next_step="ask anew")
            # It may have been sealed anew since it was asked for, for less.
            until = now + min(row["duration_ms"], sealed.max_ms) if approve else None
            state = {"state": _OPEN if approve else "refused", "decided_by": by.id, "until_ms": until}
            connection.execute(update(opening).where(opening.c.id == asked.id).values(state))
            if until is not None:
                self._open(connection, sealed, now, until)
            return until

        details = {"opening": asked.id, "name": account.name, "decided_by": by.name, "reason": asked.reason}
        self._directory.carry_out(change, actor, f"break_glass.{'open' if approve else 'refuse'}", details)
        return self.opening(asked.id)

    def _open(self, connection: Connection, sealed: Sealed, now: int, until: int) -> None:
        connection.execute(delete(timed_role).where(timed_role.c.principal == sealed.principal, timed_role.c.until_ms <= now))
        if connection.execute(select(timed_role).where(timed_role.c.principal == sealed.principal)).first() is not None:
            raise OpenAlready("it is open already", next_step="'wardstead user break-glass list' says until when")
        for role in sorted(sealed.roles):
            row = {"principal": sealed.principal, "role": role, "from_ms": now, "until_ms": until}
            connection.execute(insert(timed_role).values(id=uuid7(now, self._entropy(10)), **row))

    def close(self, account: Principal, *, actor: Actor | None = None) -> None:
        """End it at once: its roles, its sessions."""
        self.find(account)

        def change(connection: Connection) -> None:
            connection.execute(delete(timed_role).where(timed_role.c.principal == account.id))
            own = (opening.c.principal == account.id) & (opening.c.state == _OPEN)
            connection.execute(update(opening).where(own).values(state="closed"))
            end_sessions(connection, account.id)

        self._directory.carry_out(change, actor, "break_glass.close", {"name": account.name})


def _joined(names: frozenset[str]) -> str:
    return ",".join(sorted(names))


def _split(text: str) -> frozenset[str]:
    return frozenset(part for part in text.split(",") if part)


def _sealed(row: RowMapping) -> Sealed:
    return Sealed(PrincipalId(row["principal"]), _split(row["roles"]), row["max_ms"], _split(row["approvers"]))


def _opening(row: RowMapping) -> Opening:
    return Opening(**{name: row[name] for name in Opening.__slots__})
