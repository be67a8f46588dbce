"""Seals over the rows of a database: who holds the key knows which rows were written with it, and that none is missing.

A row's seal is a tag over the whole row and a short one over each column, so that what was changed can be named. That no row
was taken away, put back or added is told by a sum over all rows of a table, to which each row gives a number that nobody
without the key can foresee (Bellare and Micciancio, *A New Paradigm for Collision-free Hashing*, 1997, under a key): a change
costs no look at the other rows. The sums and a count of changes stand under one tag, the head.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

Row = Sequence[Any]
TAG_SIZE: Final = 32
COLUMN_SIZE: Final = 8
_MODULUS: Final = 1 << 512


class TableSum(msgspec.Struct, frozen=True):
    """What is known of a table: how many rows, the sum of what they give, and which columns their seals cover."""

    rows: int
    total: str
    columns: list[str]

    def moved(self, rows: int, by: int) -> TableSum:
        """With so many rows more, and so much more in the sum."""
        return TableSum(self.rows + rows, f"{(int(self.total, 16) + by) % _MODULUS:x}", self.columns)


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of all tables after the change with this number, and a digest of how each is declared."""

    version: int
    tables: Mapping[str, TableSum]
    declared: Mapping[str, str] = {}


class Known(msgspec.Struct, frozen=True):
    """How far the seals had come: the number of a change, and the beginning of the head's tag after it."""

    version: int
    tag: str


class RowSealKey:
    """Makes and holds up seals, under keys that follow from one."""

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes, used for nothing else."""
        self._row, self._column, self._head = (hmac.digest(key, name, "sha512") for name in (b"row", b"column", b"head"))

    def number(self, table: str, columns: Sequence[str], row: Row) -> tuple[bytes, int]:
        """The tag over a whole row, and what it gives to its table's sum."""
        digest = hmac.digest(self._row, _encode([table, *columns, *row]), "sha512")
        return digest[:TAG_SIZE], int.from_bytes(digest)

    def seal(self, table: str, columns: Sequence[str], key: str, row: Row) -> bytes:
        """A row's seal. ``key``: what it is found by."""
        tag, _ = self.number(table, columns, row)
        return tag + b"".join(self._tag(table, key, name, value) for name, value in zip(columns, row, strict=True))

    def altered(self, table: str, columns: Sequence[str], key: str, row: Row, seal: bytes) -> list[str]:
        """Of a row that does not fit its seal: the columns that do not."""
        found = []
        for place, (name, value) in enumerate(zip(columns, row, strict=True)):
            at = TAG_SIZE + place * COLUMN_SIZE
            if not hmac.compare_digest(seal[at : at + COLUMN_SIZE], self._tag(table, key, name, value)):
                found.append(name)
        return found

    def close(self, head: Head) -> tuple[bytes, bytes]:
        """A head as it is kept, and its tag."""
        body = msgspec.json.encode(head)
        return body, self.tag(body)

    def known(self, head: Head) -> Known:
        """What to keep of a head elsewhere."""
        return Known(head.version, self.close(head)[1][:COLUMN_SIZE].hex())

    def tag(self, body: bytes) -> bytes:
        """The tag of a head."""
        return hmac.digest(self._head, body, "sha512")[:TAG_SIZE]

    def open(self, body: object, tag: object) -> Head | None:
        """A head that was kept; ``None`` where it is not one of ours."""
        if not isinstance(body, bytes) or not isinstance(tag, bytes) or not hmac.compare_digest(self.tag(body), tag):
            return None
        return msgspec.json.decode(body, type=Head)

    def _tag(self, table: str, key: str, column: str, value: object) -> bytes:
        return hmac.digest(self._column, _encode([table, key, column, value]), "sha512")[:COLUMN_SIZE]


def _encode(values: Sequence[Any]) -> bytes:
    """MessagePack tells types and lengths apart, so no two rows have one form (https://msgpack.org)."""
    return msgspec.msgpack.encode(values)
