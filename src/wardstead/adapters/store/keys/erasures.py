"""Erasures and legal holds as they are stored, and what an erasure deletes beside the keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, insert, or_, select, update

from wardstead.access.ports import CredentialKind, Principal
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore
from wardstead.adapters.store.row_seals import require_rows
from wardstead.adapters.store.tables.access import group_member, share
from wardstead.adapters.store.tables.conversations import conversation, fingerprint, said_in
from wardstead.adapters.store.tables.directory import credential, principal
from wardstead.adapters.store.tables.erasures import erased_mention, erasure, legal_hold
from wardstead.adapters.store.tables.ledger import entry, mention
from wardstead.adapters.store.tables.resources import resource
from wardstead.adapters.store.tables.reviews import review
from wardstead.adapters.store.transactions import explained
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import BackendError, CallerError
from wardstead.kernel.ids import uuid7

MENTIONS: Final = "mentions"
"""What the subject of an erasure begins with that is nobody's: it destroys keys of people who are mentioned,"""
RETENTIONS: Final = "retentions"
"""or of days that are over."""
_DELETED: Final = "deleted"
_SCRUB_S = 10.0


class LegalHold(CallerError):
    """Somebody's data must be kept: nothing of it is erased before the hold is released."""

    code = "legal_hold"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure; ``certificate`` is empty while it is not finished."""

    id: str
    subject: str
    principal: str
    act: str
    begun_ms: int
    certificate: str
    told: str = ""
    """What was counted, as JSON: when it began (of one who is mentioned, of days that are over), and what was deleted so far."""

    @property
    def counted(self) -> dict[str, int]:
        """What was counted when it began; nothing of a person alone."""
        return {name: count for name, count in json.loads(self.told or "{}").items() if name != _DELETED}

    @property
    def of_days(self) -> bool:
        """Whether it destroys what is kept no longer, and nobody's because they asked for it."""
        return self.subject.startswith(f"{RETENTIONS}:")


class ErasureStore:
    """Every change is recorded in its own transaction, as the directory's are."""

    def __init__(self, directory: DirectoryStore, engine: Engine, *, clock: Clock, entropy: Entropy) -> None:
        """``directory`` carries acts out."""
        self._directory, self._engine, self._clock, self._entropy = directory, engine, clock, entropy

    # -- legal holds ---------------------------------------------------------------------------------------------------

    def hold(self, who: Principal, details: Mapping[str, object], actor: Actor | None = None) -> None:
        """Nothing of theirs is erased from now on. Raises ``CallerError`` where an erasure has begun."""

        def change(connection: Connection, act: str) -> None:
            begun = connection.execute(select(erasure.c.id).where(erasure.c.subject == who.subject)).scalar()
            if begun is not None:
                raise CallerError("this person is being erased already", next_step="it cannot be taken back")
            if not _held(connection, who.subject):
                connection.execute(insert(legal_hold).values(subject=who.subject, act=act, since_ms=self._clock()))

        self._directory.record_and_change(change, actor, "person.hold", {"name": who.name, **details})

    def release(self, who: Principal, details: Mapping[str, object], actor: Actor | None = None) -> None:
        """They may be erased again. Raises ``CallerError`` where there is no hold."""

        def change(connection: Connection, _act: str) -> None:
            if not connection.execute(delete(legal_hold).where(legal_hold.c.subject == who.subject)).rowcount:
                raise CallerError("nothing of this person's is on hold")

        self._directory.record_and_change(change, actor, "person.release", {"name": who.name, **details})

    def held(self) -> frozenset[str]:
        """The subjects whose data must be kept."""
        with explained(), self._engine.connect() as connection:
            return frozenset(connection.execute(select(legal_hold.c.subject)).scalars())

    # -- erasures ------------------------------------------------------------------------------------------------------

    def begin(
        self, who: Principal | None, details: Mapping[str, object], actor: Actor | None = None, *,
        marks: Collection[bytes] = (), prune: Callable[[Connection], Mapping[str, int]] | None = None, kind: str = MENTIONS,
    ) -> Erasure:  # fmt: skip
        """Note that it has begun, and switch the account off. Raises ``LegalHold``.

        ``who``: ``None`` for somebody who is only mentioned, and for what is kept no longer (``kind``). ``marks``: the keys that
        others' entries take; ``prune`` takes out of others' stand-ins what goes with them in the same transaction, and says
        what is to be counted.
        The record names the pseudonym, not the person: it stays.
        """
        ident = uuid7(self._clock(), self._entropy(10))
        subject = who.subject if who is not None else f"{kind}:{ident}"

        def change(connection: Connection, act: str) -> Erasure:
            require_rows(connection, legal_hold.name)
            if who is not None and _held(connection, who.subject):
                raise LegalHold("what this person said must be kept", next_step="'wardstead user release' ends the hold first")
            told = json.dumps(prune(connection)) if prune is not None else ""
            begun = Erasure(ident, subject, who.id if who is not None else "", act, self._clock(), "", told)
            connection.execute(insert(erasure).values(asdict(begun)))
            if marks:
                connection.execute(insert(erased_mention), [{"erasure": ident, "mark": mark} for mark in sorted(marks)])
            if who is not None:
                connection.execute(update(principal).where(principal.c.id == who.id).values(active=False))
                ended = (credential.c.principal == who.id) & (credential.c.kind == CredentialKind.SESSION.value)
                connection.execute(delete(credential).where(ended))
            return begun

        action = "retention.end" if kind == RETENTIONS else "person.erase"
        return self._directory.record_and_change(change, actor, action, {"subject": subject, **details})

    def marks(self, one: Erasure) -> list[bytes]:
        """The keys that it destroys of one who is mentioned, or of days that are over, while it is not finished."""
        with explained(), self._engine.connect() as connection:
            query = select(erased_mention.c.mark).where(erased_mention.c.erasure == one.id).order_by(erased_mention.c.mark)
            return list(connection.execute(query).scalars())

    def forget(self, one: Erasure, actor: Actor | None = None) -> dict[str, int]:
        """Delete who they were, and all that is kept for them beside the ledger; how many rows of what.

        Those that went before it was broken off are counted with the others: the certificate says so.
        """
        mine = select(entry.c.exchange).where(entry.c.subject == one.subject)
        wanted: Sequence[tuple[Table, ColumnElement[bool]]] = (
            (said_in, said_in.c.exchange.in_(mine)),
            (mention, mention.c.exchange.in_(mine)),
            (fingerprint, fingerprint.c.owner == one.subject),
            (conversation, conversation.c.owner == one.subject),
            (review, review.c.owner == one.subject),
            (share, or_(share.c.grantee == one.principal, share.c.granted_by == one.principal)),
            (group_member, group_member.c.member == one.principal),
            (resource, resource.c.owner == one.principal),
            (principal, principal.c.id == one.principal),
        )

        def change(connection: Connection, _act: str) -> dict[str, int]:
            told = json.loads(connection.execute(select(erasure.c.told).where(erasure.c.id == one.id)).scalar_one() or "{}")
            before = told.get(_DELETED, {})
            counts = {
                table.name: connection.execute(delete(table).where(which)).rowcount + before.get(table.name, 0)
                for table, which in wanted
            }
            kept = json.dumps({**told, _DELETED: counts})
            connection.execute(update(erasure).where(erasure.c.id == one.id).values(told=kept))
            found = select(func.count()).select_from(entry).where(entry.c.subject == one.subject)
            return {**counts, "entry": connection.execute(found).scalar_one()}

        return self._directory.record_and_change(change, actor, "person.forgotten", {"subject": one.subject, "erasure": one.id})

    def finish(self, one: Erasure, certificate: str) -> None:
        """Keep the certificate, and forget which entries mentioned them."""
        theirs = select(erased_mention.c.mark).where(erased_mention.c.erasure == one.id)
        with self._directory.writing("the certificate cannot be kept") as connection:
            connection.execute(delete(mention).where(mention.c.mark.in_(theirs)))
            connection.execute(delete(erased_mention).where(erased_mention.c.erasure == one.id))
            values = {"certificate": certificate, "principal": ""}
            connection.execute(update(erasure).where(erasure.c.id == one.id).values(values))

    def all(self) -> list[Erasure]:
        """Every erasure, the oldest first."""
        with explained(), self._engine.connect() as connection:
            return [Erasure(*row) for row in connection.execute(select(erasure).order_by(erasure.c.begun_ms))]

    def scrub(self, *, alone: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        """Leave no older page in the write-ahead log; ``alone``, rebuild the file as well. Raises ``BackendError``.

        What was deleted is zeros in the database by then: every connection has ``secure_delete`` on.
        """
        deadline = time.monotonic() + _SCRUB_S
        with explained(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if alone or self._engine.dialect.name == "postgresql":
                connection.exec_driver_sql("VACUUM")
            if self._engine.dialect.name == "postgresql":
                return  # its log is the server's
            while True:
                busy, log, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                if not busy and log <= 0:
                    return
                if time.monotonic() > deadline:
                    raise BackendError(
                        "the write-ahead log cannot be emptied: somebody reads for long", why="older pages are still in it",
                        next_step="the next 'wardstead user erase' or 'wardstead up' goes on with it",
                    )  # fmt: skip
                sleep(0.05)


def _held(connection: Connection, subject: str) -> bool:
    return connection.execute(select(legal_hold.c.subject).where(legal_hold.c.subject == subject)).scalar() is not None
