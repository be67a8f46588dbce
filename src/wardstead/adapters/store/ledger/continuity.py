"""Whether a ledger still extends every checkpoint that is known to have been signed. Asked before anything is started.

The newest of them is kept three times: in the database, beside it, and among the keys. Whoever can write the ``state`` folder
can take the first two away, and whatever they speak of; the third says what the ledger must extend all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.store.base import explain, place
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.ledger.ledger_keys import StoredKeys
from wardstead.adapters.store.ledger.tree_store import latest_note, tile_reader, tree_end
from wardstead.crypto.merkle import Node, consistency_proof, tree_root, verify_consistency
from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import Checkpoint, nothing_of, open_checkpoint
from wardstead.ledger.succession import LedgerKeys
from wardstead.ledger.tiles import node_from

_ADVICE = (
    "restore the newest backup of the whole state folder, and compare with a witness; to go on from an older one knowingly, "
    "copy its state/checkpoint over keys/ledger/checkpoint"
)
_WITHOUT_LEDGER = "0001_directory"
_WITHOUT_SIGNED = {_WITHOUT_LEDGER, "0002_ledger", "0003_sign_in"}
"""The revisions of databases under which no checkpoint was kept among the keys."""


class LedgerCut(IntegrityError):
    """The ledger is shorter than, or another than, a checkpoint that was signed."""

    code = "ledger_cut"


def read_copy(path: Path) -> str | None:
    """A checkpoint kept in a file; ``None`` where there is none. What is no text is no checkpoint."""
    return path.read_bytes().decode("utf-8", "replace") if path.exists() else None


def read_signed(path: Path) -> str:
    """The checkpoint kept among the keys. Raises ``IntegrityError`` when it is gone: then anything could pass for the ledger."""
    note = read_copy(path)
    if note is None:
        raise IntegrityError(
            "the checkpoint that is kept among the keys is gone", where=str(path),
            why="without it nobody can tell whether the ledger is the one that was signed",
            next_step="restore it from a backup; after 'ledger verify --checkpoint', state/checkpoint can take its place",
        )  # fmt: skip
    return note


def keep_signed(path: Path, note: str) -> None:
    """Keep a checkpoint among the keys, in a folder that its owner alone can enter."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_durably(path, [note.encode()])


def begin_signed(path: Path, key: SigningKey) -> None:
    """Note among the keys of a new ledger that nothing has been signed yet; whatever is noted already stays."""
    if not path.exists():
        keep_signed(path, key.sign_note(nothing_of(key.verifying.name).text()))


def extends(size: int, node: Node, notes: Sequence[str], keys: VerifyingKey | LedgerKeys) -> Checkpoint:
    """The newest of ``notes``, which a tree of ``size`` must all extend. Raises ``LedgerCut`` and ``IntegrityError``."""
    try:
        known = [open_checkpoint(note, keys) for note in notes]
    except IntegrityError as error:
        raise IntegrityError(
            "a checkpoint of this ledger is not what was signed", why=error.what, next_step=_ADVICE,
            where="state/checkpoint, keys/ledger/checkpoint, or the database",
        ) from None  # fmt: skip
    for checkpoint in known:
        _hold_against(size, node, checkpoint)
    return max(known, key=lambda one: one.size, default=nothing_of(keys.name))


def _hold_against(size: int, node: Node, checkpoint: Checkpoint) -> None:
    if checkpoint.size > size:
        what = f"the ledger has {size} entries, a checkpoint was signed for {checkpoint.size}"
        raise LedgerCut(what, why="it was cut, or restored from an older copy", next_step=_ADVICE)
    try:
        proof = consistency_proof(checkpoint.size, size, node)
        verify_consistency(checkpoint.size, size, proof, checkpoint.root, tree_root(size, node))
    except IntegrityError as error:
        raise LedgerCut("the ledger does not extend a signed checkpoint", why=error.what, next_step=_ADVICE) from None


def require_continuity(
    engine: Engine, first: VerifyingKey, signing: Callable[[], SigningKey], *, copy: Path, signed: Path
) -> None:
    """Raises ``IntegrityError`` when the database is none of ours, or its ledger does not extend what was signed.

    ``first``: the ledger's first key; ``signing`` opens it. ``copy`` lies beside the database, ``signed`` among the keys. A
    database of a version that kept none there is believed once, and what it extends is kept from then on.
    """
    try:
        with engine.connect() as connection:
            revision = _revision(connection)
            if revision is None:
                raise IntegrityError("the database is empty", where=place(engine), next_step=_ADVICE)
            older = revision in _WITHOUT_SIGNED and not signed.exists()
            notes = [note for note in (read_copy(copy), None if older else read_signed(signed)) if note is not None]
            ledger = revision != _WITHOUT_LEDGER
            keys = StoredKeys(first).of(connection) if ledger else LedgerKeys(first)
            newest = _held(connection, notes, keys, ledger=ledger)
    except DatabaseError as error:
        raise explain(error) from None
    if older:
        keep_signed(signed, signing().sign_note(newest.text()))


def _revision(connection: Connection) -> str | None:
    """Which migration the database is at; ``None`` for one that is none of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _held(connection: Connection, notes: Sequence[str], keys: LedgerKeys, *, ledger: bool) -> Checkpoint:
    """The newest checkpoint, held against the database's tree; one without ``ledger`` is older than its tables."""
    if not ledger:
        return extends(0, node_from(lambda _level, _index: b""), notes, keys)
    stored = latest_note(connection)
    known = [*notes, stored] if stored is not None else notes
    return extends(tree_end(connection).size, node_from(tile_reader(connection)), known, keys)
