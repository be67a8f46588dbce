"""Exports of the ledger: any slice of it as one file, with what proves it (docs/reference/ledger-format.md, section 6)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.ledger.cosignatures import with_cosignatures
from wardstead.adapters.store.ledger.ledger_keys import StoredKeys
from wardstead.adapters.store.ledger.ledger_reader import StoredLedger
from wardstead.adapters.store.ledger.timestamps import StoredStamp, stamps_of
from wardstead.adapters.store.ledger.tree_store import tile_reader
from wardstead.adapters.store.tables.ledger import cosignature
from wardstead.adapters.store.transactions import explained
from wardstead.crypto.merkle import perfect_parts
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.errors import CallerError
from wardstead.ledger.proof import key_documents
from wardstead.ledger.tiles import node_from
from wardstead.ledger.verify import LedgerEnd, StoredLeaf

VERSION = 3
"""Version 2 has no changes of the ledger's key, and an export without any is still written in it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The entries from ``first`` up to ``stop`` (excluded), in the tree of a checkpoint of ``size`` leaves."""

    first: int
    stop: int
    size: int

    @property
    def count(self) -> int:
        """How many entries."""
        return self.stop - self.first


class LedgerExport:
    """Writes slices of the stored ledger. Changes nothing, opens nothing."""

    def __init__(self, engine: Engine, key: VerifyingKey, *, page: int = 500) -> None:
        """``key`` is the ledger's first; ``page`` entries are held at once."""
        self._engine, self._stored, self._source = engine, StoredKeys(key), StoredLedger(engine, page=page)

    def write(self, path: Path, first: int = 0, stop: int | None = None) -> Slice:
        """Write a slice to one file of JSON lines, complete or not at all. Raises ``CallerError`` where there is no such slice.

        Without ``stop``: up to the newest checkpoint.
        """
        with explained():
            end = self._source.end()
            cut = self._slice(first, stop, min(end.size, end.signed))
            write_durably(path, chain(self._head(cut, end), map(_leaf_line, self._leaves(cut, end))))
        return cut

    def _slice(self, first: int, stop: int | None, signed: int) -> Slice:
        upto = signed if stop is None else stop
        if not 0 <= first <= upto <= signed:
            raise CallerError(
                f"there are no signed entries from {first} to {upto}", where="--from, --to",
                why=f"{signed} entries are signed so far",
            )  # fmt: skip
        return Slice(first, upto, self._anchor(upto, signed))

    def _anchor(self, stop: int, signed: int) -> int:
        """The checkpoint that a slice is proven by: the newest that a witness cosigned, where there is one that covers it."""
        with self._engine.connect() as connection:
            query = select(func.max(cosignature.c.size)).where(cosignature.c.size >= stop, cosignature.c.size <= signed)
            return connection.execute(query).scalar() or signed

    def _leaves(self, cut: Slice, end: LedgerEnd) -> Iterator[StoredLeaf]:
        return self._source.leaves(replace(end, size=cut.stop), cut.first)

    def _head(self, cut: Slice, end: LedgerEnd) -> Iterator[bytes]:
        with self._engine.connect() as connection:
            node = node_from(tile_reader(connection))
            left, right = ([_text(node(*one)) for one in perfect_parts(*ends)] for ends in ((0, cut.first), (cut.stop, cut.size)))
            changes = self._stored.entries(connection, cut.size)
            yield _line({
                "type": "wardstead-ledger", "version": VERSION if changes else 2,
                "verifier_key": self._stored.of(connection).of(cut.size).text(),
                "from": cut.first, "to": cut.stop, "size": cut.size, "left": left, "right": right,
            })  # fmt: skip
            yield from map(_line, key_documents(changes, cut.size, node))
            for size, note in self._checkpoints(cut, end):
                yield _checkpoint_line(connection, size, note)
                yield from map(_stamp_line, stamps_of(connection, size))

    def _checkpoints(self, cut: Slice, end: LedgerEnd) -> Iterator[tuple[int, str]]:
        """Those of the slice, and the one that it is proven by."""
        yield from self._source.checkpoints(replace(end, signed=cut.stop), cut.first)
        if cut.size > cut.stop:
            yield from self._source.checkpoints(replace(end, signed=cut.size), cut.size)


def _checkpoint_line(connection: Connection, size: int, note: str) -> bytes:
    return _line({"checkpoint": with_cosignatures(connection, size, note), "size": size})


def _stamp_line(one: StoredStamp) -> bytes:
    return _line({"timestamp": _text(one.response), "authority": one.authority, "size": one.size})


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _leaf_line(one: StoredLeaf) -> bytes:
    held = one.entry
    return _line(
        {
            "index": one.index,
            "leaf_hash": one.hash.hex(),
            "header": held.header.decode("utf-8", "replace") if held else None,
            "body": _text(held.body) if held else None,
        }
    )
