"""What is remembered of conversations: read for decisions, listed for people, declassified by those who may, pruned by age."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, bindparam, case, delete, func, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.sql import tuple_

from wardstead.access.filtering import Sample, Situation
from wardstead.access.ports import Resource
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import explain
from wardstead.adapters.store.content.marks import cited_label, columns_of, conversation_now, known_fingerprints, label_of
from wardstead.adapters.store.content.situations import Known, Names
from wardstead.adapters.store.directory.directory import Audit
from wardstead.adapters.store.engine.dialect import dialect_of, driver_of
from wardstead.adapters.store.row_seals import RowsAltered, require_row
from wardstead.adapters.store.tables.conversations import conversation, fingerprint
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.transactions import explained, read_transaction, write_transaction
from wardstead.kernel.clock import Clock, rfc3339
from wardstead.kernel.errors import BackendError, CallerError
from wardstead.kernel.labels import PUBLIC, Label, Levels
from wardstead.ledger.ports import Claim, Remembered

_log = logging.getLogger(__name__)
_CAPACITY: Final = 50_000
_TOGETHER: Final = 2000
DAY_MS: Final = 86_400_000


class UnknownConversation(CallerError):
    """There is no such conversation with a mark."""

    code = "unknown_conversation"


class NotLower(CallerError):
    """A declassification lowers a mark, and does nothing else."""

    code = "not_lower"


class MarkRose(CallerError):
    """A declassification was decided for a lower mark than the conversation has by now."""

    code = "mark_rose"


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A conversation that remembers something: whose (a subject), its mark, and whether it holds stand-ins."""

    id: str
    owner: str
    mark: Label
    stand_ins: bool
    created: str
    changed: str


class ConversationStore:
    """The gateway's memory of what passed. Safe for threads.

    ``known`` answers from this process's memory, which may be out of date: the commit of the intent decides, and ``look``
    tells what is so.
    """

    def __init__(
        self, engine: Engine, turn: Turn, *, clock: Clock, audit: Audit | None = None, levels: Callable[[], Levels] = Levels
    ) -> None:
        """``audit`` records a declassification in its own transaction. ``levels``: the deployment's."""
        self._levels = levels
        self._engine, self._turn, self._clock, self._audit = engine, turn, clock, audit
        self._labels: dict[tuple[str, bytes], Label] = {}

    # -- for decisions -----------------------------------------------------------------------------------------------

    def known(self, claim: Claim) -> Remembered:
        """What is remembered here of the texts that are cited. Asks nobody."""
        if not self._labels:
            return Remembered()
        # One question each: another thread may forget it between two.
        labels = [self._labels.get((claim.owner, mark)) for mark in claim.cited]
        return Remembered(cited=_joined([one for one in labels if one is not None]))

    def look(self, claim: Claim) -> Remembered:
        """What is so at this moment. Blocks. Raises ``BackendError``."""
        levels = self._levels()
        with self._at_one_moment() as connection:
            driver = driver_of(connection)
            found = known_fingerprints(driver, claim.cited, levels) if claim.cited else {}
            present = Remembered()
            if claim.conversation:
                _require_written(connection, claim.conversation)
                present = conversation_now(driver, claim.owner, claim.conversation, levels)
        if len(self._labels) > _CAPACITY:
            self._labels.clear()
        for mark in claim.cited:
            self._labels.pop((claim.owner, mark), None)
            if mark in found:
                self._labels[claim.owner, mark] = cited_label(found, claim.owner, (mark,))
        cited = cited_label(found, claim.owner, claim.cited)
        return Remembered(present.version, present.mark, present.vault, cited)

    # -- for people --------------------------------------------------------------------------------------------------

    def samples(self, names: Collection[str]) -> list[Sample]:
        """The situations that there are, each with one conversation that is in it."""
        columns = _situation(Names(names))
        grouped = _placed(select(*columns, func.min(conversation.c.id))).group_by(*columns)
        found = []
        with self._reading() as connection:
            for name, owner, level, compartments, sample in connection.execute(grouped).all():
                whose = _placed(select(principal.c.id)).where(conversation.c.id == sample)
                resource = Resource("Conversation", sample, owner=connection.execute(whose).scalar_one())
                situation = Situation(name, owner, level=level, compartments=compartments)
                found.append(Sample(situation, resource, label_of(level, compartments, self._levels())))
        return found

    def list(
        self, *, owner: str | None = None, known: Known | None = None, after: str = "", limit: int = 200
    ) -> list[ConversationSummary]:
        """Those that remember something, the one that changed last first, behind the one with the id ``after``.

        Of one subject, or (``known``) in these situations.
        """
        query = _placed(select(conversation))
        if owner is not None:
            query = query.where(conversation.c.owner == owner)
        if known is not None:
            chosen = [one[:2] + one[4:] for one in known.situations]
            query = query.where(tuple_(*_situation(Names(known.names))).in_(chosen))
        if after:
            last = select(conversation.c.changed_ms, conversation.c.id).where(conversation.c.id == after)
            query = query.where(tuple_(conversation.c.changed_ms, conversation.c.id) < last.scalar_subquery())
        query = query.order_by(conversation.c.changed_ms.desc(), conversation.c.id.desc()).limit(limit)
        with self._reading() as connection:
            return [_summary(cast("Mapping[str, object]", row), self._levels()) for row in connection.execute(query).mappings()]

    def show(self, conversation_id: str) -> ConversationSummary:
        """One of them. Raises ``UnknownConversation``."""
        with self._reading() as connection:
            return _found(connection, conversation_id, self._levels())

    def fingerprints(self, conversation_id: str) -> int:
        """How many labelled texts are known of a conversation."""
        query = select(func.count()).select_from(fingerprint).where(fingerprint.c.conversation == conversation_id)
        with self._reading() as connection:
            return connection.execute(query).scalar_one()

    def declassify(self, conversation_id: str, to: Label, *, decided: Label, actor: str, details: Mapping[str, object]) -> Label:
        """Lower a mark, and the labels under which its texts are known; which mark it was. Recorded in the same transaction.

        Raises ``UnknownConversation``, ``NotLower``, ``MarkRose``. The caller has decided that the ``actor`` may lower a mark of
        ``decided``: what it rose to meanwhile, nobody has decided about.
        """
        levels = self._levels()
        with self._writing() as connection:
            before = _found(connection, conversation_id, levels)
            if not decided.dominates(before.mark):
                raise MarkRose(
                    f"its mark rose to {before.mark} while this was decided for {decided}",
                    next_step="look at the conversation again, and decide anew",
                )
            if not before.mark.dominates(to) or before.mark == to:
                raise NotLower(f"{to} is not below the present mark, {before.mark}")
            now = self._clock()
            level, compartments = columns_of(to)
            changed = {"level": level, "compartments": compartments, "changed_ms": now}
            row = conversation.c.id == conversation_id
            version = _later(conversation.c.version + 1, now)
            connection.execute(update(conversation).where(row).values(version=version, **changed))
            _lower_texts(connection, conversation_id, to, levels)
            if self._audit is not None:
                said = {"conversation": conversation_id, "before": str(before.mark), "after": str(to), **details}
                self._audit(connection, actor, "conversation.declassify", said)
        return before.mark

    # -- from time to time -------------------------------------------------------------------------------------------

    def prune(self, *, fingerprint_days: int, stand_in_days: int) -> int:
        """Forget fingerprints and stand-ins that are older; how many. Marks stay: they drop by declassification alone."""
        now = self._clock()
        idle = (conversation.c.vault.is_not(None)) & (conversation.c.changed_ms < now - stand_in_days * DAY_MS)
        emptied = {"vault": None, "version": _later(conversation.c.version + 1, now)}
        empty = (
            (conversation.c.vault.is_(None)) & (conversation.c.level == PUBLIC.level.name) & (conversation.c.compartments == "")
        )
        with self._writing() as connection:
            gone = connection.execute(update(conversation).where(idle).values(emptied)).rowcount
            connection.execute(delete(conversation).where(empty))
        older = now - fingerprint_days * DAY_MS
        while removed := self._forget_some(older):
            gone += removed
        return gone

    def _forget_some(self, older_ms: int) -> int:
        """A few fingerprints at a time: exchanges wait while they go."""
        keys = list(fingerprint.primary_key.columns)
        some = select(*keys).where(fingerprint.c.time_ms < older_ms).limit(_TOGETHER)
        one = and_(*(column == bindparam(f"old_{column.name}") for column in keys))
        with self._writing() as connection:
            rows = [{f"old_{name}": value for name, value in row.items()} for row in connection.execute(some).mappings()]
            if rows:
                connection.execute(delete(fingerprint).where(one), rows)
        return len(rows)

    # -- the database ------------------------------------------------------------------------------------------------

    @contextmanager
    def _at_one_moment(self) -> Iterator[Connection]:
        """For statements in the driver's words. A row and its seal are read of the same moment: others write meanwhile."""
        try:
            with read_transaction(self._engine) as connection:
                yield connection
        except DatabaseError as error:
            raise explain(error) from None
        except dialect_of(self._engine).errors as error:
            raise BackendError("conversations cannot be read", why=type(error).__name__, next_step="try again") from None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(), write_transaction(self._engine, self._turn) as connection:
            yield connection


def _require_written(connection: Connection, conversation_id: str) -> None:
    """Raises ``RowsAltered``; whoever asked is told nothing of it, so the log is."""
    try:
        require_row(connection, "conversation", conversation_id)
    except RowsAltered as error:
        _log.error("a conversation's row was altered", extra={"fields": error.diagnostics()})
        raise


def _placed(query: Select[Any]) -> Select[Any]:
    return query.select_from(conversation).outerjoin(principal, principal.c.subject == conversation.c.owner)


def _situation(said: Names) -> tuple[Any, ...]:
    """The columns of ``Situation`` that a conversation has."""
    whose = said.named_or_none(principal.c.id)
    return (said.named(conversation.c.id), whose, conversation.c.level, conversation.c.compartments)


def _later(version: ColumnElement[int], now_ms: int) -> ColumnElement[int]:
    return case((version > now_ms, version), else_=now_ms)


def _joined(labels: list[Label]) -> Label:
    joined = PUBLIC
    for one in labels:
        joined = joined.join(one)
    return joined


def _summary(row: Mapping[str, object], levels: Levels) -> ConversationSummary:
    values = cast("Mapping[str, int]", row)
    return ConversationSummary(
        str(row["id"]),
        str(row["owner"]),
        label_of(str(row["level"]), str(row["compartments"]), levels),
        row["vault"] is not None,
        rfc3339(values["created_ms"]),
        rfc3339(values["changed_ms"]),
    )


def _found(connection: Connection, conversation_id: str, levels: Levels) -> ConversationSummary:
    row = connection.execute(select(conversation).where(conversation.c.id == conversation_id)).mappings().first()
    if row is None:
        raise UnknownConversation(
            f"there is no conversation {conversation_id[:64]!r} with a mark", next_step="'wardstead conversation list' names them"
        )
    return _summary(cast("Mapping[str, object]", row), levels)


def _lower_texts(connection: Connection, conversation_id: str, to: Label, levels: Levels) -> None:
    """Each text of the conversation that is known under a label above ``to`` is known under ``to`` from now on."""
    here = fingerprint.c.conversation == conversation_id
    rows = connection.execute(select(fingerprint).where(here)).mappings().all()
    above = [row for row in rows if not to.dominates(label_of(row["level"], row["compartments"], levels))]
    level, compartments = columns_of(to)
    for row in above:
        same = here & (fingerprint.c.mark == row["mark"]) & (fingerprint.c.owner == row["owner"])
        connection.execute(delete(fingerprint).where(same))
    if to == PUBLIC:
        return
    lowered = {(row["mark"], row["owner"]): {**row, "level": level, "compartments": compartments} for row in above}
    if lowered:
        connection.execute(fingerprint.insert(), list(lowered.values()))
