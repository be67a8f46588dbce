"""What the ledger shows of its tree, to whoever verifies it from outside: tiles, leaves, consistency proofs.

A leaf's entry is its public header and the hash of its ciphertext: no content, not even sealed.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Engine, select

from wardstead.adapters.store.ledger.ledger_keys import StoredKeys
from wardstead.adapters.store.ledger.tree_store import latest_note, tile_reader, tree_end
from wardstead.adapters.store.tables.ledger import checkpoint, entry, leaf
from wardstead.adapters.store.transactions import explained, read_transaction
from wardstead.crypto.merkle import HASH_SIZE, consistency_proof, tree_root, verify_consistency
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.entry import leaf_data
from wardstead.ledger.proof import key_documents
from wardstead.ledger.tiles import WIDTH, node_from, parse_tile_path


class PublishedTree:
    """Reads the stored tree. Safe for threads; changes nothing."""

    def __init__(self, engine: Engine, key: VerifyingKey) -> None:
        """``key`` is the ledger's first."""
        self._engine, self._stored = engine, StoredKeys(key)

    def resource(self, path: str) -> bytes | None:
        """What is at a path of https://c2sp.org/tlog-tiles below the log's prefix; ``None`` where there is nothing (yet).

        A partial tile that has grown since is served as it was: it is a prefix of what it became.
        """
        asked = parse_tile_path(path)
        if asked is None:
            return None
        with explained(), self._engine.connect() as connection:
            if asked.level is None:
                return _bundle(connection, asked.index * WIDTH, asked.width)
            found = tile_reader(connection)(asked.level, asked.index)
        size = asked.width * HASH_SIZE
        return found[:size] if len(found) >= size else None

    def consistency(self, old: int, new: int | None = None) -> dict[str, Any]:
        """That the tree of ``new`` leaves (the newest checkpoint's) extends that of ``old``, for whoever holds either root.

        ``{"old": {"size", "root"}, "new": {"size", "root"}, "proof", "checkpoint", "verifier_key"}``, and ``keys`` where the
        ledger's key was changed (``key_documents``); ``checkpoint`` is
        the signed one of the new tree, empty where none was signed for that size. Raises ``CallerError`` for sizes that
        the tree does not have.
        """
        with explained(), read_transaction(self._engine) as connection:
            note, keys = latest_note(connection) or "", self._stored.of(connection)
            size = new if new is not None else open_checkpoint(note, keys).size if note else 0
            if not 0 <= old <= size <= tree_end(connection).size:
                raise CallerError(f"the ledger has no trees of {old} and {size} entries, the one extending the other")
            signed = connection.execute(select(checkpoint.c.note).where(checkpoint.c.size == size)).scalar() or ""
            node = node_from(tile_reader(connection))
            before, after, proof = tree_root(old, node), tree_root(size, node), consistency_proof(old, size, node)
            changes = key_documents(self._stored.entries(connection, size), size, node)
        verify_consistency(old, size, proof, before, after)
        if signed and open_checkpoint(signed, keys).root != after:
            raise IntegrityError("the tree is not the one that was signed", next_step="Run 'wardstead ledger verify'")
        return {
            "old": {"size": old, "root": _text(before)},
            "new": {"size": size, "root": _text(after)},
            "proof": [_text(one) for one in proof],
            "checkpoint": signed,
            "verifier_key": keys.of(size).text(),
            **({"keys": changes} if changes else {}),
        }

    def succession(self) -> dict[str, Any]:
        """Every key that signed this ledger, with what proves it: who trusts one of them can follow to the present one.

        ``{"type": "wardstead-keys", "keys", "checkpoint", "verifier_key"}``; the changes are proven in the checkpoint's tree.
        """
        with explained(), read_transaction(self._engine) as connection:
            note, keys = latest_note(connection) or "", self._stored.of(connection)
            size = open_checkpoint(note, keys).size if note else 0
            changes = key_documents(self._stored.entries(connection, size), size, node_from(tile_reader(connection)))
        return {"type": "wardstead-keys", "keys": changes, "checkpoint": note, "verifier_key": keys.of(size).text()}


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def _bundle(connection: Connection, first: int, count: int) -> bytes | None:
    """``count`` entries from ``first`` on, each behind its length (two bytes, big-endian)."""
    query = (
        select(entry.c.header, entry.c.body)
        .join(leaf, leaf.c.entry_id == entry.c.id)
        .where(leaf.c.idx >= first, leaf.c.idx < first + count)
        .order_by(leaf.c.idx)
    )
    entries = [leaf_data(row.header, sha256(row.body).digest()) for row in connection.execute(query)]
    if len(entries) < count:
        return None
    return b"".join(len(one).to_bytes(2, "big") + one for one in entries)
