"""Recomputes the ledger from its stored bytes and names everything that does not fit. Changes nothing, trusts one key.

1. Every leaf is recomputed from its entry's header and body, and compared with the stored one.
2. Leaves are numbered without a gap, and stand in the order in which their entries were committed.
3. The root of every prefix for which a checkpoint was stored is recomputed and compared; each signature is verified.
   All stored checkpoints being roots of prefixes of one tree, they are consistent with one another.
4. Every tile is recomputed and compared.
5. Each outcome follows its intent, once. What a header says is what its row says.
6. A checkpoint kept elsewhere (a file, a witness) must be a root of this tree too: else it was cut or rewritten.

It proves integrity, not completeness: what was never recorded leaves no trace here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wardstead.crypto.merkle import Frontier, perfect_root
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import Checkpoint, open_checkpoint
from wardstead.ledger.entry import Header, entry_leaf, minute_of
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.tiles import HEIGHT, WIDTH, tile_path

PENDING_MS = 60_000
"""An entry without a place in the tree for longer than this is a problem: the recorder is not running, or was kept from it."""
_MAX_PROBLEMS = 1000
"""Enough to see what happened; a wholly rewritten ledger would otherwise fill memory."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A row of the journal, as stored."""

    id: int
    exchange: str
    kind: str
    header: bytes
    body: bytes
    time_ms: int
    outcome: str


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """A leaf, as stored, with the entry that it names (``None`` when there is no such entry)."""

    index: int
    entry_id: int
    hash: bytes
    entry: StoredEntry | None


class LedgerSource(Protocol):
    """Read access to a stored ledger. Nothing here needs to fit in memory."""

    def leaves(self) -> Iterator[StoredLeaf]:
        """All leaves by index."""
        ...

    def unsequenced(self) -> Iterator[StoredEntry]:
        """The entries that no leaf names, by id."""
        ...

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """(the size it is stored under, the signed note), by size."""
        ...

    def tile(self, level: int, index: int) -> bytes | None:
        """One tile."""
        ...

    def tile_count(self) -> int:
        """How many tiles are stored."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not fit: a stable ``code``, where, and a sentence."""

    code: str
    where: str
    what: str


@dataclass(slots=True)
class Report:
    """What verification found. ``open`` exchanges have no outcome yet; ``pending`` entries no place in the tree."""

    entries: int = 0
    checkpoints: int = 0
    pending: int = 0
    open: int = 0
    checkpoint: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing was altered."""
        return not self.problems


def verify_ledger(
    source: LedgerSource,
    key: VerifyingKey,
    *,
    now_ms: int,
    known: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Recompute everything. ``known`` are signed checkpoints from elsewhere; ``progress`` hears how many leaves are done."""
    return _Verification(source, key, progress).run(now_ms, known)


class _Verification:
    """One pass over the leaves, with the checkpoints and the tiles beside it."""

    def __init__(self, source: LedgerSource, key: VerifyingKey, progress: Callable[[int], None] | None) -> None:
        self.source, self.key, self.progress = source, key, progress
        self.report = Report()
        self.frontier = Frontier()
        self.tiles: list[list[bytes]] = [[]]
        self.tiles_seen = 0
        self.exchanges: set[str] = set()
        self.last_entry_id = 0

    def run(self, now_ms: int, known: Sequence[str]) -> Report:
        due = sorted([*self._checkpoints(), *self._known(known)], key=lambda one: one.size)
        position = self._compare(due, 0)
        for leaf in self.source.leaves():
            self._leaf(leaf)
            position = self._compare(due, position)
            if self.progress is not None and self.frontier.size % 1000 == 0:
                self.progress(self.frontier.size)
        self.report.entries = self.frontier.size
        for checkpoint in due[position:]:
            self.problem("truncated", f"checkpoint {checkpoint.size}", f"only {self.frontier.size} leaves are left")
        self._last_tiles()
        self._remainder(self.source.unsequenced(), now_ms)
        self.report.open = len(self.exchanges)
        if self.progress is not None:
            self.progress(self.frontier.size)
        return self.report

    def problem(self, code: str, where: str, what: str) -> None:
        if len(self.report.problems) < _MAX_PROBLEMS:
            self.report.problems.append(Problem(code, where, what))

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _checkpoints(self) -> Iterator[Checkpoint]:
        for size, note in self.source.checkpoints():
            self.report.checkpoints += 1
            checkpoint = self._open(note, f"checkpoint {size}")
            if checkpoint is None:
                continue
            if checkpoint.size != size:
                self.problem("checkpoint-altered", f"checkpoint {size}", f"the note is signed for {checkpoint.size} leaves")
            self.report.checkpoint = note
            yield checkpoint
        if not self.report.checkpoints and self.source.tile_count():
            self.problem("checkpoint-missing", "checkpoints", "there is a tree and not one signed checkpoint")

    def _known(self, notes: Sequence[str]) -> Iterator[Checkpoint]:
        for note in notes:
            checkpoint = self._open(note, "known checkpoint")
            if checkpoint is not None:
                yield checkpoint

    def _open(self, note: str, where: str) -> Checkpoint | None:
        try:
            return open_checkpoint(note, self.key)
        except IntegrityError as error:
            self.problem("checkpoint-signature", where, error.what)
            return None

    def _compare(self, due: Sequence[Checkpoint], position: int) -> int:
        """Compare the checkpoints that were signed for the present size; the position of the next."""
        while position < len(due) and due[position].size <= self.frontier.size:
            checkpoint = due[position]
            if checkpoint.size == self.frontier.size and checkpoint.root != self.frontier.root():
                self.problem("rewritten", f"checkpoint {checkpoint.size}", "the tree has another root than the one signed")
            position += 1
        return position

    # -- leaves and entries ------------------------------------------------------------------------------------------

    def _leaf(self, leaf: StoredLeaf) -> None:
        where = f"leaf {leaf.index}"
        if leaf.index != self.frontier.size:
            self.problem("leaf-missing", where, f"leaf {self.frontier.size} was expected")
        if leaf.entry_id <= self.last_entry_id:
            self.problem("reordered", where, "the leaves are not in the order in which the entries were committed")
        self.last_entry_id = max(self.last_entry_id, leaf.entry_id)
        if leaf.entry is None:
            self.problem("entry-deleted", where, f"entry {leaf.entry_id} is gone")
        else:
            if entry_leaf(leaf.entry.header, leaf.entry.body) != leaf.hash:
                self.problem("entry-altered", where, f"entry {leaf.entry_id} does not hash to its leaf")
            self._entry(leaf.entry, where)
        # The stored leaf goes on into the tree, so that one altered entry does not hide whether the tree itself is whole.
        self.frontier.append(leaf.hash)
        self._grow(leaf.hash)

    def _entry(self, entry: StoredEntry, where: str) -> None:
        try:
            header = Header.decode(entry.header)
        except IntegrityError as error:
            self.problem("header-malformed", where, error.what)
            return
        stated = (header.exchange, header.kind.value, header.outcome, header.minute)
        if stated != (entry.exchange, entry.kind, entry.outcome, minute_of(entry.time_ms)):
            self.problem("row-altered", where, f"the row of entry {entry.id} says other things than its header")
        if header.kind is EntryKind.INTENT:
            self.exchanges.add(header.exchange)
        elif header.kind is EntryKind.OUTCOME:
            if header.exchange not in self.exchanges:
                self.problem("outcome-without-intent", where, f"exchange {header.exchange} has no open intent")
            self.exchanges.discard(header.exchange)

    def _remainder(self, entries: Iterable[StoredEntry], now_ms: int) -> None:
        for entry in entries:
            where = f"entry {entry.id}"
            self.report.pending += 1
            if entry.id < self.last_entry_id:
                self.problem("entry-inserted", where, "it has no leaf, and entries committed after it have")
            elif now_ms - entry.time_ms > PENDING_MS:
                self.problem("unsequenced", where, "it has had no place in the tree for more than a minute")
            self._entry(entry, where)

    # -- tiles -------------------------------------------------------------------------------------------------------

    def _grow(self, leaf: bytes) -> None:
        level, fresh = 0, leaf
        while True:
            if level == len(self.tiles):
                self.tiles.append([])
            tile = self.tiles[level]
            tile.append(fresh)
            if len(tile) < WIDTH:
                return
            self._tile(level, tile)
            self.tiles[level], fresh = [], perfect_root(tile)
            level += 1

    def _tile(self, level: int, hashes: Sequence[bytes]) -> None:
        index = ((self.frontier.size - 1) >> (HEIGHT * level)) // WIDTH
        self.tiles_seen += 1
        if self.source.tile(level, index) != b"".join(hashes):
            self.problem("tile-altered", tile_path(level, index, len(hashes)), "the stored tile is not that of the tree")

    def _last_tiles(self) -> None:
        for level, tile in enumerate(self.tiles):
            if tile:
                index = (self.frontier.size >> (HEIGHT * level)) // WIDTH
                self.tiles_seen += 1
                if self.source.tile(level, index) != b"".join(tile):
                    self.problem("tile-altered", tile_path(level, index, len(tile)), "the stored tile is not that of the tree")
        stored = self.source.tile_count()
        if stored != self.tiles_seen:
            self.problem("tile-altered", "tiles", f"{stored} tiles are stored, {self.tiles_seen} belong to the tree")
