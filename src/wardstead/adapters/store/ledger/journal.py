"""A worker's journal: makes entries durable in group commits, in a thread of its own.

One statement is one transaction and one sync: ``INSERT … SELECT … WHERE version = (SELECT …)`` checks the directory's
version in the transaction that writes the intents. Where something passes into a conversation, it is several statements in
one transaction, still with one sync. Whatever arrives during a sync is the next batch; a lone entry goes
at once. A single statement also gives up the interpreter's lock once per batch, not once per row.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.content.marks import cited_label, enter, keep_place, known_fingerprints
from wardstead.adapters.store.engine.dialect import Driver, dialect_of
from wardstead.adapters.store.engine.reserve import Reserve
from wardstead.adapters.store.ledger.entry_rows import COLUMNS, entry_row, keep_mentions
from wardstead.adapters.store.ledger.lives import lives_of
from wardstead.adapters.store.row_seals import RowsAltered, sealing
from wardstead.adapters.store.sealed_tables import sealed_tables
from wardstead.kernel.clock import Clock
from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import STANDARD, Levels
from wardstead.ledger.entry import unknown_outcome
from wardstead.ledger.ports import Done, Draft, EntryKind, Passage, Refusal

_log = logging.getLogger(__name__)
_BATCH = 128
_RETRY_S = 1.0
OUTCOME_ROOM_BYTES = 128 * 1024
"""What an intent reserves for its outcome. A larger outcome that meets a full disk is refused, and its answer broken off."""

Deliver = Callable[[list[tuple[Done, Refusal | None]]], None]
"""Hands on the results of one batch, from the journal's thread. It must not raise."""

_TYPES = ("TEXT", "TEXT", "BYTEA", "BYTEA", "TEXT", "BIGINT", "TEXT", "TEXT", "BIGINT")
"""Of the columns of an entry, and of the directory's version that an intent rests on."""
_PRESENT = "column9 IS NULL OR column9 = (SELECT version FROM directory_epoch)"
_INTENDED = "EXISTS (SELECT 1 FROM entry AS intent WHERE intent.exchange = column1 AND intent.kind = 'intent')"


def _insert(put: str, which: str) -> str:
    # No value is part of the text: only names of columns, and marks where values go.
    return (
        f"INSERT INTO entry ({', '.join(COLUMNS)}) SELECT column1, column2, column3, column4, column5, column6, column7, column8 "  # noqa: S608
        f"FROM {put} WHERE {which}"
    )


class _Waiting(msgspec.Struct, frozen=True):
    """A draft and who waits for it; ``version`` is ``None`` for an outcome."""

    draft: Draft
    version: int | None
    done: Done
    passage: Passage | None = None


Soon = Callable[[Callable[[], None]], object]
"""Calls a function a little later (``loop.call_soon``): whatever else is put until then joins the batch."""


def at_once(call: Callable[[], None]) -> None:
    """The ``Soon`` of whoever has no event loop."""
    call()


def deliver_each(results: list[tuple[Done, Refusal | None]]) -> None:
    """Call each ``done`` from the journal's thread."""
    for done, refusal in results:
        done(refusal)


class Journal:
    """The ``Journal`` port over the database. The recorder sees that its incarnation lives (``lives``)."""

    def __init__(
        self,
        engine: Engine,
        *,
        incarnation: str,
        run_dir: Path,
        reserve: Reserve,
        clock: Clock,
        deliver: Deliver = deliver_each,
        soon: Soon = at_once,
        workers: int = 1,
        levels: Levels = STANDARD,
        admits: Callable[[], bool] = lambda: True,
    ) -> None:
        """``incarnation``: random, new for each start. ``workers``: how many share the reserve. ``levels``: the deployment's.

        ``admits``: whether new exchanges may begin at all; asked before every batch of intents.

        With a loop's ``call_soon`` for ``soon``, entries are put from the loop's thread alone.
        """
        self._engine, self._reserve, self._clock, self._deliver, self._soon = engine, reserve, clock, deliver, soon
        self._incarnation, self._levels, self._admits = incarnation, levels, admits
        self._room = max(1, reserve.size_bytes // OUTCOME_ROOM_BYTES // workers)
        self._turn = Turn(run_dir / "ledger.turn")
        self._dialect, self._seals = dialect_of(engine), sealing(engine)
        self._failures: tuple[type[Exception], ...] = (*self._dialect.errors, DBAPIError)
        self._lives = lives_of(engine, run_dir)
        self._lives.begin(incarnation)
        self._waiting: deque[_Waiting] = deque()
        self._wakes: SimpleQueue[bool] = SimpleQueue()
        self._woken = False
        self._closing = Lock()
        self._closed = False
        self._connection: Driver | None = None
        self._registered = False
        self._outstanding: set[ExchangeId] = set()
        """Whose intents are durable, and reserve room for outcomes."""
        self._abandoned: deque[tuple[ExchangeId, str]] = deque()
        self._in_flight: list[_Waiting] = []
        self._owed: dict[ExchangeId, Draft] = {}
        self._written = True
        """Whether the database took the last write, or would take one since."""
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # -- the port ----------------------------------------------------------------------------------------------------

    def commit_intent(self, draft: Draft, *, directory_version: int, done: Done, passage: Passage | None = None) -> None:
        """Make an intent durable, if it is still based on the present directory, policy and conversation."""
        self._put(_Waiting(draft, directory_version, done, passage))

    def commit_outcome(self, draft: Draft, *, done: Done, passage: Passage | None = None) -> None:
        """Make an outcome durable, out of the room that its intent reserved."""
        self._put(_Waiting(draft, None, done, passage))

    def abandon(self, exchange: ExchangeId, subject: str) -> None:
        """Nobody will conclude this exchange: its outcome is ``unknown``, and its room is free again."""
        with self._closing:
            if self._closed:
                return  # the recorder finds it open, and its worker gone
            self._abandoned.append((exchange, subject))
            woken, self._woken = self._woken, True
        if not woken:
            self._soon(self._wake)

    def accepts(self) -> bool:
        """Whether an intent that is based on the present directory would be accepted. From any thread; writes nothing."""
        room = len(self._outstanding) < self._room
        return room and self._written and not self._closed and self._admits() and self._reserve.within_reach()

    def close(self) -> None:
        """Commit what waits, then stop. Later calls are answered ``FAILED``."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._wakes.put(False)
        self._thread.join()
        # What is still owed stays registered: the recorder finds the lock free, and writes it.
        self._lives.end()
        self._turn.close()

    def _put(self, waiting: _Waiting) -> None:
        with self._closing:
            closed = self._closed
            if not closed:
                self._waiting.append(waiting)
                # Appended first, looked second; the thread forgets first, takes second: nothing is left lying.
                woken, self._woken = self._woken, True
        if closed:
            waiting.done(Refusal.FAILED)
        elif not woken:
            self._soon(self._wake)

    def _wake(self) -> None:
        self._wakes.put(True)

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._begin()
            while self._serve():
                pass
        finally:
            with self._closing:
                self._closed = True
            self._disconnect()
            unanswered = [*self._in_flight, *self._waiting]
            self._deliver([(waiting.done, Refusal.FAILED) for waiting in unanswered])

    def _begin(self) -> None:
        """Register at once: whoever changes policies asks those who live. Where it fails, the first write does it."""
        try:
            self._connect()
        except self._failures:
            self._disconnect()

    def _serve(self) -> bool:
        """What waits, batch by batch. False: it is time to stop."""
        try:
            going_on = self._wakes.get(timeout=None if self._written and not self._owed else _RETRY_S)
        except Empty:
            self._pay()
            self._try()
            return True
        self._woken = False
        # Taken before what waits: an intent that was put before it was abandoned is then committed, or refused, by now.
        abandoned = [self._abandoned.popleft() for _ in range(len(self._abandoned))]
        while self._waiting:
            self._in_flight = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            results = self._commit(self._in_flight)
            self._in_flight = []
            self._deliver(results)
            if self._owed:
                self._pay()
        if abandoned:
            self._give_up(abandoned)
            self._pay()
        return going_on

    def _commit(self, batch: Sequence[_Waiting]) -> list[tuple[Done, Refusal | None]]:
        """The batch's results, in its order."""
        refused = self._without_room(batch)
        admitted = [one for one in batch if id(one) not in refused]
        refused |= self._write(admitted) if admitted else {}
        for one in batch:
            draft = one.draft
            if one.version is None:
                self._outstanding.discard(draft.exchange)
                if id(one) in refused:
                    self._owe(draft.exchange, draft.subject)
            elif id(one) not in refused:
                self._outstanding.add(draft.exchange)
        return [(one.done, refused.get(id(one))) for one in batch]

    def _without_room(self, batch: Sequence[_Waiting]) -> dict[int, Refusal]:
        """The intents for whose outcomes there is no room."""
        intents = [one for one in batch if one.version is not None]
        room = self._room - len(self._outstanding) if intents and self._admits() and self._reserve.restore() else 0
        return {id(one): Refusal.FULL for one in intents[max(0, room) :]}

    def _write(self, batch: Sequence[_Waiting]) -> dict[int, Refusal]:
        """Write the batch in one transaction; who was refused, and why.

        When the disk refuses, the ballast goes overboard and the outcomes are tried once more, without the intents.
        """
        try:
            return self._insert(batch)
        except self._dialect.collisions:
            if len(batch) == 1:
                return {id(batch[0]): Refusal.FAILED}
            # One of them is there already: the others must not suffer.
            return {key: why for one in batch for key, why in self._write([one]).items()}
        except self._failures as error:
            self._written = False
            self._disconnect()
            refusal = self._refusal(error)
            if refusal is Refusal.FAILED:
                self._doubt(batch)
        outcomes = [one for one in batch if one.version is None]
        refused = {id(one): refusal for one in batch if one.version is not None}
        if refusal is Refusal.FULL:
            self._reserve.release()
        if outcomes and refusal is Refusal.FULL:
            try:
                return refused | self._insert(outcomes)
            except self._failures as error:
                self._written = False
                self._disconnect()
                refusal = self._refusal(error)
        return refused | {id(one): refusal for one in outcomes}

    def _insert(self, batch: Sequence[_Waiting]) -> dict[int, Refusal]:
        connection = self._connect()
        refused = self._outdated(connection, batch)
        entering = [one for one in batch if id(one) not in refused]
        if any(one.draft.mentions or (one.passage is not None and one.passage.changes) for one in entering):
            return refused | self._insert_and_pass(connection, entering)
        if not entering:
            return refused
        with self._turn:
            written = connection.write(*self._statement(entering))
        self._written = True
        return refused if written == len(entering) else refused | self._stale(connection, entering)

    def _outdated(self, connection: Driver, batch: Sequence[_Waiting]) -> dict[int, Refusal]:
        """The intents that cite texts which are known under other labels than was thought.

        This needs no part in the transaction: whoever cites a whole answer has received its end, so its fingerprint was durable
        before the question came. What is copied from a stream before its end is not known yet (docs/limitations.md).
        """
        cited = [(one, one.passage) for one in batch if one.passage is not None and one.version is not None]
        known = known_fingerprints(connection, [mark for _, passage in cited for mark in passage.cited], self._levels)
        return {
            id(one): Refusal.STALE
            for one, passage in cited
            if cited_label(known, passage.owner, passage.cited) != passage.cited_label
        }  # fmt: skip

    def _statement(self, batch: Sequence[_Waiting]) -> tuple[str, list[Any]]:
        put = self._dialect.table([self._row(one.draft, one.version) for one in batch], _TYPES)
        return _insert(put.text, _PRESENT), put.parameters

    def _insert_and_pass(self, connection: Driver, batch: Sequence[_Waiting]) -> dict[int, Refusal]:
        """The same where something passes into conversations: compared, raised and written in one transaction."""
        refused: dict[int, Refusal] = {}
        with self._turn:
            try:
                connection.begin()
                version = connection.execute("SELECT version FROM directory_epoch").fetchone()[0]
                refused |= self._altered(connection, batch)
                for one in batch:
                    if id(one) in refused:
                        continue
                    if one.version not in {None, version} or not self._pass(connection, one):
                        refused[id(one)] = Refusal.STALE
                entering = [one for one in batch if id(one) not in refused]
                if entering:
                    connection.execute(*self._statement(entering))
                    keep_mentions(connection, [one.draft for one in entering])
                if self._seals is not None:
                    self._seals.keep(connection)
                connection.commit()
            except RowsAltered as error:
                connection.rollback()
                self._tell(error)
                return refused | {id(one): Refusal.FAILED for one in batch}
            except BaseException:
                connection.rollback()
                raise
        self._written = True
        return refused

    def _altered(self, connection: Driver, batch: Sequence[_Waiting]) -> dict[int, Refusal]:
        """Those that rest on a conversation's row that is not what was written. Asked before the first of them changes it."""
        if self._seals is None:
            return {}
        wrong = set()
        for conversation in {one.passage.conversation for one in batch if one.passage is not None and one.passage.conversation}:
            try:
                self._seals.require_row(connection, "conversation", conversation)
            except RowsAltered as error:
                self._tell(error)
                wrong.add(conversation)
        return {id(one): Refusal.FAILED for one in batch if one.passage is not None and one.passage.conversation in wrong}

    @staticmethod
    def _tell(error: RowsAltered) -> None:
        _log.error("rows were altered, and nothing rests on them", extra={"fields": error.diagnostics()})

    def _pass(self, connection: Driver, one: _Waiting) -> bool:
        passage = one.passage
        if passage is None:
            return True
        intends = one.version is not None
        entered = enter(connection, passage, self._clock(), checked=intends, levels=self._levels)
        if entered and intends and passage.conversation:
            keep_place(connection, one.draft.exchange, passage.conversation)
        return entered

    def _stale(self, connection: Driver, batch: Sequence[_Waiting]) -> dict[int, Refusal]:
        """The intents that the statement left out: those whose version was not the present one."""
        refused = {}
        for one in batch:
            row = (one.draft.exchange, one.draft.kind.value)
            if not connection.execute("SELECT 1 FROM entry WHERE exchange = ? AND kind = ?", row).fetchone():
                refused[id(one)] = Refusal.STALE
        return refused

    def _row(self, draft: Draft, version: int | None) -> tuple[Any, ...]:
        worker = self._incarnation if draft.kind is EntryKind.INTENT else None
        return (*entry_row(draft, worker), version)

    # -- what is owed ------------------------------------------------------------------------------------------------

    def _owe(self, exchange: ExchangeId, subject: str) -> None:
        """The outcome could not be written: write at least that it is unknown, as soon as the disk takes it."""
        self._owed[exchange] = unknown_outcome(exchange, subject, self._clock())

    def _doubt(self, batch: Sequence[_Waiting]) -> None:
        """An intent that is there all the same is owed an outcome: whoever put it has been told that it is not.

        A connection that is lost during a commit does not say whether there was one.
        """
        for one in batch:
            if one.version is not None:
                self._owe(one.draft.exchange, one.draft.subject)

    def _give_up(self, abandoned: Sequence[tuple[ExchangeId, str]]) -> None:
        """Owe the outcomes of those that have none, and give their room back."""
        for exchange, subject in abandoned:
            if exchange in self._outstanding:
                self._outstanding.discard(exchange)
                self._owe(exchange, subject)

    def _pay(self) -> None:
        for exchange, draft in list(self._owed.items()):
            try:
                connection, put = self._connect(), self._dialect.table([self._row(draft, None)], _TYPES)
                with self._turn:
                    connection.write(f"{_insert(put.text, _INTENDED)} ON CONFLICT DO NOTHING", put.parameters)
            except self._failures:
                self._disconnect()
                return
            del self._owed[exchange]

    def _try(self) -> None:
        """After a failure: whether the database would take a write again, without one."""
        if self._written:
            return
        try:
            connection = self._connect()
            with self._turn:
                connection.begin()
                connection.rollback()
        except self._failures:
            self._disconnect()
            return
        self._written = True

    # -- the connection ----------------------------------------------------------------------------------------------

    def _connect(self) -> Driver:
        """The open connection; a new one after an error. Raises what the driver raises."""
        if self._connection is None:
            fairy = self._engine.raw_connection()
            connection = fairy.driver_connection
            fairy.detach()  # it keeps its own settings, so it never goes back to the pool
            driver = self._dialect.keep(connection)
            if self._seals is not None:
                driver.watch(sealed_tables().values())
            self._lives.register(driver, self._incarnation)
            self._connection = driver
        if not self._registered:
            started = (self._incarnation, self._clock())
            self._connection.write("INSERT INTO incarnation (id, started_ms) VALUES (?, ?) ON CONFLICT DO NOTHING", started)
            self._registered = True
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._registered = False  # while it was away, it may have been taken for dead
        if connection is not None:
            connection.close()

    def _refusal(self, error: Exception) -> Refusal:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        return Refusal.FULL if self._dialect.disk_refuses(cause) else Refusal.FAILED
