"""Passkeys in the database: several of a person, each by a name that they gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from wardstead.access.ports import Principal
from wardstead.access.strength import PASSKEY
from wardstead.adapters.identity.passkeys import NewPasskey, PasskeyRefused
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.directory.names import BadName
from wardstead.adapters.store.tables.second_factors import authenticator, passkey, recovery_code
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId, uuid7

_MOST: Final = 20
_NAME: Final = 64


class NoSuchPasskey(CallerError):
    """There is none of that id, or it is somebody else's: both look the same."""

    code = "not_found"


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of them."""

    id: str
    principal: PrincipalId
    credential: bytes
    public_key: bytes
    sign_count: int
    name: str
    synced: bool
    created_ms: int
    last_used_ms: int | None


class PasskeyStore:
    """Over the directory's store. Blocking."""

    def __init__(self, directory: DirectoryStore, *, clock: Clock, entropy: Entropy) -> None:
        """Adding and removing are acts of their owner, recorded as the directory's are."""
        self._directory, self._clock, self._entropy = directory, clock, entropy

    def of(self, who: PrincipalId) -> tuple[Passkey, ...]:
        """Somebody's, the oldest first."""
        query = select(passkey).where(passkey.c.principal == who).order_by(passkey.c.id)
        with self._directory.reading() as connection:
            return tuple(_passkey(row) for row in connection.execute(query).mappings())

    def find(self, credential: bytes) -> Passkey:
        """The one that an authenticator means. Raises ``PasskeyRefused``."""
        with self._directory.reading() as connection:
            row = connection.execute(select(passkey).where(passkey.c.credential == credential)).mappings().first()
        if row is None:
            raise PasskeyRefused("it is not known here, or was removed")
        return _passkey(row)

    def add(self, who: Principal, made: NewPasskey, name: str) -> None:
        """One more. Raises ``PasskeyRefused`` where it is somebody's already, ``BadName`` for one without a name."""
        now = self._clock()
        row = {
            "id": uuid7(now, self._entropy(10)), "principal": who.id, "credential": made.credential,
            "public_key": made.public_key, "sign_count": made.sign_count, "name": named(name), "synced": made.synced,
            "created_ms": now, "last_used_ms": None,
        }  # fmt: skip

        def change(connection: Connection) -> None:
            if connection.execute(select(func.count()).where(passkey.c.principal == who.id)).scalar_one() >= _MOST:
                raise PasskeyRefused(f"you have {_MOST} already: remove one first")
            try:
                connection.execute(insert(passkey).values(row))
            except IntegrityError:
                raise PasskeyRefused("it is somebody's already") from None

        self._directory.carry_out(
            change, _oneself(who), "second_factor.add", {"name": who.name, "kind": PASSKEY, "passkey": row["id"]}
        )

    def rename(self, who: Principal, passkey_id: str, name: str) -> None:
        """Call it otherwise. Raises ``NoSuchPasskey``, ``BadName``."""
        change = update(passkey).where(_own(who, passkey_id)).values(name=named(name))
        with self._directory.writing("a passkey cannot be renamed") as connection:
            if not connection.execute(change).rowcount:
                raise NoSuchPasskey("you have no such passkey")

    def remove(self, who: Principal, passkey_id: str) -> None:
        """Without it. Recovery codes stand in for nothing any more where it was the last factor. Raises ``NoSuchPasskey``."""

        def change(connection: Connection) -> None:
            if not connection.execute(delete(passkey).where(_own(who, passkey_id))).rowcount:
                raise NoSuchPasskey("you have no such passkey")
            left = [
                connection.execute(select(table.c.principal).where(table.c.principal == who.id)).first()
                for table in (passkey, authenticator)
            ]
            if not any(left):
                connection.execute(delete(recovery_code).where(recovery_code.c.principal == who.id))

        details = {"name": who.name, "kind": PASSKEY, "passkey": passkey_id[:36]}
        self._directory.carry_out(change, _oneself(who), "second_factor.remove", details)

    def used(self, one: Passkey, who: Principal, sign_count: int) -> None:
        """Note a use. Raises ``PasskeyRefused`` for a count that does not go on: there is a copy of the passkey, or the proof
        was sent before. That is recorded. Authenticators that do not count say 0 for ever.
        """
        goes_on = (passkey.c.sign_count < sign_count) if sign_count else (passkey.c.sign_count == 0)
        change = update(passkey).where(passkey.c.id == one.id, goes_on)
        with self._directory.writing("the use of a passkey cannot be noted") as connection:
            fits = connection.execute(change.values(sign_count=sign_count, last_used_ms=self._clock())).rowcount
        if not fits:
            details = {"name": who.name, "passkey": one.id}
            self._directory.carry_out(lambda _connection: None, _oneself(who), "second_factor.copied", details)
            raise PasskeyRefused("its count of uses does not go on: there may be a copy of it")


def named(name: str) -> str:
    """A name as people give it. Raises ``BadName``."""
    said = " ".join(name.split())
    if not 0 < len(said) <= _NAME or not said.isprintable():
        raise BadName(f"a passkey's name has 1 to {_NAME} characters", next_step="choose one by which you know it")
    return said


def _own(who: Principal, passkey_id: str) -> ColumnElement[bool]:
    return and_(passkey.c.id == passkey_id, passkey.c.principal == who.id)


def _oneself(who: Principal) -> Actor:
    return Actor(who.name, who.subject)


def _passkey(row: RowMapping) -> Passkey:
    return Passkey(
        row["id"], PrincipalId(row["principal"]), bytes(row["credential"]), bytes(row["public_key"]), row["sign_count"],
        row["name"], bool(row["synced"]), row["created_ms"], row["last_used_ms"],
    )  # fmt: skip
