"""Whether a ledger still extends every checkpoint that is known to have been signed. Asked before anything is started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, inspect

from wardstead.adapters.store.tree_store import latest_note, tile_reader, tree_end
from wardstead.crypto.merkle import Node, consistency_proof, tree_root, verify_consistency
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import Checkpoint, open_checkpoint
from wardstead.ledger.tiles import node_from

_ADVICE = "restore the whole state folder from one backup, and compare with a witness"


class LedgerCut(IntegrityError):
    """The ledger is shorter than, or another than, a checkpoint that was signed."""

    code = "ledger_cut"


def read_copy(path: Path) -> str | None:
    """The checkpoint kept beside the database; ``None`` where there is none yet. What is no text is no checkpoint."""
    return path.read_bytes().decode("utf-8", "replace") if path.exists() else None


def extends(size: int, node: Node, notes: Sequence[str], key: VerifyingKey) -> Checkpoint | None:
    """The newest of ``notes``, which a tree of ``size`` must all extend. Raises ``LedgerCut`` and ``IntegrityError``."""
    try:
        known = [open_checkpoint(note, key) for note in notes]
    except IntegrityError as error:
        raise IntegrityError(
            "a checkpoint of this ledger is not what was signed", where="state/checkpoint, or the database", why=error.what,
            next_step=_ADVICE,
        ) from None  # fmt: skip
    for checkpoint in known:
        _hold_against(size, node, checkpoint)
    return max(known, key=lambda one: one.size, default=None)


def _hold_against(size: int, node: Node, checkpoint: Checkpoint) -> None:
    if checkpoint.size > size:
        what = f"the ledger has {size} entries, a checkpoint was signed for {checkpoint.size}"
        raise LedgerCut(what, why="it was cut, or restored from an older copy", next_step=_ADVICE)
    try:
        proof = consistency_proof(checkpoint.size, size, node)
        verify_consistency(checkpoint.size, size, proof, checkpoint.root, tree_root(size, node))
    except IntegrityError as error:
        raise LedgerCut("the ledger does not extend a signed checkpoint", why=error.what, next_step=_ADVICE) from None


def require_continuity(engine: Engine, key: VerifyingKey, copy: Path) -> None:
    """Raises ``IntegrityError`` when the database is none of ours, or its ledger does not extend what was signed."""
    if not inspect(engine).has_table("alembic_version"):
        raise IntegrityError("the database is empty", where=str(engine.url.database), next_step=_ADVICE)
    with engine.connect() as connection:
        if not inspect(connection).has_table("checkpoint"):
            return  # older than the ledger's tables
        notes = [note for note in (latest_note(connection), read_copy(copy)) if note is not None]
        extends(tree_end(connection).size, node_from(tile_reader(connection)), notes, key)
