"""Time stamps of checkpoints, as authorities elsewhere gave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from wardstead.adapters.store.tables.ledger import time_stamp


class StoredStamp(msgspec.Struct, frozen=True):
    """A row, as stored: whatever somebody writes into a column is there. ``note`` is the checkpoint that was stamped."""

    size: Any
    authority: Any
    note: Any
    response: Any
    time_ms: Any


_COLUMNS = (time_stamp.c.size, time_stamp.c.authority, time_stamp.c.note, time_stamp.c.response, time_stamp.c.time_ms)


def keep_stamp(connection: Connection, stamp: StoredStamp) -> None:
    """Keep one; an earlier one of the same checkpoint stays, for it says more."""
    query = select(time_stamp.c.size).where(time_stamp.c.size == stamp.size, time_stamp.c.authority == stamp.authority)
    if connection.execute(query).first() is None:
        connection.execute(insert(time_stamp).values(msgspec.structs.asdict(stamp)))


def all_stamps(connection: Connection) -> Sequence[StoredStamp]:
    """All of them, by size."""
    query = select(*_COLUMNS).order_by(time_stamp.c.size, time_stamp.c.authority)
    return [StoredStamp(*row) for row in connection.execute(query)]


def stamps_of(connection: Connection, size: int) -> Sequence[StoredStamp]:
    """Those of the checkpoint of that size."""
    query = select(*_COLUMNS).where(time_stamp.c.size == size).order_by(time_stamp.c.authority)
    return [StoredStamp(*row) for row in connection.execute(query)]
