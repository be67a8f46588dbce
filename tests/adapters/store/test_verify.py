"""Each kind of alteration of a stored ledger is named by verification."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from tests.adapters.store.deployment import Deployment, commit, conclude, now_ms, unguarded

from wardstead.adapters.store.ledger.continuity import begin_signed
from wardstead.adapters.store.ledger.journal import OUTCOME_ROOM_BYTES
from wardstead.adapters.store.ledger.ledger_reader import StoredLedger
from wardstead.adapters.store.tables.ledger import checkpoint, entry, leaf, tile
from wardstead.crypto.merkle import EMPTY_ROOT
from wardstead.crypto.signing import SigningKey
from wardstead.ledger.checkpoint import Checkpoint
from wardstead.ledger.entry import Header, entry_leaf
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.verify import PENDING_MS


@pytest.fixture
def signed(deployment: Deployment) -> Deployment:
    """Three exchanges, sequenced and signed one by one; the last not finished."""
    journal = deployment.journal()
    for finish in (True, True, False):
        deployment.exchange(journal, finish=finish)
        deployment.record()
    yield deployment
    journal.close()


def forged_entry(connection: Connection, **changes: object) -> None:
    """An entry that nobody wrote, shaped like the first."""
    row = dict(connection.execute(select(entry).where(entry.c.id == 1)).mappings().one())
    del row["id"]
    row["exchange"] = "forged"
    row["header"] = row["header"].replace(row.get("exchange", "").encode(), b"forged")
    connection.execute(insert(entry).values({**row, **changes}))


def delete_entry(connection: Connection) -> None:
    connection.execute(delete(entry).where(entry.c.id == 2))


def edit_body(connection: Connection) -> None:
    connection.execute(update(entry).where(entry.c.id == 2).values(body=b"edited"))


def edit_header(connection: Connection) -> None:
    connection.execute(update(entry).where(entry.c.id == 2).values(header=b"{}"))


def edit_body_and_leaf(connection: Connection) -> None:
    header = connection.execute(select(entry.c.header).where(entry.c.id == 2)).scalar_one()
    connection.execute(update(entry).where(entry.c.id == 2).values(body=b"edited"))
    connection.execute(update(leaf).where(leaf.c.entry_id == 2).values(hash=entry_leaf(header, b"edited")))


def edit_outcome_column(connection: Connection) -> None:
    connection.execute(update(entry).where(entry.c.id == 2).values(outcome="blocked"))


def edit_time(connection: Connection) -> None:
    connection.execute(update(entry).where(entry.c.id == 2).values(time_ms=entry.c.time_ms - 86_400_000))


def edit_time_within_its_minute(connection: Connection) -> None:
    moved = entry.c.time_ms / 60_000 * 60_000 + (entry.c.time_ms + 1) % 60_000
    connection.execute(update(entry).where(entry.c.id == 2).values(time_ms=moved))


def edit_subject(connection: Connection) -> None:
    connection.execute(update(entry).where(entry.c.id == 2).values(subject="somebody-else"))


def empty_subject(connection: Connection) -> None:
    connection.execute(update(entry).where(entry.c.id == 2).values(subject=""))


def move_exchange(connection: Connection) -> None:
    connection.execute(update(entry).where(entry.c.id == 2).values(exchange="another"))


def reorder(connection: Connection) -> None:
    rows = {row.idx: row for row in connection.execute(select(leaf))}
    connection.execute(delete(leaf))
    for index, source in enumerate((0, 2, 1, 3, 4)):
        connection.execute(insert(leaf).values(idx=index, entry_id=rows[source].entry_id, hash=rows[source].hash))


def delete_leaf(connection: Connection) -> None:
    connection.execute(delete(leaf).where(leaf.c.idx == 2))


def truncate(connection: Connection) -> None:
    connection.execute(delete(leaf).where(leaf.c.idx >= 3))
    connection.execute(delete(entry).where(entry.c.id > 3))


def truncate_with_checkpoints(connection: Connection) -> None:
    truncate(connection)
    connection.execute(delete(checkpoint).where(checkpoint.c.size > 3))


def insert_behind(connection: Connection) -> None:
    connection.execute(delete(leaf).where(leaf.c.idx == 4))
    connection.execute(update(entry).where(entry.c.id == 5).values(id=9))
    connection.execute(insert(leaf).values(idx=4, entry_id=9, hash=bytes(32)))
    forged_entry(connection, id=6)


def leave_unsequenced(connection: Connection) -> None:
    old = now_ms() - PENDING_MS - 60_000
    header = Header(EntryKind.ADMIN, "old", old // 60_000).encode()  # type: ignore[arg-type]
    row = {"exchange": "old", "kind": "admin", "header": header, "body": b"", "subject": "x", "time_ms": old, "outcome": ""}
    connection.execute(insert(entry).values(row))


def outcome_without_intent(connection: Connection) -> None:
    header = Header(EntryKind.OUTCOME, "none", now_ms() // 60_000, outcome="answered").encode()  # type: ignore[arg-type]
    row = {"exchange": "none", "kind": "outcome", "header": header, "body": b"", "subject": "x"}
    connection.execute(insert(entry).values({**row, "time_ms": now_ms(), "outcome": "answered"}))


def edit_tile(connection: Connection) -> None:
    connection.execute(update(tile).values(hashes=bytes(5 * 32)))


def delete_tile(connection: Connection) -> None:
    connection.execute(delete(tile))


def add_tile(connection: Connection) -> None:
    connection.execute(insert(tile).values(level=3, idx=0, hashes=bytes(32)))


def edit_checkpoint(connection: Connection) -> None:
    note = connection.execute(select(checkpoint.c.note).where(checkpoint.c.size == 2)).scalar_one()
    connection.execute(update(checkpoint).where(checkpoint.c.size == 2).values(note=note.replace("\n2\n", "\n3\n")))


def swap_checkpoints(connection: Connection) -> None:
    note = connection.execute(select(checkpoint.c.note).where(checkpoint.c.size == 2)).scalar_one()
    connection.execute(update(checkpoint).where(checkpoint.c.size == 4).values(note=note))


def delete_checkpoints(connection: Connection) -> None:
    connection.execute(delete(checkpoint))


MATRIX: list[tuple[Callable[[Connection], None], str]] = [
    (delete_entry, "entry-deleted"),
    (edit_body, "entry-altered"),
    (edit_header, "header-malformed"),
    (edit_body_and_leaf, "rewritten"),
    (edit_outcome_column, "row-altered"),
    (edit_time, "row-altered"),
    (edit_time_within_its_minute, "row-altered"),
    (edit_subject, "row-altered"),
    (empty_subject, "row-altered"),
    (move_exchange, "row-altered"),
    (reorder, "reordered"),
    (delete_leaf, "leaf-missing"),
    (truncate, "truncated"),
    (truncate_with_checkpoints, "truncated"),
    (insert_behind, "entry-inserted"),
    (leave_unsequenced, "unsequenced"),
    (outcome_without_intent, "outcome-without-intent"),
    (edit_tile, "tile-altered"),
    (delete_tile, "tile-altered"),
    (add_tile, "tile-altered"),
    (edit_checkpoint, "checkpoint-signature"),
    (swap_checkpoints, "checkpoint-altered"),
    (delete_checkpoints, "checkpoint-missing"),
]


@pytest.mark.parametrize(("alter", "code"), MATRIX, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_alteration_is_named(signed: Deployment, alter: Callable[[Connection], None], code: str) -> None:
    assert signed.verify() == []
    with unguarded(signed.engine) as connection:
        alter(connection)
    assert code in signed.verify()


def test_a_wholly_rewritten_ledger_is_seen_by_who_holds_an_earlier_checkpoint(signed: Deployment) -> None:
    held = signed.known()
    with signed.engine.begin() as connection:
        for table in (leaf, tile, checkpoint):
            connection.execute(delete(table))
        connection.execute(update(entry).where(entry.c.id == 1).values(body=b"rewritten"))
    (signed.folder / "state" / "checkpoint").unlink()
    signed.signed.unlink()  # by whoever holds the keys
    begin_signed(signed.signed, signed.ledger_key)
    signed.record()
    assert signed.verify() == []
    report = signed.reader.verify(clock=now_ms, known=held)
    assert [problem.code for problem in report.problems] == ["rewritten"]


def test_a_ledger_without_entries_verifies(deployment: Deployment) -> None:
    assert deployment.verify(known=False) == []


@pytest.mark.parametrize("grown", ["end", "checkpoints", "leaves", "unsequenced", "tile", "tile_count"])
def test_a_ledger_that_grows_while_it_is_verified_is_not_altered(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, grown: str
) -> None:
    """Around each of its readings: an open exchange ends, others come, and everything is sequenced and signed."""
    journal = deployment.journal()
    recorder = deployment.recorder()
    recorder.open()
    for _ in range(130):
        deployment.exchange(journal)
    recorder.step()
    _, seal = deployment.seal()
    assert commit(journal, seal, b"{}") is None
    concluded = []

    def grow() -> None:
        if not concluded:
            concluded.append(conclude(journal, seal, b"{}"))
        for _ in range(3):
            deployment.exchange(journal)
        recorder.step()
        deployment.exchange(journal, finish=False)

    reading = getattr(StoredLedger, grown)

    def read(source: StoredLedger, *arguments: object) -> object:
        grow()
        found = reading(source, *arguments)
        grow()
        return found

    monkeypatch.setattr(StoredLedger, grown, read)
    report = deployment.reader.verify(clock=now_ms, known=[])
    assert report.problems == []
    assert report.pending >= 1
    recorder.close()
    journal.close()


@contextmanager
def running(deployment: Deployment) -> Iterator[None]:
    """Four who write as fast as they can, and the recorder."""
    journal = deployment.journal(reserve=deployment.reserve(64 * OUTCOME_ROOM_BYTES))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            deployment.exchange(journal)

    recorder = deployment.recorder()
    threads = [threading.Thread(target=write) for _ in range(4)]
    threads.append(threading.Thread(target=recorder.run, args=(stop,), kwargs={"interval_s": 0.02}))
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()
    journal.close()


def test_a_running_ledger_is_never_said_to_be_altered(deployment: Deployment) -> None:
    with running(deployment):
        reports = []
        while len(reports) < 25 or reports[-1].entries < 600:
            reports.append(deployment.reader.verify(clock=now_ms))
    # Until the first is signed there is none to be found.
    assert [report.problems for report in reports if report.checkpoints and report.problems] == []
    assert deployment.verify() == []


def test_an_entry_that_waits_is_overdue_and_not_altered(deployment: Deployment) -> None:
    """Between ``init`` and the first start, or while the disk is full, nothing is sequenced."""
    journal = deployment.journal()
    deployment.exchange(journal)
    report = deployment.reader.verify(clock=lambda: now_ms() + 2 * PENDING_MS)
    assert (report.ok, report.pending, report.overdue) == (True, 2, 2)
    assert deployment.reader.verify(clock=now_ms).overdue == 0
    journal.close()


def test_a_tree_that_is_not_signed_yet_is_not_altered_where_nothing_was_signed_elsewhere(deployment: Deployment) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    recorder = deployment.recorder()
    recorder.open()
    assert recorder._sequence()
    recorder._election.resign()
    nothing = SigningKey("ledger.test", bytes(32)).sign_note(Checkpoint("ledger.test", 0, EMPTY_ROOT).text())
    assert deployment.reader.verify(clock=now_ms, known=[nothing]).problems == []
    assert deployment.verify(known=False) == ["checkpoint-missing"]
    journal.close()
