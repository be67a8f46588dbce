"""Recomputes the ledger from its stored bytes and names everything that does not fit. Changes nothing, trusts one key
and those that follow from it.

1. Every leaf is recomputed from its entry's header and body, and compared with the stored one.
2. Leaves are numbered without a gap, and stand in the order in which their entries were committed.
3. The root of every prefix for which a checkpoint was stored is recomputed and compared; each signature is verified.
   All stored checkpoints being roots of prefixes of one tree, they are consistent with one another.
4. Every tile is recomputed and compared.
5. Each outcome follows its intent, once. What a header says is what its row says.
6. Each change of the ledger's key stands where the keys say; before it the old key signed, behind it the new one alone.
7. A checkpoint kept elsewhere (a file, a witness) must be a root of this tree too: else it was cut or rewritten.

The ledger may grow meanwhile: where it ends is read first, at one moment, and verified is what there was at that moment.

It proves integrity, not completeness: what was never recorded leaves no trace here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from wardstead.crypto.merkle import HASH_SIZE, Frontier, perfect_root
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import Checkpoint, open_checkpoint
from wardstead.ledger.entry import Header, entry_leaf
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.succession import KeyRetired, LedgerKeys, keys_of, read_change
from wardstead.ledger.tiles import HEIGHT, WIDTH, count_tiles, tile_path, tile_width

PENDING_MS = 60_000
"""An entry that waits longer than this for its place in the tree is overdue: the recorder does not run, or has no room.

It is an alteration only where a checkpoint was signed that much later: the recorder takes all that there is, in order.
"""
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
    subject: str


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """A leaf, as stored, with the entry that it names (``None`` when there is no such entry)."""

    index: int
    entry_id: int
    hash: bytes
    entry: StoredEntry | None


@dataclass(frozen=True, slots=True)
class LedgerEnd:
    """Where a ledger ended, at one moment.

    ``size`` leaves, the last of them of entry ``sequenced``; entries up to ``entries``; checkpoints up to ``signed``, which
    was signed at ``signed_ms``. 0 where there is none.
    """

    size: int
    sequenced: int
    entries: int
    signed: int
    signed_ms: int


class LedgerSource(Protocol):
    """Read access to a stored ledger that may be growing. Nothing here needs to fit in memory."""

    def end(self) -> LedgerEnd:
        """Where it ends at this moment."""
        ...

    def leaves(self, end: LedgerEnd) -> Iterator[StoredLeaf]:
        """The leaves that there were, by index."""
        ...

    def unsequenced(self, end: LedgerEnd) -> Iterator[StoredEntry]:
        """The entries that no leaf named then, by id."""
        ...

    def checkpoints(self, end: LedgerEnd) -> Iterator[tuple[int, str]]:
        """(the size it is stored under, the signed note) of those that there were, by size."""
        ...

    def tile(self, level: int, index: int) -> tuple[bytes, int]:
        """One tile (empty when there is none), and the size of the tree at the moment at which it was read."""
        ...

    def tile_count(self) -> tuple[int, int]:
        """How many tiles are stored, and the size of the tree at the moment at which they were counted."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not fit: a stable ``code``, where, and a sentence."""

    code: str
    where: str
    what: str


@dataclass(slots=True)
class Report:
    """What verification found. ``open`` exchanges have no outcome yet; ``pending`` entries no place in the tree.

    ``overdue`` of them have waited for more than a minute: nothing is altered, but the recorder should be looked at.
    """

    entries: int = 0
    checkpoints: int = 0
    pending: int = 0
    overdue: int = 0
    open: int = 0
    checkpoint: str = ""
    rows_checked: bool = False
    """Whether the rows that no entry commits to were held against their seals."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing was altered."""
        return not self.problems


def verify_ledger(
    source: LedgerSource,
    trusted: VerifyingKey | LedgerKeys,
    *,
    now_ms: int,
    known: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Recompute everything. ``known`` are signed checkpoints from elsewhere; ``progress`` hears how many leaves are done."""
    return _Verification(source, keys_of(trusted), progress).run(now_ms, known)


class Kept(str):
    """A checkpoint's note that is kept somewhere, and ``place``, the name of that: what does not fit is named with it."""

    __slots__ = ("place",)
    place: str

    def __new__(cls, note: str, place: str) -> Self:
        made = super().__new__(cls, note)
        made.place = place
        return made


@dataclass(frozen=True, slots=True)
class _Due:
    """A checkpoint that the tree must have the root of when it has its size."""

    checkpoint: Checkpoint
    place: str = ""

    @property
    def where(self) -> str:
        return f"checkpoint {self.checkpoint.size}" + (f" of {self.place}" if self.place else "")


class _Verification:
    """One pass over the leaves, with the checkpoints and the tiles beside it."""

    def __init__(self, source: LedgerSource, keys: LedgerKeys, progress: Callable[[int], None] | None) -> None:
        self.source, self.keys, self.progress = source, keys, progress
        self.changes = {one.index: one for one in keys.placed}
        self.report = Report()
        self.frontier = Frontier()
        self.tiles: list[list[bytes]] = [[]]
        self.exchanges: set[str] = set()
        self.last_entry_id = 0

    def run(self, now_ms: int, known: Sequence[str]) -> Report:
        end = self.source.end()
        elsewhere = list(self._known(known))
        stored = [_Due(one) for one in self._checkpoints(end)]
        self._require_checkpoint(end, elsewhere if known else None)
        named = [_Due(Checkpoint(self.keys.name, one.size, one.root)) for one in self.keys.placed]
        due = sorted([*stored, *elsewhere, *named], key=lambda one: one.checkpoint.size)
        position = self._compare(due, 0)
        for leaf in self.source.leaves(end):
            self._leaf(leaf)
            position = self._compare(due, position)
            if self.progress is not None and self.frontier.size % 1000 == 0:
                self.progress(self.frontier.size)
        self.report.entries = self.frontier.size
        for one in due[position:]:
            self.problem("truncated", one.where, f"only {self.frontier.size} leaves are left")
        for index in self.changes:
            if index is not None and index < end.size:
                self.problem("key-change-missing", f"leaf {index}", "the keys name a change there, and there is none")
        self._last_tiles()
        self._remainder(end, now_ms)
        self.report.open = len(self.exchanges)
        if self.progress is not None:
            self.progress(self.frontier.size)
        return self.report

    def problem(self, code: str, where: str, what: str) -> None:
        if len(self.report.problems) < _MAX_PROBLEMS:
            self.report.problems.append(Problem(code, where, what))

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _checkpoints(self, end: LedgerEnd) -> Iterator[Checkpoint]:
        for size, note in self.source.checkpoints(end):
            self.report.checkpoints += 1
            checkpoint = self._open(note, f"checkpoint {size}")
            if checkpoint is None:
                continue
            if checkpoint.size != size:
                self.problem("checkpoint-altered", f"checkpoint {size}", f"the note is signed for {checkpoint.size} leaves")
            self.report.checkpoint = note
            yield checkpoint

    def _require_checkpoint(self, end: LedgerEnd, known: Sequence[_Due] | None) -> None:
        """A tree without one was signed nowhere yet, if those kept elsewhere say so; with none to ask, it is a problem."""
        signed = known is None or any(one.checkpoint.size for one in known)
        if end.size and not self.report.checkpoints and signed:
            self.problem("checkpoint-missing", "checkpoints", "there is a tree and not one signed checkpoint")

    def _known(self, notes: Sequence[str]) -> Iterator[_Due]:
        for note in notes:
            place = note.place if isinstance(note, Kept) else ""
            checkpoint = self._open(note, f"known checkpoint of {place}" if place else "known checkpoint")
            if checkpoint is not None:
                yield _Due(checkpoint, place)

    def _open(self, note: str, where: str) -> Checkpoint | None:
        try:
            return open_checkpoint(note, self.keys)
        except KeyRetired as error:
            self.problem("key-retired", where, error.what)
            return None
        except IntegrityError as error:
            self.problem("checkpoint-signature", where, error.what)
            return None

    def _compare(self, due: Sequence[_Due], position: int) -> int:
        """Compare the checkpoints that were signed for the present size; the position of the next."""
        while position < len(due) and due[position].checkpoint.size <= self.frontier.size:
            checkpoint = due[position].checkpoint
            if checkpoint.size == self.frontier.size and checkpoint.root != self.frontier.root():
                self.problem("rewritten", due[position].where, "the tree has another root than the one signed")
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
            self._key_entry(leaf.entry, leaf.index, where)
        # The stored leaf goes on into the tree, so that one altered entry does not hide whether the tree itself is whole.
        self.frontier.append(leaf.hash)
        self._grow(leaf.hash)

    def _entry(self, entry: StoredEntry, where: str) -> None:
        try:
            header = Header.decode(entry.header)
        except IntegrityError as error:
            self.problem("header-malformed", where, error.what)
            return
        if not header.fits(entry.exchange, entry.kind, entry.outcome, entry.subject, entry.time_ms):
            self.problem("row-altered", where, f"the row of entry {entry.id} says other things than its header")
        if header.kind is EntryKind.INTENT:
            self.exchanges.add(header.exchange)
        elif header.kind is EntryKind.OUTCOME:
            if header.exchange not in self.exchanges:
                self.problem("outcome-without-intent", where, f"exchange {header.exchange} has no open intent")
            self.exchanges.discard(header.exchange)

    def _key_entry(self, entry: StoredEntry, index: int, where: str) -> None:
        change = self.changes.pop(index, None)
        if entry.kind != EntryKind.KEY.value and change is None:
            return
        try:
            said = read_change(entry.body)
        except IntegrityError as error:
            self.problem("key-change-forged", where, error.what)
            return
        if change is None or said != change.at(None):
            self.problem("key-change-forged", where, "it is none of the changes of the key that follow from the first one")

    def _remainder(self, end: LedgerEnd, now_ms: int) -> None:
        for entry in self.source.unsequenced(end):
            where = f"entry {entry.id}"
            self.report.pending += 1
            self.report.overdue += now_ms - entry.time_ms > PENDING_MS
            if entry.id < self.last_entry_id:
                self.problem("entry-inserted", where, "it has no leaf, and entries committed after it have")
            elif end.signed_ms - entry.time_ms > PENDING_MS:
                self.problem("unsequenced", where, "a checkpoint was signed more than a minute after it, and does not cover it")
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
        """Compare a tile with the stored one, which may have grown since: then ours is what it begins with."""
        index = ((self.frontier.size - 1) >> (HEIGHT * level)) // WIDTH
        found, size = self.source.tile(level, index)
        if len(found) != HASH_SIZE * tile_width(level, index, size) or not found.startswith(b"".join(hashes)):
            self.problem("tile-altered", tile_path(level, index, len(hashes)), "the stored tile is not that of the tree")

    def _last_tiles(self) -> None:
        for level, tile in enumerate(self.tiles):
            if tile:
                self._tile(level, tile)
        stored, size = self.source.tile_count()
        if stored != count_tiles(size):
            self.problem("tile-altered", "tiles", f"{stored} tiles are stored, {count_tiles(size)} belong to the tree")
