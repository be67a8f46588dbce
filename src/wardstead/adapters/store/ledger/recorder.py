"""The recorder: gives entries their place in the tree, signs checkpoints, and cleans up after workers that died.

One for a database, elected (``election``). It signs after the commit, and only what extends what it signed before; a ledger
shorter than a checkpoint that it knows of (stored in the database, copied beside it, or kept among the keys) makes it refuse
to start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import why
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.engine.reserve import Reserve
from wardstead.adapters.store.engine.write_ahead_log import log_of
from wardstead.adapters.store.ledger.continuity import extends, keep_signed, read_copy, read_signed
from wardstead.adapters.store.ledger.election import election_of
from wardstead.adapters.store.ledger.ledger_keys import SigningKeys, forget_replaced
from wardstead.adapters.store.ledger.lives import lives_of
from wardstead.adapters.store.ledger.orphans import recover_orphans
from wardstead.adapters.store.ledger.tree_store import (
    TreeEnd,
    TreeMoved,
    grow,
    keep_right_edge,
    latest_note,
    next_growth,
    next_token,
    store_note,
    tile_reader,
    tree_end,
)
from wardstead.adapters.store.transactions import write_transaction
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import BackendError
from wardstead.ledger.checkpoint import CheckpointSigner, nothing_of, open_checkpoint
from wardstead.ledger.tiles import TileId, node_from

_log = logging.getLogger("wardstead.recorder")
_COPY_EVERY_S = 1.0
_ORPHANS_EVERY_S = 1.0
_MOVE_EVERY_S = 5.0
_PRUNE_EVERY_S = 3600.0
_MOVE_EVERY_ENTRIES = 2000


class StopEvent(Protocol):
    """``threading.Event`` and ``multiprocessing.Event`` both are one."""

    def wait(self, timeout: float | None = None, /) -> bool:
        """Whether it is time to stop, after waiting at most ``timeout`` seconds."""
        ...


class Recorder:
    """Sequences, signs, recovers. ``run`` until told to stop; ``step`` once, for whoever has no need of a loop."""

    def __init__(
        self,
        engine: Engine,
        keys: SigningKeys,
        *,
        state_dir: Path,
        signed: Path,
        run_dir: Path,
        reserve: Reserve,
        clock: Clock,
        monotonic_s: Callable[[], float],
        prune: Callable[[], int] = int,
        keep_rows: Callable[[], object] = int,
    ) -> None:
        """``prune`` forgets what is remembered longer than it should be; how much that was.

        ``keep_rows`` keeps among the keys how far the seals of rows have come.

        ``state_dir`` holds the database and a copy of the newest checkpoint, ``run_dir`` the locks.

        ``signed``: where the newest checkpoint is kept among the keys (``continuity``).
        """
        self._engine, self._keys, self._reserve, self._clock, self._now_s = engine, keys, reserve, clock, monotonic_s
        self._prune, self._keep_rows = prune, keep_rows
        self._copy, self._signed, self._run_dir = state_dir / "checkpoint", signed, run_dir
        self._election = election_of(engine, run_dir)
        self._lives, self._log = lives_of(engine, run_dir), log_of(engine)
        self._turn = Turn(run_dir / "ledger.turn")
        self._kept: dict[TileId, bytes] = {}
        self._end = TreeEnd(0, 0)
        self._token = 0
        self._signer = CheckpointSigner(nothing_of(""))
        self._uncopied: str | None = None
        self._due_s: dict[str, float] = {}
        self._unmoved = 0

    def run(self, stop: StopEvent, *, interval_s: float = 0.2) -> None:
        """Open the ledger, step until ``stop``, then once more: whoever wrote until now finds it all in the tree.

        Raises ``IntegrityError`` when the ledger is not what was signed.

        A disk or a database that refuses is waited for; a tree that was altered is not.
        """
        opened = stopping = False
        while True:
            try:
                if not self._election.won():
                    opened = False
                else:
                    if not opened:
                        self.open()
                        opened = True
                    self.step()
            except (DatabaseError, BackendError, OSError) as error:
                _log.warning("the ledger cannot be written; trying again", extra={"fields": {"why": _cause(error)}})
                self._engine.dispose()
                opened = False
            except TreeMoved:
                if self._elected():
                    raise
                opened = False  # another was elected meanwhile, and this one has written nothing since
            if stopping:
                break
            stopping = stop.wait(interval_s)
        self.close()

    def open(self) -> None:
        """Read where the tree ends, and hold it against every checkpoint known here. Raises ``LedgerCut``."""
        with write_transaction(self._engine, self._turn) as connection:
            self._token = next_token(connection)
        with self._engine.connect() as connection:
            self._kept.clear()
            self._end = tree_end(connection)
            stored = latest_note(connection)
            notes = [note for note in (stored, read_copy(self._copy), read_signed(self._signed)) if note is not None]
            node = node_from(tile_reader(connection, self._kept))
            keys = self._keys.verifying(connection)
            newest = extends(self._end.size, node, notes, keys)
        self._signer = CheckpointSigner(newest)
        keep_right_edge(self._kept, self._end.size)
        if stored and open_checkpoint(stored, keys).size == newest.size:
            self._uncopied = stored

    # -- one step ----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Sequence and sign what is new; from time to time recover orphans, copy the checkpoint, move the log over.

        While the reserve is overboard its space belongs to outcomes that are owed, so nothing else is written.
        """
        if not self._reserve.restore():
            return
        while self._sequence():
            pass
        self._sign()
        if self._due("orphans", _ORPHANS_EVERY_S):
            recovered = recover_orphans(self._engine, self._lives, self._turn, self._clock)
            if recovered:
                _log.warning("outcomes of dead workers recorded as unknown", extra={"fields": {"count": recovered}})
        if self._due("copy", _COPY_EVERY_S):
            self._copy_checkpoint()
            self._keep_rows()
        if self._due("prune", _PRUNE_EVERY_S):
            self._prune()
        if self._unmoved >= _MOVE_EVERY_ENTRIES or (self._unmoved and self._due("move", _MOVE_EVERY_S)):
            self._unmoved = 0
            self._log.move(self._turn)

    def close(self) -> None:
        """Keep the newest checkpoint, and let another recorder start."""
        with suppress(OSError, BackendError):  # a full disk, a server that is gone: the next start copies what the database holds
            self._copy_checkpoint()
            self._keep_rows()
        self._turn.close()
        self._election.resign()

    def _elected(self) -> bool:
        """Still. Where the database cannot be asked, nobody knows."""
        try:
            return self._election.won()
        except DatabaseError:
            return False

    def _sequence(self) -> bool:
        """Whether there was anything to sequence."""
        with self._engine.connect() as connection:
            growth = next_growth(connection, self._end, self._kept)
        if growth is None:
            return False
        # Made durable by the checkpoint's own commit. Were it lost before, the same leaves would be made again: an entry's
        # place follows from the entries before it alone.
        with write_transaction(self._engine, self._turn, durable=False) as connection:
            grow(connection, growth, self._token)
        self._end = growth.after
        self._kept |= growth.tiles
        self._unmoved += len(growth.leaves)
        return True

    def _sign(self) -> None:
        """Sign the committed tree, if it grew."""
        if self._end.size == self._signer.last.size:
            return
        size = self._end.size
        with self._engine.connect() as connection:
            # The entry of a change of the key is in the tree or not: that alone says which key signs it.
            key = self._keys.signing(connection, size)
            note = self._signer.sign(key, size, node_from(tile_reader(connection, self._kept)))
        with write_transaction(self._engine, self._turn) as connection:
            store_note(connection, size, note, self._clock(), self._token)
            forget_replaced(connection, size)
        keep_right_edge(self._kept, self._end.size)
        self._uncopied = note

    def _copy_checkpoint(self) -> None:
        if self._uncopied is not None:
            keep_signed(self._signed, self._uncopied)
            write_durably(self._copy, [self._uncopied.encode()])
            self._uncopied = None

    def _due(self, task: str, every_s: float) -> bool:
        now_s = self._now_s()
        if now_s < self._due_s.get(task, float("-inf")):
            return False
        self._due_s[task] = now_s + every_s
        return True


def _cause(error: DatabaseError | BackendError | OSError) -> str:
    return why(error) if isinstance(error, DatabaseError) else str(error)
