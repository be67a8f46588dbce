"""Reading the ledger: receipts, lists, content for whoever may see it, verification and export. Changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, func, or_, select
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.store.base import explain
from wardstead.adapters.store.ledger.cosignatures import with_cosignatures
from wardstead.adapters.store.ledger.exchanges import ExchangeSummary, summaries
from wardstead.adapters.store.ledger.ledger_keys import StoredKeys
from wardstead.adapters.store.ledger.tree_store import latest_note, tile_reader, tree_end
from wardstead.adapters.store.tables.conversations import said_in
from wardstead.adapters.store.tables.ledger import IS_HELD, checkpoint, entry, leaf, mention, tile
from wardstead.adapters.store.transactions import explained, read_transaction
from wardstead.crypto.keyring import KeyGone, KeyRing, MentionErased, RetentionOver
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.clock import Clock, rfc3339
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.labels import PUBLIC, Label, Levels, join_all
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.entry import Header
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.proof import KeyEntry, Sequenced, receipt_document
from wardstead.ledger.sealing import Opened, open_entry
from wardstead.ledger.succession import LedgerKeys
from wardstead.ledger.tiles import node_from
from wardstead.ledger.verify import LedgerEnd, Problem, Report, StoredEntry, StoredLeaf, verify_ledger

T = TypeVar("T")
_PAGE = 500
_BELOW_ALL = -(1 << 63)
"""A size that was made negative must not hide its row."""
_FIELDS = ("id", "exchange", "kind", "header", "body", "time_ms", "outcome", "subject")
_ENTRY = tuple(entry.c[name] for name in _FIELDS)


@dataclass(slots=True)
class Contents:
    """What came of opening every entry. ``labels``: how many were sealed with which label; older ones have none."""

    opened: int = 0
    erased: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def take(self, row: RowMapping, ring: KeyRing, mentions: Collection[bytes] = ()) -> None:
        """Open one. ``mentions``: the keys that it takes, as the database says: who is mentioned is found by them."""
        try:
            held = _stored(row)
            one = open_entry(ring, held.subject, held.header, held.body)
        except KeyGone:
            self.erased += 1
        except IntegrityError as error:
            self.problems.append(Problem("content-altered", f"entry {row['id']}", error.what))
        else:
            self.opened += 1
            if one.mentions != frozenset(mentions):
                said = "the database says of others that it mentions them: whoever it mentions may not be found"
                self.problems.append(Problem("mention-altered", f"entry {row['id']}", said))
            if one.label is not None:
                self.labels[str(one.label)] += 1


class LedgerReader:
    """Answers questions about the stored ledger. Safe for threads; each question has a connection of its own."""

    def __init__(self, engine: Engine, key: VerifyingKey, *, page: int = _PAGE, levels: Callable[[], Levels] = Levels) -> None:
        """``key`` is the ledger's first, from which all others follow; of the whole ledger ``page`` entries are held at once.

        ``levels``: the deployment's, asked when an exchange is opened.
        """
        self._engine, self._stored, self._page, self._levels = engine, StoredKeys(key), page, levels

    @property
    def keys(self) -> LedgerKeys:
        """What verifies this ledger's checkpoints, as it is now."""
        with explained(), self._engine.connect() as connection:
            return self._stored.of(connection)

    def key_entries(self, size: int) -> list[KeyEntry]:
        """The entries of the changes of the key that a tree of ``size`` leaves holds."""
        with explained(), self._engine.connect() as connection:
            return self._stored.entries(connection, size)

    def changes(self) -> list[str]:
        """The changes of the key, as both keys signed each."""
        with explained(), self._engine.connect() as connection:
            return self._stored.notes(connection)

    def receipt(self, exchange_id: str) -> dict[str, Any] | None:
        """The receipt document of an exchange (``ledger.proof``), ``None`` when there is no such exchange."""
        with self._engine.connect() as connection:
            query = (
                select(entry.c.header, entry.c.body, leaf.c.idx)
                .outerjoin(leaf, leaf.c.entry_id == entry.c.id)
                .where(entry.c.exchange == exchange_id)
                .order_by(entry.c.id)
            )
            rows = connection.execute(query).all()
            if not rows:
                return None
            note = latest_note(connection) or ""
            entries = [Sequenced(row.header, sha256(row.body).digest(), row.idx) for row in rows]
            keys = self._stored.of(connection)
            signed = open_checkpoint(note, keys) if note else None
            size = signed.size if signed else 0
            return receipt_document(
                exchange_id,
                entries,
                checkpoint=signed,
                note=note,
                node=node_from(tile_reader(connection)),
                key=keys.of(size),
                changes=self._stored.entries(connection, size),
            )

    def subject(self, exchange_id: str) -> str | None:
        """The pseudonym under which an exchange is sealed; ``None`` when there is no such exchange."""
        with self._engine.connect() as connection:
            query = select(entry.c.subject).where(entry.c.exchange == exchange_id).limit(1)
            return connection.execute(query).scalar_one_or_none()

    def conversation_owner(self, conversation: str) -> str | None:
        """The subject whose a conversation is; ``None`` where no exchange of it is known."""
        query = select(entry.c.subject).join(said_in, said_in.c.exchange == entry.c.exchange)
        with self._engine.connect() as connection:
            return connection.execute(query.where(said_in.c.conversation == conversation).limit(1)).scalar_one_or_none()

    def checkpoint(self) -> str | None:
        """The newest signed checkpoint, with whatever witnesses signed below it."""
        with self._engine.connect() as connection:
            note = latest_note(connection)
            if note is None:
                return None
            return with_cosignatures(connection, open_checkpoint(note, self._stored.of(connection)).size, note)

    def recent(self, limit: int = 50, before: int | None = None) -> list[ExchangeSummary]:
        """The newest exchanges and acts of administration; ``before``: the last ``entry_id`` of a page."""
        return self._summaries([entry.c.id < before] if before is not None else [], limit)

    def acts_of(self, subject: str, limit: int) -> list[ExchangeSummary]:
        """The newest acts of administration that lie under this subject's key."""
        return self._summaries([entry.c.kind == EntryKind.ADMIN.value, entry.c.subject == subject], limit)

    def held_of(self, subject: str, limit: int = 200) -> list[ExchangeSummary]:
        """The newest exchanges of somebody's that were held."""
        which = select(entry.c.exchange).where(IS_HELD, entry.c.subject == subject)
        return self._summaries([entry.c.exchange.in_(which)], limit)

    def summary(self, exchange_id: str) -> ExchangeSummary | None:
        """One exchange; ``None`` when there is none."""
        return next(iter(self._summaries([entry.c.exchange == exchange_id], 1)), None)

    def _summaries(self, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[ExchangeSummary]:
        with self._engine.connect() as connection:
            return summaries(connection, conditions, limit)

    def open_exchange(self, exchange_id: str, ring: KeyRing) -> dict[str, Any] | None:
        """What an exchange holds, decrypted.

        ``{"exchange", "subject", "erased", "mentioned", "expired", "label",
        "entries": [{"kind", "time", "outcome", "content"}]}``;
        ``label`` (a ``Label``) is the join of those that were sealed with the entries; ``content`` is ``None`` where there is
        none or the key was destroyed (``erased``; ``mentioned``: that of somebody in it, not of whoever asked; ``expired``: that
        of its last day). ``None``: no such exchange.
        Raises ``IntegrityError`` when something was altered. The caller decides first who may see it, and records it.
        """
        with self._engine.connect() as connection:
            query = select(*_ENTRY).where(entry.c.exchange == exchange_id).order_by(entry.c.id)
            rows = connection.execute(query).mappings().all()
        if not rows:
            return None
        for one in map(_stored, rows):
            # Before any key is looked for: of an altered subject there is none, and that must not pass for an erasure.
            if not Header.decode(one.header).fits(one.exchange, one.kind, one.outcome, one.subject, one.time_ms):
                raise IntegrityError(
                    "an entry's row was altered", where=f"entry {one.id}", next_step="Run 'wardstead ledger verify'"
                )
        contents, mark, gone = _open_all(rows, ring, self._levels())
        return {
            "exchange": exchange_id,
            "subject": rows[0]["subject"],
            "erased": any(not isinstance(one, RetentionOver) for one in gone),
            "mentioned": bool(gone) and isinstance(gone[-1], MentionErased),
            "expired": any(isinstance(one, RetentionOver) for one in gone),
            "label": mark,
            "entries": [
                {"kind": row["kind"], "time": rfc3339(row["time_ms"]), "outcome": row["outcome"], "content": content}
                for row, content in zip(rows, contents, strict=True)
            ],
        }

    def verify(self, *, clock: Clock, known: Sequence[str] = (), progress: Callable[[int], None] | None = None) -> Report:
        """Recompute the whole ledger, as it is when this is asked; it may go on growing.

        ``known`` are checkpoints kept elsewhere: the copy in ``state/``, a witness's.

        What cannot be read as it was written is an alteration too; only a database that cannot be used at all raises
        ``BackendError``.
        """
        try:
            source = StoredLedger(self._engine, page=self._page)
            with self._engine.connect() as connection:
                keys, wrong = self._stored.as_far(connection)
            report = verify_ledger(source, keys, now_ms=clock(), known=known, progress=progress)
        except IntegrityError as error:
            return Report(problems=[Problem("unreadable", error.where, error.what)])
        except DatabaseError as error:
            told = explain(error)
            if not isinstance(told, IntegrityError):
                raise told from None
            return Report(problems=[Problem("unreadable", "database", f"{told.what}: {told.why}")])
        if wrong:
            report.problems.append(Problem("key-change-forged", "keys", wrong))
        return report

    def verify_contents(self, ring: KeyRing, progress: Callable[[int], None] | None = None) -> Contents:
        """Open every entry that can be opened: each must fit its key and its context, and have the label that it commits to."""
        found = Contents()
        after = 0
        while True:
            with self._engine.connect() as connection:
                query = select(*_ENTRY).where(entry.c.id > after).order_by(entry.c.id).limit(self._page)
                rows = connection.execute(query).mappings().all()
                mentions = _mentions(connection, [row["id"] for row in rows])
            for row in rows:
                found.take(row, ring, mentions.get(row["id"], ()))
                after = row["id"]
            if progress is not None:
                progress(found.opened + found.erased)
            if len(rows) < self._page:
                return found

    def size(self) -> int | None:
        """How many entries are in the tree, the end of ``verify``'s progress; ``None`` where that cannot be read."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(select(func.count()).select_from(leaf)).scalar_one()
        except DatabaseError:
            return None


def _open_all(rows: Sequence[RowMapping], ring: KeyRing, levels: Levels) -> tuple[list[Any], Label, list[KeyGone]]:
    """The content of each entry, the label of all together, and why some do not open, where a key was destroyed."""
    contents: list[Any] = []
    labels: list[Label] = []
    gone: list[KeyGone] = []
    for row in rows:
        try:
            one = open_entry(ring, row["subject"], row["header"], row["body"], levels)
        except KeyGone as error:
            gone.append(error)
            contents.append(None)
            continue
        contents.append(json.loads(one.content) if one.content else None)
        labels.append(_label_of(one, contents[-1], levels))
    return contents, join_all(labels), gone


def _label_of(opened: Opened, content: Any, levels: Levels) -> Label:
    """The label that was sealed with an entry; of one that is older than that, what its document says."""
    if opened.label is not None:
        return opened.label
    said = content.get("label") if isinstance(content, dict) else None
    return levels.stored(said["level"], said["compartments"]) if said else PUBLIC


def _mentions(connection: Connection, ids: Sequence[int]) -> Mapping[int, Collection[bytes]]:
    """By entry, the keys that it takes. Read after the entries: what is erased meanwhile does not open by then."""
    if not ids:
        return {}
    taken: dict[int, set[bytes]] = {}
    both = (mention.c.exchange == entry.c.exchange) & (mention.c.kind == entry.c.kind)
    query = select(entry.c.id, mention.c.mark).join(mention, both).where(entry.c.id.between(ids[0], ids[-1]))
    for row in connection.execute(query):
        taken.setdefault(row.id, set()).add(row.mark)
    return taken


class StoredLedger:
    """The ``LedgerSource`` that verification reads, page by page: no long read holds the write-ahead log back."""

    def __init__(self, engine: Engine, *, page: int = _PAGE) -> None:
        """Over an engine with the ledger's tables."""
        self._engine, self._page = engine, page

    def end(self) -> LedgerEnd:
        """Where it ends at this moment."""
        newest = select(checkpoint.c.size, checkpoint.c.time_ms).order_by(checkpoint.c.size.desc()).limit(1)
        with read_transaction(self._engine) as connection:
            tree = tree_end(connection)
            entries = connection.execute(select(func.max(entry.c.id))).scalar() or 0
            signed = connection.execute(newest).first() or (0, 0)
        names = ("size", "sequenced", "entries", "signed", "signed_ms")
        values = (tree.size, tree.last_entry_id, entries, *signed)
        return typed(LedgerEnd, dict(zip(names, values, strict=True)))

    def leaves(self, end: LedgerEnd, first: int = 0) -> Iterator[StoredLeaf]:
        """The leaves that there were, by index, from ``first`` on."""
        query = (
            select(leaf.c.idx, leaf.c.entry_id, leaf.c.hash, *_ENTRY)
            .outerjoin(entry, entry.c.id == leaf.c.entry_id)
            .where(leaf.c.idx < end.size)
        )
        after = first - 1
        while True:
            with self._engine.connect() as connection:
                page = query.where(leaf.c.idx > after).order_by(leaf.c.idx).limit(self._page)
                rows = connection.execute(page).mappings().all()
            for row in rows:
                held = _stored(row) if row["id"] is not None else None
                values = (row["idx"], row["entry_id"], row["hash"], held)
                yield typed(StoredLeaf, dict(zip(("index", "entry_id", "hash", "entry"), values, strict=True)))
                after = row["idx"]
            if len(rows) < self._page:
                return

    def unsequenced(self, end: LedgerEnd) -> Iterator[StoredEntry]:
        """The entries that no leaf named then, by id: those behind the tree's end, and any that it left out."""
        query = (
            select(*_ENTRY)
            .outerjoin(leaf, leaf.c.entry_id == entry.c.id)
            .where(entry.c.id <= end.entries, or_(entry.c.id > end.sequenced, leaf.c.idx.is_(None)))
        )
        after = 0
        while True:
            with self._engine.connect() as connection:
                page = query.where(entry.c.id > after).order_by(entry.c.id).limit(self._page)
                rows = connection.execute(page).mappings().all()
            for row in rows:
                yield _stored(row)
                after = row["id"]
            if len(rows) < self._page:
                return

    def checkpoints(self, end: LedgerEnd, first: int = _BELOW_ALL + 1) -> Iterator[tuple[int, str]]:
        """(the size it is stored under, the signed note) of those that there were, by size, from that of ``first`` leaves on."""
        after = first - 1
        while True:
            with self._engine.connect() as connection:
                query = select(checkpoint.c.size, checkpoint.c.note).where(
                    checkpoint.c.size > after, checkpoint.c.size <= end.signed
                )
                rows = connection.execute(query.order_by(checkpoint.c.size).limit(self._page)).all()
            for row in rows:
                if not isinstance(row.note, str) or not isinstance(row.size, int):
                    raise IntegrityError("a value of the wrong type is stored", where=f"checkpoint {row.size}")
                yield row.size, row.note
                after = row.size
            if len(rows) < self._page:
                return

    def tile(self, level: int, index: int) -> tuple[bytes, int]:
        """One tile (empty when there is none), and the size of the tree at the moment at which it was read."""
        with read_transaction(self._engine) as connection:
            found, size = tile_reader(connection)(level, index), tree_end(connection).size
        if not isinstance(found, bytes):
            raise IntegrityError("a value of the wrong type is stored", where=f"tile {level}/{index}")
        return found, size

    def tile_count(self) -> tuple[int, int]:
        """How many tiles are stored, and the size of the tree at the moment at which they were counted."""
        with read_transaction(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(tile)).scalar_one(), tree_end(connection).size


def _stored(row: RowMapping) -> StoredEntry:
    return typed(StoredEntry, {name: row[name] for name in _FIELDS})


def typed(kind: type[T], values: dict[str, Any]) -> T:
    """``values`` as a ``kind``: SQLite keeps whatever somebody writes into a column. Raises ``IntegrityError``."""
    try:
        return msgspec.convert(values, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        where = f"{kind.__name__} {values.get('id', values.get('index'))}"
        raise IntegrityError("a value of the wrong type is stored", where=where, why=str(error)) from None
