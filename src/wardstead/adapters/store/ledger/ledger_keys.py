"""The keys of the ledger as they are stored: who verifies it, and who signs now. All processes read the same rows.

The first key is a file among the keys. Each later one lies in the database, sealed under the root key, in the row of the entry
that puts it in force: a rotation is one transaction, and every gateway of a database has the new key when it commits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, inspect, select, update

from wardstead.adapters.store.keys.root_rotations import require_none
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.ledger.tree_store import latest_note
from wardstead.adapters.store.tables.ledger import entry, leaf, ledger_key
from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.errors import BackendError, IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.ledger.checkpoint import nothing_of, open_checkpoint
from wardstead.ledger.proof import KeyEntry
from wardstead.ledger.succession import Change, LedgerKeys, change_draft, read_change, sign_change

Seal = Callable[[str, bytes], bytes]
"""Seals a secret for the place of this name, or opens it."""


@dataclass(frozen=True, slots=True)
class _Row:
    entry_id: int
    header: bytes
    body: bytes
    index: int | None


class StoredKeys:
    """Which keys verify the ledger. Safe for threads."""

    def __init__(self, first: VerifyingKey) -> None:
        """``first``: the one known from elsewhere."""
        self._first = first
        self._read: dict[bytes, Change] = {}
        self._there = False

    def of(self, connection: Connection) -> LedgerKeys:
        """The keys as they are now. Raises ``IntegrityError`` when a change is not signed, or does not follow."""
        return LedgerKeys.follow(self._first, [self._change(row) for row in self._rows(connection)])

    def as_far(self, connection: Connection) -> tuple[LedgerKeys, str]:
        """The keys up to the first change that does not hold, and why that one does not; empty where all do."""
        keys = LedgerKeys(self._first)
        for row in self._rows(connection):
            try:
                keys = LedgerKeys.follow(self._first, [*keys.changes, self._change(row)])
            except IntegrityError as error:
                return keys, f"entry {row.entry_id}: {error.what}"
        return keys, ""

    def notes(self, connection: Connection) -> list[str]:
        """The changes as they were signed."""
        return [row.body.decode() for row in self._rows(connection)]

    def entries(self, connection: Connection, size: int) -> list[KeyEntry]:
        """The entries of the changes that a tree of ``size`` leaves holds, for whoever is to follow them."""
        found = self._rows(connection)
        return [KeyEntry(one.header, one.body, one.index) for one in found if one.index is not None and one.index < size]

    def _rows(self, connection: Connection) -> list[_Row]:
        """A database of a version without this table has had one key."""
        self._there = self._there or inspect(connection).has_table(ledger_key.name)
        return _rows(connection) if self._there else []

    def _change(self, row: _Row) -> Change:
        found = self._read.get(row.body)
        if found is None:
            found = self._read[row.body] = read_change(row.body)
        return found.at(row.index)


def _rows(connection: Connection) -> list[_Row]:
    query = (
        select(ledger_key.c.entry_id, entry.c.header, entry.c.body, leaf.c.idx)
        .join(entry, entry.c.id == ledger_key.c.entry_id)
        .outerjoin(leaf, leaf.c.entry_id == ledger_key.c.entry_id)
        .order_by(ledger_key.c.entry_id)
    )
    return [_Row(row.entry_id, row.header, row.body, row.idx) for row in connection.execute(query)]


class SigningKeys:
    """Who signs now. Opens what lies sealed when it is wanted, and keeps the one that was wanted last."""

    def __init__(self, stored: StoredKeys, first: Callable[[], SigningKey], opened: Seal) -> None:
        """``first``: the first key; asked for while no other is in force. ``opened`` opens what ``order`` had sealed."""
        self._stored, self._first, self._opened = stored, first, opened
        self._kept: SigningKey | None = None

    @classmethod
    def of(cls, key: SigningKey) -> SigningKeys:
        """Those of a ledger whose key never changes."""
        return cls(StoredKeys(key.verifying), lambda: key, lambda _, sealed: sealed)

    def verifying(self, connection: Connection) -> LedgerKeys:
        """See ``StoredKeys.of``."""
        return self._stored.of(connection)

    def signing(self, connection: Connection, size: int | None = None) -> SigningKey:
        """The key that signs trees of ``size`` leaves; without, the newest: it signs statements."""
        keys = self._stored.of(connection)
        wanted = keys.newest if size is None else keys.of(size)
        kept = self._kept
        if kept is None or kept.verifying != wanted:
            kept = self._kept = self._open(connection, keys, wanted)
        return kept

    def _open(self, connection: Connection, keys: LedgerKeys, wanted: VerifyingKey) -> SigningKey:
        position = keys.all.index(wanted)
        if position == 0:
            key = self._first()
        else:
            rows = connection.execute(select(ledger_key.c.sealed).order_by(ledger_key.c.entry_id)).scalars().all()
            sealed = rows[position - 1]
            name = place_of(wanted)
            key = SigningKey.from_text(self._opened(name, sealed).decode("utf-8", "replace")) if sealed else _gone(name)
        if key.verifying != wanted:
            raise IntegrityError("the key that signs the ledger is another than its history says", where=wanted.text())
        return key

    def order(self, connection: Connection, new: SigningKey, exchange: ExchangeId, seal: Seal, time_ms: int) -> Change:
        """Put ``new`` in force from its entry on, within a write transaction: it is ordered when that commits.

        Raises ``BackendError`` where an earlier change has no place in the tree yet, or the root key is being replaced.
        """
        require_none(connection)
        keys = self._stored.of(connection)
        if len(keys.placed) < len(keys.changes):
            raise BackendError(
                "the last change of the ledger's key is not in force yet", where=keys.name,
                next_step="the recorder puts it in force: is it running?",
            )  # fmt: skip
        note = latest_note(connection)
        last = open_checkpoint(note, keys) if note is not None else nothing_of(keys.name)
        body = sign_change(self.signing(connection), new, last.size, last.root)
        draft = change_draft(exchange, body, time_ms)
        made = connection.execute(insert(entry).returning(entry.c.id), entry_values(draft)).scalar_one()
        sealed = seal(place_of(new.verifying), new.text().encode())
        connection.execute(insert(ledger_key).values(entry_id=made, sealed=sealed))
        return read_change(body)


def forget_replaced(connection: Connection, size: int) -> int:
    """Destroy the keys that a signed tree of ``size`` leaves has replaced, within a write transaction; how many were there."""
    rows = _rows(connection)
    held = [one for one in rows if one.index is not None and one.index < size]
    if len(held) < 2:
        return 0
    gone = update(ledger_key).where(ledger_key.c.entry_id < held[-1].entry_id, ledger_key.c.sealed.is_not(None))
    return connection.execute(gone.values(sealed=None)).rowcount


def reseal(connection: Connection, moved: Seal) -> None:
    """Seal every key that is there anew, within a write transaction: ``moved`` gives what takes the place of a sealed one."""
    names = [place_of(read_change(row.body).after) for row in _rows(connection)]
    rows = connection.execute(select(ledger_key.c.entry_id, ledger_key.c.sealed).order_by(ledger_key.c.entry_id)).all()
    for name, row in zip(names, rows, strict=True):
        if row.sealed is not None:
            values = {"sealed": moved(name, row.sealed)}
            connection.execute(update(ledger_key).where(ledger_key.c.entry_id == row.entry_id).values(**values))


def place_of(key: VerifyingKey) -> str:
    """For which place a later key is sealed."""
    return f"ledger key {key.key_id.hex()}"


def _gone(name: str) -> SigningKey:
    raise IntegrityError("the key that signs the ledger is gone", where=name, next_step="restore the database from a backup")
