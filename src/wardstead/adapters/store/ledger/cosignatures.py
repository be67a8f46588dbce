"""Checkpoints as witnesses cosigned them: kept beside those that were signed, and given out together with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from wardstead.adapters.store.tables.ledger import checkpoint, cosignature


def keep_cosigned(connection: Connection, witness: str, size: int, note: str, at_s: int) -> None:
    """Keep what a witness cosigned; what it said of the same size before is replaced."""
    connection.execute(cosignature.delete().where(cosignature.c.size == size, cosignature.c.witness == witness))
    connection.execute(insert(cosignature).values(size=size, witness=witness, note=note, time_ms=at_s * 1000))


class StoredCosignature(msgspec.Struct, frozen=True):
    """A row, as stored: whatever somebody writes into a column is there."""

    size: Any
    witness: Any
    note: Any
    time_ms: Any


def all_cosigned(connection: Connection) -> Sequence[StoredCosignature]:
    """All of them, by size."""
    columns = (cosignature.c.size, cosignature.c.witness, cosignature.c.note, cosignature.c.time_ms)
    return [StoredCosignature(*row) for row in connection.execute(select(*columns).order_by(cosignature.c.size))]


def with_cosignatures(connection: Connection, size: int, note: str) -> str:
    """A checkpoint of that size, with whatever witnesses signed below it."""
    query = select(cosignature.c.note).where(cosignature.c.size == size).order_by(cosignature.c.witness)
    lines = (found.removeprefix(note) for found in connection.execute(query).scalars() if found.startswith(note))
    return note + "".join(lines)


def unwitnessed_since_ms(connection: Connection, size: int) -> int | None:
    """When the first checkpoint beyond ``size`` was signed; ``None`` where there is none."""
    next_one = select(checkpoint.c.time_ms).where(checkpoint.c.size > size).order_by(checkpoint.c.size).limit(1)
    return connection.execute(next_one).scalar()
