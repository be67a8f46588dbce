"""Authenticators and recovery codes in the database, and how often they may be guessed.

A code is looked at, counted and marked as taken in one write transaction: of two that come at once, one is too late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from wardstead.access.credentials import digest
from wardstead.access.ports import Principal
from wardstead.access.strength import CODE, RECOVERY_CODE
from wardstead.adapters.identity.codes import fitting_step, new_recovery_codes, read_recovery_code
from wardstead.adapters.identity.passwords import TooManyAttempts
from wardstead.adapters.store.directory.credential_rows import end_sessions
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.tables.second_factors import authenticator, factor_attempts, passkey, recovery_code
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import CallerError
from wardstead.ledger.sealing import Sealer

_FREE_FAILURES: Final = 5
_BLOCK_MS: Final = 30_000
_LONGEST_BLOCK_MS: Final = 3_600_000
_ENROLMENT_MS: Final = 15 * 60_000
_R = TypeVar("_R")


class WrongCode(CallerError):
    """The code is not one that is due, or it was used already."""

    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__(
            "the code is not right, or was used already",
            next_step="Wait for the next one and see that the device's clock is right",
        )


class EnrolledAlready(CallerError):
    """There is an authenticator, and another one does not take its place unasked."""

    code = "enrolled_already"


class NoSecondFactor(CallerError):
    """There is none of that kind."""

    code = "no_second_factor"


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """What somebody has. ``codes_since_ms``: since when an authenticator gives codes; ``None`` where none does."""

    codes_since_ms: int | None
    recovery_codes: int
    passkeys: int

    @property
    def any(self) -> bool:
        """Whether a password alone is not enough. Recovery codes stand in for something, and are nothing by themselves."""
        return self.codes_since_ms is not None or self.passkeys > 0


class SecondFactorStore:
    """Over the directory's store. Blocking."""

    def __init__(
        self, directory: DirectoryStore, sealer: Sealer, *, pepper: bytes, clock: Clock, entropy: Entropy
    ) -> None:  # fmt: skip
        """``sealer`` seals secrets under their owner's key; ``pepper`` keys the digests of recovery codes."""
        self._directory, self._sealer, self._pepper = directory, sealer, pepper
        self._clock, self._entropy = clock, entropy

    def of(self, who: Principal) -> SecondFactors:
        """What somebody has."""
        with self._directory.reading() as connection:
            return _held(connection, who.id)

    # -- an authenticator --------------------------------------------------------------------------------------------

    def begin(self, who: Principal, secret: str) -> None:
        """Keep a secret that counts once a code of it is given. It takes the place of one that was begun before.

        Raises ``EnrolledAlready``.
        """
        sealed = self._sealer.seal_kept(who.subject, secret_name(who.id), secret.encode())
        row = {"principal": who.id, "secret": sealed, "begun_ms": self._clock(), "confirmed_ms": None, "last_step": 0}
        with self._directory.writing("an authenticator cannot be added") as connection:
            kept = _authenticator(connection, who.id)
            if kept is not None and kept["confirmed_ms"] is not None:
                raise EnrolledAlready("you have an authenticator already", next_step="remove it first")
            connection.execute(delete(authenticator).where(authenticator.c.principal == who.id))
            connection.execute(insert(authenticator).values(row))

    def begun(self, who: Principal) -> str:
        """The secret that was begun and does not count yet. Raises ``NoSecondFactor``."""
        with self._directory.reading() as connection:
            return self._secret(self._pending(connection, who), who)

    def confirm(self, who: Principal, given: str) -> tuple[str, ...]:
        """The secret counts from now on; its recovery codes, which are kept as digests alone. Raises ``WrongCode``."""
        codes = new_recovery_codes(self._entropy)

        def change(connection: Connection) -> None:
            step = fitting_step(self._secret(self._pending(connection, who), who), given, self._clock(), after=0)
            if step is None:
                raise WrongCode
            values = {"confirmed_ms": self._clock(), "last_step": step}
            connection.execute(update(authenticator).where(authenticator.c.principal == who.id).values(values))
            self._put_recovery_codes(connection, who, codes)

        self._act(change, who, "second_factor.add", {"kind": CODE})
        return codes

    def _pending(self, connection: Connection, who: Principal) -> RowMapping:
        kept = _authenticator(connection, who.id)
        if kept is None or kept["confirmed_ms"] is not None or self._clock() - kept["begun_ms"] > _ENROLMENT_MS:
            raise NoSecondFactor("no authenticator is being added", next_step="begin again")
        return kept

    def remove_authenticator(self, who: Principal) -> None:
        """Without it. Recovery codes stay where passkeys do. Raises ``NoSecondFactor``."""

        def change(connection: Connection) -> None:
            if not connection.execute(delete(authenticator).where(authenticator.c.principal == who.id)).rowcount:
                raise NoSecondFactor("you have no authenticator")
            if not _held(connection, who.id).any:
                connection.execute(delete(recovery_code).where(recovery_code.c.principal == who.id))

        self._act(change, who, "second_factor.remove", {"kind": CODE})

    def renew_recovery_codes(self, who: Principal) -> tuple[str, ...]:
        """New ones in place of all that there are. Raises ``NoSecondFactor``."""
        codes = new_recovery_codes(self._entropy)

        def change(connection: Connection) -> None:
            if not _held(connection, who.id).any:
                raise NoSecondFactor("recovery codes stand in for a second factor, and you have none")
            self._put_recovery_codes(connection, who, codes)

        self._act(change, who, "second_factor.recovery_codes", {})
        return codes

    def _put_recovery_codes(self, connection: Connection, who: Principal, codes: tuple[str, ...]) -> None:
        connection.execute(delete(recovery_code).where(recovery_code.c.principal == who.id))
        rows = [{"principal": who.id, "digest": self._digest(who, read_recovery_code(one))} for one in codes]
        connection.execute(insert(recovery_code), rows)

    def reset(self, name: str, reason: str, *, actor: Actor | None = None) -> SecondFactors:
        """Take all of somebody's second factors away, and end their sessions: what they had."""
        who = self._directory.find(name)

        def change(connection: Connection) -> SecondFactors:
            had = _held(connection, who.id)
            for table in (authenticator, recovery_code, passkey, factor_attempts):
                connection.execute(delete(table).where(table.c.principal == who.id))
            end_sessions(connection, who.id)
            return had

        return self._directory.carry_out(change, actor, "second_factor.reset", {"name": name, "reason": reason})

    # -- proving -----------------------------------------------------------------------------------------------------

    def use(self, who: Principal, given: str) -> str:
        """Take a code of the authenticator, or a recovery code: which of the means it was. Once.

        Raises ``WrongCode``, and ``TooManyAttempts`` while guessing is blocked: every fifth wrong one in a row blocks for
        half a minute at first, twice as long each time, an hour at most.
        """
        now = self._clock()
        with self._directory.writing("a code cannot be taken") as connection:
            failed = self._failures(connection, who, now)
            means = self._take(connection, who, given, now)
            if means:
                connection.execute(delete(factor_attempts).where(factor_attempts.c.principal == who.id))
                return means
            blocked_ms = self._count(connection, who, failed + 1, now)
        if blocked_ms:
            details = {"name": who.name, "failed": failed + 1, "seconds": blocked_ms // 1000}
            self._directory.carry_out(lambda _connection: None, _oneself(who), "second_factor.blocked", details)
        raise WrongCode

    def _failures(self, connection: Connection, who: Principal, now: int) -> int:
        found = connection.execute(select(factor_attempts).where(factor_attempts.c.principal == who.id)).first()
        if found is not None and found.blocked_until_ms > now:
            seconds = -(-(found.blocked_until_ms - now) // 1000)
            raise TooManyAttempts("too many wrong codes", next_step=f"Wait {seconds} seconds, then try again")
        return found.failed if found is not None else 0

    def _take(self, connection: Connection, who: Principal, given: str, now: int) -> str:
        kept = _authenticator(connection, who.id)
        if kept is not None and kept["confirmed_ms"] is not None:
            step = fitting_step(self._secret(kept, who), given, now, after=kept["last_step"])
            if step is not None:
                connection.execute(update(authenticator).where(authenticator.c.principal == who.id).values(last_step=step))
                return CODE
        read = read_recovery_code(given)
        if not read:
            return ""
        same = (recovery_code.c.principal == who.id) & (recovery_code.c.digest == self._digest(who, read))
        return RECOVERY_CODE if connection.execute(delete(recovery_code).where(same)).rowcount else ""

    def _count(self, connection: Connection, who: Principal, failed: int, now: int) -> int:
        rounds, rest = divmod(failed, _FREE_FAILURES)
        blocked_ms = min(_BLOCK_MS << min(rounds - 1, 16), _LONGEST_BLOCK_MS) if not rest else 0
        connection.execute(delete(factor_attempts).where(factor_attempts.c.principal == who.id))
        row = {"principal": who.id, "failed": failed, "blocked_until_ms": now + blocked_ms}
        connection.execute(insert(factor_attempts).values(row))
        return blocked_ms

    # -- secrets -----------------------------------------------------------------------------------------------------

    def _secret(self, row: RowMapping, who: Principal) -> str:
        return self._sealer.open_kept(who.subject, secret_name(who.id), row["secret"]).decode()

    def _digest(self, who: Principal, code: str) -> bytes:
        return digest(self._pepper, f"recovery code of {who.id}: {code}")

    def _act(self, change: Callable[[Connection], _R], who: Principal, action: str, details: dict[str, object]) -> _R:
        return self._directory.carry_out(change, _oneself(who), action, {"name": who.name, **details})


def _held(connection: Connection, who: str) -> SecondFactors:
    kept = _authenticator(connection, who)
    counted = [
        connection.execute(select(func.count()).select_from(table).where(table.c.principal == who)).scalar_one()
        for table in (recovery_code, passkey)
    ]
    return SecondFactors(kept["confirmed_ms"] if kept is not None else None, *counted)


def _authenticator(connection: Connection, who: str) -> RowMapping | None:
    return connection.execute(select(authenticator).where(authenticator.c.principal == who)).mappings().first()


def secret_name(principal_id: str) -> str:
    """What a secret opens under: it can be moved to nobody else's account."""
    return f"authenticator of {principal_id}"


def _oneself(who: Principal) -> Actor:
    return Actor(who.name, who.subject)
