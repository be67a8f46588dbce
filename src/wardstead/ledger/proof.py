"""The receipt: a document that proves, to whoever trusts the checkpoint's key, that an exchange's entries are in the tree."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wardstead.crypto.merkle import Node, inclusion_proof, leaf_hash, verify_inclusion
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import Checkpoint, open_checkpoint
from wardstead.ledger.entry import Header, leaf_data
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.succession import LedgerKeys


@dataclass(frozen=True, slots=True)
class Sequenced:
    """An entry with its place in the tree; ``index`` is ``None`` while it has none."""

    header: bytes
    body_sha256: bytes
    index: int | None


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The entry of a change of the ledger's key, with its place in the tree."""

    header: bytes
    body: bytes
    index: int


def key_documents(entries: Sequence[KeyEntry], size: int, node: Node) -> list[dict[str, Any]]:
    """Those entries, each with its proof in the tree of ``size`` leaves: whoever trusts one key can follow to the others."""
    return [
        {
            "key_index": one.index,
            "header": one.header.decode(),
            "body": one.body.decode(),
            "inclusion_proof": [b64encode(each).decode() for each in inclusion_proof(one.index, size, node)],
        }
        for one in entries
    ]


def receipt_document(
    exchange: str, entries: Sequence[Sequenced], *, checkpoint: Checkpoint | None, note: str, node: Node, key: VerifyingKey,
    changes: Sequence[KeyEntry] = (),
) -> dict[str, Any]:  # fmt: skip
    """The receipt of an exchange against a signed checkpoint.

    ``status`` is ``complete`` once the outcome (or an administrator's entry) is in the tree of the checkpoint, until then
    ``pending``. An entry that is not in it has neither index nor proof. ``key`` signed the checkpoint; ``changes`` of the
    ledger's key before it stand with their proofs.
    """
    size = checkpoint.size if checkpoint else 0
    documents = [_entry_document(entry, size, node) for entry in entries]
    final = {EntryKind.OUTCOME.value, EntryKind.ADMIN.value}
    complete = any(document["kind"] in final and document["index"] is not None for document in documents)
    return {
        "receipt": exchange,
        "status": "complete" if complete else "pending",
        "entries": documents,
        "checkpoint": note,
        "verifier_key": key.text(),
        **({"keys": key_documents(changes, size, node)} if changes else {}),
    }


def _entry_document(entry: Sequenced, size: int, node: Node) -> dict[str, Any]:
    proven = entry.index is not None and entry.index < size
    path = inclusion_proof(entry.index, size, node) if entry.index is not None and proven else []
    return {
        "kind": Header.decode(entry.header).kind.value,
        "header": entry.header.decode(),
        "body_sha256": entry.body_sha256.hex(),
        "leaf_hash": b64encode(leaf_hash(leaf_data(entry.header, entry.body_sha256))).decode(),
        "index": entry.index if proven else None,
        "inclusion_proof": [b64encode(one).decode() for one in path],
    }


def verify_receipt(document: Mapping[str, Any], key: VerifyingKey | LedgerKeys) -> Checkpoint | None:
    """Check a receipt against keys known from elsewhere (never the one it carries).

    1. the checkpoint is signed by ``key``; 2. each entry that has an index hashes to its leaf; 3. its proof leads to the
    checkpoint's root; 4. its header names this exchange; 5. a complete receipt proves an outcome. Returns the checkpoint,
    ``None`` for a receipt without one. Raises ``IntegrityError``. The caller must: compare the checkpoint with a witness.
    """
    try:
        exchange, note = str(document["receipt"]), str(document["checkpoint"])
        checkpoint = open_checkpoint(note, key) if note else None
        kinds = [_verify_entry(entry, exchange, checkpoint) for entry in document["entries"]]
        claims_complete = document["status"] == "complete"
    except (KeyError, TypeError, ValueError, AttributeError):
        raise IntegrityError("not a receipt") from None
    if claims_complete and not {EntryKind.OUTCOME, EntryKind.ADMIN}.intersection(kind for kind in kinds if kind):
        raise IntegrityError("the receipt says complete and proves no outcome")
    return checkpoint


def _verify_entry(entry: Mapping[str, Any], exchange: str, checkpoint: Checkpoint | None) -> EntryKind | None:
    """The kind of an entry that is proven; ``None`` for one that is pending."""
    header = str(entry["header"]).encode()
    fields = Header.decode(header)
    leaf = leaf_hash(leaf_data(header, bytes.fromhex(entry["body_sha256"])))
    if fields.exchange != exchange or fields.kind.value != entry["kind"] or _decode(entry["leaf_hash"]) != leaf:
        raise IntegrityError("an entry of the receipt does not fit it", where=exchange)
    if entry["index"] is None:
        return None
    if checkpoint is None:
        raise IntegrityError("the receipt has a proof and no checkpoint", where=exchange)
    path = [_decode(one) for one in entry["inclusion_proof"]]
    verify_inclusion(leaf, int(entry["index"]), checkpoint.size, path, checkpoint.root)
    return fields.kind


def _decode(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        raise IntegrityError("a hash in the receipt is not base64") from None
