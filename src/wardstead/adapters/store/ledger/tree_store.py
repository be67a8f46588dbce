"""The tree as it is stored: its size, its tiles, its checkpoints; and appending to it, fenced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from wardstead.adapters.store.engine.dialect import driver_of
from wardstead.adapters.store.tables.ledger import checkpoint, entry, leaf, sequencer, tile
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.entry import entry_leaf
from wardstead.ledger.tiles import HEIGHT, WIDTH, TileId, TileReader, append_leaves

SEQUENCED_AT_ONCE = 1024
_MOST = (1 << 63) - 1
"""The largest number that a database holds: the size of a tree is one more than its last leaf's."""


class TreeMoved(IntegrityError):
    """Somebody else appended to the tree: what this recorder believes about it is out of date."""

    code = "tree_moved"


@dataclass(frozen=True, slots=True)
class TreeEnd:
    """How far the tree goes: its size, and the id of the last entry in it."""

    size: int
    last_entry_id: int


def tree_end(connection: Connection) -> TreeEnd:
    """The stored tree's end."""
    row = connection.execute(select(leaf.c.idx, leaf.c.entry_id).order_by(leaf.c.idx.desc()).limit(1)).first()
    if row is None:
        return TreeEnd(0, 0)
    if not isinstance(row.idx, int) or not isinstance(row.entry_id, int):
        raise IntegrityError("a value of the wrong type is stored", where="the newest leaf")
    if row.idx >= _MOST:
        raise IntegrityError("a leaf has a number that none has", where="the newest leaf")
    return TreeEnd(row.idx + 1, row.entry_id)


def tile_reader(connection: Connection, kept: dict[TileId, bytes] | None = None) -> TileReader:
    """Reads tiles, and remembers them in ``kept``."""
    remembered = {} if kept is None else kept

    def read(level: int, index: int) -> bytes:
        found = remembered.get((level, index))
        if found is None:
            query = select(tile.c.hashes).where(tile.c.level == level, tile.c.idx == index)
            found = remembered[level, index] = connection.execute(query).scalar() or b""
        return found

    return read


@dataclass(frozen=True, slots=True)
class Growth:
    """What the next entries add to the tree that ended at ``before``: rows of leaves, whole tiles, and the new end."""

    before: TreeEnd
    after: TreeEnd
    leaves: list[tuple[int, int, bytes]]
    tiles: dict[TileId, bytes]


def next_growth(connection: Connection, end: TreeEnd, kept: dict[TileId, bytes]) -> Growth | None:
    """Hash the entries that come next: all the work that needs no write lock. ``None`` when there are none.

    Entries get their ids under the one write lock, so whoever sees one sees all with smaller ids too; and they never change.
    """
    after = select(entry.c.id, entry.c.header, entry.c.body).where(entry.c.id > end.last_entry_id)
    rows = connection.execute(after.order_by(entry.c.id).limit(SEQUENCED_AT_ONCE)).all()
    if not rows:
        return None
    hashes = [entry_leaf(row.header, row.body) for row in rows]
    leaves = [(end.size + i, row.id, hash_) for i, (row, hash_) in enumerate(zip(rows, hashes, strict=True))]
    tiles = append_leaves(end.size, hashes, tile_reader(connection, kept))
    return Growth(end, TreeEnd(end.size + len(rows), rows[-1].id), leaves, tiles)


def next_token(connection: Connection) -> int:
    """The token of a recorder that begins: from now on nothing is taken from one that began before it."""
    if not connection.execute(update(sequencer).values(token=sequencer.c.token + 1)).rowcount:
        connection.execute(insert(sequencer).values(id=1, token=1))
    return int(connection.execute(select(sequencer.c.token)).scalar_one())


def _require_token(connection: Connection, token: int) -> None:
    if connection.execute(select(sequencer.c.token)).scalar() != token:
        raise TreeMoved("another recorder has begun since")


def grow(connection: Connection, growth: Growth, token: int) -> None:
    """Append, within a write transaction.

    Raises ``TreeMoved`` unless the recorder is the one that began last and the tree still ends where it did: a lock held
    elsewhere is no fence, these comparisons are.
    """
    _require_token(connection, token)
    if tree_end(connection) != growth.before:
        raise TreeMoved("the tree is not the one that this recorder read")
    driver_of(connection).executemany("INSERT INTO leaf (idx, entry_id, hash) VALUES (?, ?, ?)", growth.leaves)
    for (level, index), hashes in growth.tiles.items():
        where = (tile.c.level == level, tile.c.idx == index)
        if not connection.execute(tile.update().where(*where).values(hashes=hashes)).rowcount:
            connection.execute(insert(tile).values(level=level, idx=index, hashes=hashes))


def latest_note(connection: Connection) -> str | None:
    """The newest stored checkpoint."""
    return connection.execute(select(checkpoint.c.note).order_by(checkpoint.c.size.desc()).limit(1)).scalar()


def store_note(connection: Connection, size: int, note: str, time_ms: int, token: int) -> None:
    """Keep a checkpoint. Raises ``TreeMoved`` when one as large is there already, or another recorder has begun since."""
    _require_token(connection, token)
    newest = connection.execute(select(func.max(checkpoint.c.size))).scalar() or 0
    if newest >= size:
        raise TreeMoved("somebody else signed a checkpoint", where=f"size {newest}")
    connection.execute(insert(checkpoint).values(size=size, note=note, time_ms=time_ms))


def keep_right_edge(kept: dict[TileId, bytes], size: int) -> None:
    """Forget the tiles that will not change any more."""
    full: Sequence[TileId] = [(level, index) for level, index in kept if (size >> (HEIGHT * level)) // WIDTH > index]
    for key in full:
        del kept[key]
