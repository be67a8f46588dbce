"""What reviewers decided: each held exchange once, for good, together with the act's entry in the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.content.marks import columns_of, enter, label_of
from wardstead.adapters.store.directory.directory import Audit
from wardstead.adapters.store.engine.dialect import driver_of
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.tables.ledger import IS_HELD, entry
from wardstead.adapters.store.tables.reviews import review
from wardstead.adapters.store.transactions import explained, write_transaction
from wardstead.assurance.review.held import AlreadyReviewed, Status, Verdict
from wardstead.crypto.keyring import KeyGone
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.labels import PUBLIC, Label, Levels
from wardstead.ledger.ports import Passage
from wardstead.ledger.sealing import Sealer

_RELEASED = Status.RELEASED.value


class ReviewStore:
    """Decisions over SQLAlchemy. Safe for threads and processes: of two who decide the same, one gets ``AlreadyReviewed``."""

    def __init__(
        self, engine: Engine, turn: Turn, sealer: Sealer, *, clock: Clock, audit: Audit, levels: Callable[[], Levels] = Levels
    ) -> None:
        """``audit`` records a decision in its own transaction. ``levels``: the deployment's."""
        self._levels = levels
        self._engine, self._turn, self._sealer, self._clock, self._audit = engine, turn, sealer, clock, audit

    def waiting(self, *, after: str = "", limit: int = 200) -> list[str]:
        """The exchanges that nobody has decided about, the oldest first; those that came ``after`` one."""
        query = (
            select(entry.c.exchange)
            .outerjoin(review, review.c.exchange == entry.c.exchange)
            .where(IS_HELD, review.c.exchange.is_(None))
            .where(entry.c.exchange > after)
            .order_by(entry.c.exchange)
            .limit(limit)
        )
        with self._reading() as connection:
            return list(connection.execute(query).scalars())

    def of(self, exchanges: Sequence[str]) -> dict[str, Status]:
        """What was decided about these; nothing where nothing was."""
        query = select(review.c.exchange, review.c.verdict).where(review.c.exchange.in_(exchanges))
        with self._reading() as connection:
            return {row.exchange: Status(row.verdict) for row in connection.execute(query)}

    def find(self, exchange: str) -> Verdict | None:
        """What was decided about an exchange. Raises ``IntegrityError`` where the row is not what was written."""
        with self._reading() as connection:
            row = connection.execute(select(review).where(review.c.exchange == exchange)).mappings().first()
        return self._verdict(row) if row is not None else None

    def released(self, owner: str, digest: bytes) -> str:
        """The exchange in which just this request was held, and released, and for which it was not sent again since."""
        query = select(review).where(
            review.c.digest == digest, review.c.owner == owner, review.c.verdict == _RELEASED, review.c.used_ms == 0,
            review.c.until_ms > self._clock(),
        )  # fmt: skip
        with self._reading() as connection:
            rows = connection.execute(query.order_by(review.c.exchange)).mappings().all()
        # The row alone opens nothing: only a note that was sealed when it was decided says so.
        return next((str(row["exchange"]) for row in rows if self._note(row).get("digest") == digest.hex()), "")

    def decide(
        self,
        exchange: str,
        owner: str,
        label: Label,
        verdict: Verdict,
        *,
        digest: bytes | None = None,
        passage: Passage | None = None,
        actor: str,
        action: str,
        details: Mapping[str, object],
    ) -> None:
        """Decide it, record who did, and carry out what passes into the conversation: all of it, or nothing.

        Raises ``AlreadyReviewed``, and ``KeyGone`` when the owner was erased.
        """
        said = {
            "verdict": verdict.status.value,
            "by": verdict.by,
            "reason": verdict.reason,
            "decided_ms": verdict.decided_ms,
            "until_ms": verdict.until_ms,
            "digest": (digest or b"").hex(),
            "answer": list(verdict.answer),
        }
        note = self._sealer.seal_kept(owner, note_name(exchange, label), json.dumps(said).encode())
        levels = self._levels()
        row = _row(exchange, owner, label, verdict) | {"digest": digest, "note": note}
        with self._writing() as connection:
            self._insert(connection, row)
            if passage is not None:
                enter(driver_of(connection), passage, self._clock(), checked=False, levels=levels)
            self._audit(connection, actor, action, details)

    def expire(self, exchange: str, owner: str, held: Mapping[str, object]) -> bool:
        """Nobody decided in time. False: somebody was faster."""
        row = _row(exchange, owner, PUBLIC, Verdict(Status.EXPIRED, "", "", self._clock(), 0))
        try:
            with self._writing() as connection:
                self._insert(connection, row)
                self._audit(connection, COMMAND_LINE, "held.expire", held)
        except AlreadyReviewed:
            return False
        return True

    def forget(self) -> int:
        """Drop the notes whose time is over, with the released answers in them; how many."""
        over = (review.c.until_ms <= self._clock()) & review.c.note.is_not(None)
        with self._writing() as connection:
            return connection.execute(update(review).where(over).values(note=None)).rowcount

    @staticmethod
    def _insert(connection: Connection, row: Mapping[str, object]) -> None:
        """In a transaction that nobody writes beside."""
        query = select(review.c.verdict).where(review.c.exchange == row["exchange"])
        found = connection.execute(query).scalar_one_or_none()
        if found is not None:
            raise AlreadyReviewed(f"it was {found} already", where=str(row["exchange"]))
        connection.execute(insert(review), row)

    def _verdict(self, row: RowMapping) -> Verdict:
        status, used = Status(row["verdict"]), bool(row["used_ms"])
        if row["note"] is None:
            return Verdict(status, "", "", row["decided_ms"], row["until_ms"], used)
        note = self._note(row)
        if not note:
            return Verdict(Status.EXPIRED, "", "", row["decided_ms"], 0)
        label = label_of(row["level"], row["compartments"], self._levels())
        return Verdict(status, note["by"], note["reason"], note["decided_ms"], note["until_ms"], used, note["answer"], label)

    def _note(self, row: RowMapping) -> dict[str, Any]:
        """What was sealed; empty where its key was destroyed. Raises ``IntegrityError`` where the row says something else."""
        label = label_of(row["level"], row["compartments"], self._levels())
        try:
            opened = self._sealer.open_kept(row["owner"], note_name(row["exchange"], label), row["note"] or b"")
        except KeyGone:
            return {}
        note: dict[str, Any] = json.loads(opened)
        if (note["verdict"], note["until_ms"], note["digest"]) != (row["verdict"], row["until_ms"], (row["digest"] or b"").hex()):
            raise IntegrityError("what a reviewer decided was altered", where=str(row["exchange"]))
        return note

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(), write_transaction(self._engine, self._turn) as connection:
            yield connection


def _row(exchange: str, owner: str, label: Label, verdict: Verdict) -> dict[str, object]:
    level, compartments = columns_of(label)
    return {
        "exchange": exchange,
        "owner": owner,
        "verdict": verdict.status.value,
        "level": level,
        "compartments": compartments,
        "digest": None,
        "decided_ms": verdict.decided_ms,
        "until_ms": verdict.until_ms,
        "used_ms": 0,
        "note": None,
    }


def note_name(exchange: str, label: Label) -> str:
    """What a note opens under: it can be moved to no other exchange, and its label cannot be swapped."""
    level, compartments = columns_of(label)
    return f"review {exchange} {level} {compartments}"
