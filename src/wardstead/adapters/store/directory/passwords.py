"""Passwords of people, as hashes, and how often somebody tried one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from wardstead.access.credentials import digest
from wardstead.access.ports import Principal
from wardstead.adapters.identity.passwords import TooManyAttempts, check_password, hash_password, hashing, needs_rehash
from wardstead.adapters.store.directory.credential_rows import end_sessions
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.directory.names import BadName
from wardstead.adapters.store.row_seals import require_row
from wardstead.adapters.store.tables.directory import password, principal, sign_in
from wardstead.kernel.clock import Clock

_FREE_FAILURES: Final = 5
_BLOCK_MS: Final = 30_000
_REMEMBER_MS: Final = 15 * 60_000
_MAX_PASSWORD: Final = 1024


def _nobody(_name: str, _password: str) -> bool:
    """No password is kept elsewhere."""
    return False


class PasswordStore:
    """Over the directory's transactions. Blocking, and slow by intention: argon2id."""

    def __init__(self, directory: DirectoryStore, *, pepper: Callable[[], bytes], clock: Clock) -> None:
        """``pepper`` keys what is kept of names that are tried."""
        self._directory, self._pepper, self._clock = directory, pepper, clock

    def set_password(self, name: str, new: str, *, must_change: bool, actor: Actor | None = None) -> None:
        """Give somebody a password (at least 12 characters), and end their sessions."""
        if not 12 <= len(new) <= _MAX_PASSWORD:
            raise BadName(f"a password has 12 to {_MAX_PASSWORD} characters")
        who = self._directory.find(name)
        with hashing():
            kept = hash_password(new)

        def change(connection: Connection) -> None:
            connection.execute(delete(password).where(password.c.principal == who.id))
            connection.execute(insert(password).values(principal=who.id, hash=kept, must_change=must_change))
            connection.execute(delete(sign_in).where(sign_in.c.name == self._name_mark(name)))
            end_sessions(connection, who.id)

        self._directory.carry_out(change, actor, "password.set", {"name": name, "must_change": must_change})

    def check_password(
        self, name: str, given: str, elsewhere: Callable[[str, str], bool] = _nobody
    ) -> tuple[Principal, bool] | None:
        """The person and whether they must change it; ``None`` for a wrong name or password. Raises ``TooManyAttempts``.

        ``elsewhere``: asked about names that have no password here, whoever they are: whether it fits one kept elsewhere.

        An attempt counts before it is checked, so that as many at once are no more than one after the other. Names that
        nobody has are counted, and blocked, as those that somebody has.
        """
        with hashing():
            self._count_attempt(name)
            row = self._kept_password(name)
            fits = check_password(row["hash"] if row is not None else None, given[:_MAX_PASSWORD])
            if row is not None and fits and needs_rehash(row["hash"]):
                self._keep_anew(row, hash_password(given[:_MAX_PASSWORD]))
        if row is None:
            fits = elsewhere(name, given[:_MAX_PASSWORD])
        if not fits:
            return None
        who = self._directory.find(name)
        if not who.active:
            return None
        self._forget_attempts(name)
        return who, bool(row["must_change"]) if row is not None else False

    def has_password(self, name: str) -> bool:
        """Whether a password is kept of them here."""
        return self._kept_password(name) is not None

    def _kept_password(self, name: str) -> RowMapping | None:
        query = select(principal.c.active, password).join(password, password.c.principal == principal.c.id)
        with self._directory.reading() as connection:
            found = connection.execute(query.where(principal.c.name == name)).mappings().first()
            if found is not None:
                require_row(connection, "password", found["principal"])
            return found

    def _count_attempt(self, name: str) -> None:
        """One more. Not synced: after a crash of the machine a few attempts are forgotten."""
        now, mark = self._clock(), self._name_mark(name)
        with self._directory.writing("an attempt to sign in cannot be counted", durable=False) as connection:
            connection.execute(delete(sign_in).where(sign_in.c.last_ms < now - _REMEMBER_MS))
            found = connection.execute(select(sign_in).where(sign_in.c.name == mark)).first()
            if found is not None and found.blocked_until_ms > now:
                raise TooManyAttempts("too many failed attempts", next_step="Wait half a minute, then try again")
            attempts = found.attempts + 1 if found is not None else 1
            blocked = now + _BLOCK_MS if attempts % _FREE_FAILURES == 0 else 0
            connection.execute(delete(sign_in).where(sign_in.c.name == mark))
            connection.execute(insert(sign_in).values(name=mark, attempts=attempts, blocked_until_ms=blocked, last_ms=now))

    def _forget_attempts(self, name: str) -> None:
        with self._directory.writing("a sign-in cannot be noted", durable=False) as connection:
            connection.execute(delete(sign_in).where(sign_in.c.name == self._name_mark(name)))

    def _name_mark(self, name: str) -> bytes:
        """What is kept of a name that was given: people type passwords there."""
        return digest(self._pepper(), f"sign in as {name}")

    def _keep_anew(self, row: RowMapping, made: str) -> None:
        """Replace a hash by a newer one of the same password, unless another was set meanwhile."""
        same = (password.c.principal == row["principal"]) & (password.c.hash == row["hash"])
        with self._directory.writing("a password's hash cannot be renewed") as connection:
            connection.execute(update(password).where(same).values(hash=made))
