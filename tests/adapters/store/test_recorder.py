"""The recorder: everything gets its place, only extensions are signed, nothing is left open by the dead."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import OperationalError
from tests.adapters.store.deployment import Deployment, conclude, now_ms

from wardstead.adapters.store.ledger.continuity import LedgerCut
from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.adapters.store.ledger.tree_store import TreeMoved
from wardstead.adapters.store.tables.ledger import checkpoint, entry, incarnation, leaf, tile
from wardstead.bootstrap.processes.logs import JsonLines
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.errors import BackendError, IntegrityError
from wardstead.ledger.proof import verify_receipt


def test_a_receipt_is_pending_then_complete_and_verifies(deployment: Deployment) -> None:
    journal = deployment.journal()
    exchange, seal = deployment.seal()
    assert deployment.reader.receipt(exchange) is None
    deployment.exchange(journal)
    journal.commit_intent(seal.intent(b"{}", now_ms()), directory_version=7, done=lambda _: None)
    assert conclude(journal, seal, b"{}") is None
    pending = deployment.reader.receipt(exchange)
    assert pending is not None
    assert pending["status"] == "pending"
    deployment.record()
    receipt = deployment.reader.receipt(exchange)
    assert receipt is not None
    assert receipt["status"] == "complete"
    verified = verify_receipt(receipt, deployment.ledger_key.verifying)
    assert verified is not None
    assert verified.size == 4
    journal.close()


def test_a_changed_receipt_does_not_verify(deployment: Deployment) -> None:
    journal = deployment.journal()
    exchange = deployment.exchange(journal)
    deployment.exchange(journal)
    deployment.record()
    receipt = deployment.reader.receipt(exchange)
    assert receipt is not None
    changes = [
        {"receipt": "another"},
        {"checkpoint": ""},
        {"checkpoint": receipt["checkpoint"].replace("\n4\n", "\n5\n")},
        {"entries": [{**receipt["entries"][0], "index": 1}, receipt["entries"][1]]},
        {"entries": [receipt["entries"][0]]},
        {"entries": [{**one, "body_sha256": "00" * 32} for one in receipt["entries"]]},
        {"entries": [{**one, "inclusion_proof": one["inclusion_proof"][:-1]} for one in receipt["entries"]]},
        {"entries": None},
    ]
    for change in changes:
        with pytest.raises(IntegrityError):
            verify_receipt({**receipt, **change}, deployment.ledger_key.verifying)
    with pytest.raises(IntegrityError):
        verify_receipt(receipt, SigningKey("ledger.test", bytes(range(32))).verifying)
    journal.close()


def test_many_batches_make_one_tree_that_verifies(deployment: Deployment) -> None:
    journal = deployment.journal()
    recorder = deployment.recorder()
    recorder.open()
    for count in (1, 150, 3, 120):
        for _ in range(count):
            deployment.exchange(journal)
        recorder.step()
    recorder.close()
    journal.close()
    steps: list[int] = []
    report = deployment.reader.verify(clock=now_ms, known=deployment.known(), progress=steps.append)
    assert report.problems == []
    assert (report.entries, report.checkpoints, report.pending, report.open) == (548, 4, 0, 0)
    assert steps[-1] == 548


def test_it_runs_until_it_is_told_to_stop(deployment: Deployment) -> None:
    journal = deployment.journal()
    exchange = deployment.exchange(journal)
    stop = threading.Event()
    recorder = deployment.recorder()
    thread = threading.Thread(target=recorder.run, args=(stop,), kwargs={"interval_s": 0.01})
    thread.start()
    receipt = None
    for _ in range(500):
        receipt = deployment.reader.receipt(exchange)
        if receipt and receipt["status"] == "complete":
            break
        threading.Event().wait(0.01)
    stop.set()
    thread.join(10)
    assert receipt is not None
    assert receipt["status"] == "complete"
    assert deployment.verify() == []
    journal.close()


def test_what_was_written_until_it_was_told_to_stop_is_in_the_tree(deployment: Deployment) -> None:
    journal = deployment.journal()
    written = []

    class ToldWhileItWaits:
        def wait(self, timeout: float | None = None) -> bool:
            written.append(deployment.exchange(journal))
            return True

    deployment.recorder().run(ToldWhileItWaits())
    journal.close()
    assert [(deployment.reader.receipt(exchange) or {})["status"] for exchange in written] == ["complete"]


def test_there_is_one_recorder(deployment: Deployment) -> None:
    recorder = deployment.recorder()
    with pytest.raises(BackendError):
        deployment.recorder()
    recorder.close()
    deployment.recorder().close()


def test_a_tree_that_moved_is_not_appended_to(deployment: Deployment) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    recorder = deployment.recorder()
    recorder.open()
    with deployment.engine.begin() as connection:
        connection.execute(insert(leaf).values(idx=0, entry_id=1, hash=bytes(32)))
    deployment.exchange(journal)
    with pytest.raises(TreeMoved):
        recorder.step()
    recorder.close()
    journal.close()


def cut_last(connection: object) -> None:
    """Take the last two entries away with everything that speaks of them."""
    connection.execute(delete(leaf).where(leaf.c.idx >= 4))  # type: ignore[attr-defined]
    connection.execute(delete(entry).where(entry.c.id > 4))  # type: ignore[attr-defined]
    kept = connection.execute(select(tile.c.hashes)).scalar_one()[: 4 * 32]  # type: ignore[attr-defined]
    connection.execute(update(tile).values(hashes=kept))  # type: ignore[attr-defined]


@pytest.mark.parametrize("with_checkpoint", [False, True])
def test_a_ledger_that_was_cut_is_not_started(deployment: Deployment, with_checkpoint: bool) -> None:
    journal = deployment.journal()
    for _ in range(3):
        deployment.exchange(journal)
    journal.close()
    deployment.record()
    with deployment.engine.begin() as connection:
        cut_last(connection)
        if with_checkpoint:  # then the copy beside the database remembers
            connection.execute(delete(checkpoint))
    recorder = deployment.recorder()
    with pytest.raises(LedgerCut):
        recorder.run(threading.Event())


def test_a_rewritten_tree_is_not_extended(deployment: Deployment) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    deployment.record()
    with deployment.engine.begin() as connection:
        connection.execute(update(tile).values(hashes=bytes(64)))
    recorder = deployment.recorder()
    with pytest.raises(LedgerCut):
        recorder.open()
    journal.close()


def test_what_was_committed_and_not_signed_is_signed_after_a_restart(deployment: Deployment) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    recorder = deployment.recorder()
    recorder.open()
    assert recorder._sequence()
    recorder._election.resign()
    assert deployment.verify(known=False) == ["checkpoint-missing"]
    deployment.record()
    assert deployment.verify() == []
    journal.close()


def test_the_intents_of_a_dead_worker_end_as_unknown_and_those_of_a_living_one_stay_open(deployment: Deployment) -> None:
    living, dying = deployment.journal("living"), deployment.journal("dying")
    open_one = deployment.exchange(living, finish=False)
    finished = deployment.exchange(dying)
    orphan = deployment.exchange(dying, finish=False)
    dying.close()
    deployment.record()
    deployment.record()
    outcomes = {one.id: one.outcome for one in deployment.reader.recent()}
    assert outcomes == {open_one: "", finished: "answered", orphan: "unknown"}
    assert deployment.verify() == []
    assert not (deployment.folder / "run" / "workers" / "dying.lock").exists()
    with deployment.engine.connect() as connection:
        assert list(connection.execute(select(incarnation.c.id)).scalars()) == ["living"]
    living.close()


def test_orphans_are_found_when_the_run_folder_is_gone(deployment: Deployment) -> None:
    journal = deployment.journal()
    orphan = deployment.exchange(journal, finish=False)
    journal.close()
    Path(deployment.folder / "run" / "workers" / "worker-1.lock").unlink(missing_ok=True)
    deployment.record()
    assert {one.id: one.outcome for one in deployment.reader.recent()} == {orphan: "unknown"}


@pytest.mark.sqlite
def test_the_write_ahead_log_is_moved_by_the_recorder_alone(deployment: Deployment) -> None:
    journal = deployment.journal(reserve=deployment.reserve(4 * 1024 * 1024))
    log = deployment.folder / "state" / "wardstead.db-wal"
    for _ in range(3):
        _, seal = deployment.seal()
        answer = threading.Event()
        journal.commit_intent(seal.intent(bytes(3_000_000), now_ms()), directory_version=7, done=lambda _, a=answer: a.set())
        answer.wait(10)
    assert log.stat().st_size > 9_000_000
    before = (deployment.folder / "state" / "wardstead.db").stat().st_size
    deployment.record()
    assert (deployment.folder / "state" / "wardstead.db").stat().st_size > before + 8_000_000
    journal.close()


def test_a_warning_says_why(deployment: Deployment, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = deployment.journal("dying")
    deployment.exchange(journal, finish=False)
    journal.close()
    steps = iter([OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error"))])
    step = Recorder.step

    def failing_once(recorder: Recorder) -> None:
        for error in steps:
            raise error
        step(recorder)

    monkeypatch.setattr(Recorder, "step", failing_once)
    stop = threading.Event()
    stop.set()
    deployment.recorder().run(stop)
    lines = [json.loads(JsonLines("recorder").format(record)) for record in caplog.records if record.levelno == logging.WARNING]
    assert [(line["message"], line.get("why"), line.get("count")) for line in lines] == [
        ("the ledger cannot be written; trying again", "disk I/O error", None),
        ("outcomes of dead workers recorded as unknown", None, 1),
    ]


class Ticks:
    """Lets a recorder step so many times."""

    def __init__(self, many: int) -> None:
        self._left = many

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        return self._left <= 0


def test_a_server_that_is_gone_while_rows_are_looked_at_is_waited_for(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = deployment.journal()
    recorder = deployment.recorder()
    gone = BackendError("the database cannot be used", why="the server was started anew")

    def failing() -> None:
        raise gone

    monkeypatch.setattr(recorder, "_keep_rows", failing)
    deployment.exchange(journal)
    recorder.run(Ticks(3), interval_s=0.0)
    journal.close()
    assert deployment.verify() == []
    deployment.recorder().close()  # the first one let go of its lock all the same


def test_a_recorder_that_was_fenced_off_and_cannot_ask_who_was_elected_goes_on(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, OperationalError("SELECT", {}, sqlite3.OperationalError("the session is lost"))])
    moved = iter([TreeMoved("another recorder has begun since")])
    step = Recorder.step

    class Election:
        def won(self) -> bool:
            answer = next(answers, True)
            if isinstance(answer, OperationalError):
                raise answer
            return answer

        def resign(self) -> None:
            pass

    def fenced_off_once(recorder: Recorder) -> None:
        for error in moved:
            raise error
        step(recorder)

    journal = deployment.journal()
    deployment.exchange(journal)
    recorder = deployment.recorder()
    monkeypatch.setattr(recorder, "_election", Election())
    monkeypatch.setattr(Recorder, "step", fenced_off_once)
    recorder.run(Ticks(3), interval_s=0.0)
    journal.close()
    assert deployment.verify() == []
