"""A deployment whose ledger was altered does not look fine."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from wardstead.adapters.store.base import reading_engine
from wardstead.adapters.store.engine.reserve import Reserve
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.ledger import verifying
from wardstead.bootstrap.ledger.verifying import Result, keep_verifying, verified, verified_check, verify_now
from wardstead.bootstrap.processes import condition
from wardstead.console import road
from wardstead.isolation.posture import Check, State
from wardstead.kernel.errors import BackendError
from wardstead.ledger.verify import Report


def test_the_posture_says_what_the_last_verification_found(deployment: Deployment) -> None:
    assert verified_check(deployment).state is State.AMBER
    verify_now(deployment)
    assert verified_check(deployment).state is State.GREEN
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(text("UPDATE entry SET subject = 'somebody else' WHERE id = 1"))
    assert verify_now(deployment).ok is False
    check = verified_check(deployment)
    assert check.state is State.RED
    assert "row-altered" in check.evidence


def test_a_result_that_cannot_be_read_is_none(deployment: Deployment) -> None:
    for junk in (b"", b"[]", b"{}", b"\xff", b'{"ok": true}'):
        (deployment.places.signed.parent / "verified.json").write_bytes(junk)
        assert verified_check(deployment).state is State.AMBER


def test_it_goes_on_until_it_is_told_to_stop(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    seen: list[bool] = []

    def once(found: Deployment, _stop: threading.Event) -> None:
        seen.append(verify_now(found).ok)
        stop.set()

    monkeypatch.setattr(verifying, "FIRST_S", 0.0)
    monkeypatch.setattr(verifying, "verify_now", once)
    # In a thread of its own: it lowers its thread's priority.
    thread = threading.Thread(target=keep_verifying, args=(deployment, stop))
    thread.start()
    thread.join(30)
    assert seen == [True]


def result(deployment: Deployment, *, time_ms: int | None = None, found: int = 0) -> None:
    told = [f"row-altered: leaf {number}: other" for number in range(min(found, 3))]
    said = Result(now_ms() if time_ms is None else time_ms, 12, found, told)
    (deployment.places.signed.parent / "verified.json").write_bytes(msgspec.json.encode(said))


def judged(deployment: Deployment) -> Check:
    before = verified(deployment)
    (found,) = [one for one in condition.posture(deployment) if one.id == "ledger.verified"]
    # A posture takes a while, and a verification may come to its end meanwhile.
    assert {State.GREEN: True, State.AMBER: None, State.RED: False}[found.state] in {before, verified(deployment)}
    return found


def test_an_altered_ledger_stays_so_and_says_what_to_do(deployment: Deployment) -> None:
    result(deployment, time_ms=1, found=5)
    found = judged(deployment)
    assert found.state is State.RED
    assert "altered: row-altered: leaf 0: other; row-altered: leaf 1: other; row-altered: leaf 2: other; 2 more" in found.evidence
    assert "ledger verify" in found.next_step
    assert road.state_of([found], "ledger") is State.RED, "the picture on the Overview shows it"


def test_a_verification_of_long_ago_is_none(deployment: Deployment) -> None:
    result(deployment, time_ms=now_ms() - 3 * 86_400_000)
    assert judged(deployment).state is State.AMBER


def test_a_verification_of_before_the_start_is_none(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    result(deployment, time_ms=now_ms() - 1000)
    (deployment.places.run / "supervisor.pid").write_text("{}")
    assert judged(deployment).state is State.GREEN
    monkeypatch.setattr(verifying, "running", lambda _deployment: {})
    monkeypatch.setattr(condition, "running", lambda _deployment: None)
    assert judged(deployment).state is State.AMBER
    result(deployment)
    assert judged(deployment).state is State.GREEN


def test_it_reads_on_connections_that_write_nothing(deployment: Deployment) -> None:
    engine = reading_engine(deployment.places.database_url)
    with engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("UPDATE entry SET subject = 'bob'"))
    engine.dispose()


def kept(deployment: Deployment, stop: threading.Event) -> None:
    """In a thread of its own: it lowers its thread's priority."""
    thread = threading.Thread(target=keep_verifying, args=(deployment, stop))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def test_what_the_machine_refuses_is_soon_tried_again_and_the_last_word_stays(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify_now(deployment)
    stop, tries = threading.Event(), 0

    def refuse(*_: object, **__: object) -> Report:
        nonlocal tries
        tries += 1
        if tries == 3:
            stop.set()
        raise BackendError("the database cannot be used")

    monkeypatch.setattr(LedgerReader, "verify", refuse)
    monkeypatch.setattr(verifying, "FIRST_S", 0.0)
    monkeypatch.setattr(verifying, "AGAIN_S", 0.01)
    kept(deployment, stop)
    assert judged(deployment).state is State.GREEN


def test_what_cannot_even_be_digested_is_altered(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> Report:
        raise RecursionError

    monkeypatch.setattr(LedgerReader, "verify", stumble)
    assert verify_now(deployment).problems == ["unreadable: ledger: verification ended with RecursionError"]
    assert judged(deployment).state is State.RED


def test_it_ends_in_the_middle_when_it_is_told_to(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def endless(*_: object, progress: Callable[[int], None], **__: object) -> Report:
        stop.set()
        while True:
            progress(1)

    monkeypatch.setattr(LedgerReader, "verify", endless)
    monkeypatch.setattr(verifying, "FIRST_S", 0.0)
    kept(deployment, stop)
    assert judged(deployment).evidence == "not verified yet"


def test_a_record_that_grows_is_not_said_to_be_altered(deployment: Deployment) -> None:
    stop = threading.Event()
    recorder = Recorder(
        deployment.engine,
        deployment.signing,
        state_dir=deployment.places.state,
        signed=deployment.places.signed,
        run_dir=deployment.places.run,
        reserve=Reserve(deployment.places.state / "reserve", monotonic_s=time.monotonic, size_bytes=4096),
        clock=now_ms,
        monotonic_s=time.monotonic,
    )
    writing = Deployment(deployment.places.directory, {})

    def write() -> None:
        while not stop.is_set():
            writing.admin_record.record_admin("somebody", "something", {})

    threads = [
        threading.Thread(target=write),
        threading.Thread(target=recorder.run, args=(stop,), kwargs={"interval_s": 0.01}),
    ]
    for thread in threads:
        thread.start()
    found = [verify_now(deployment)]
    while len(found) < 20 or found[-1].entries < 100:
        found.append(verify_now(deployment))
    stop.set()
    for thread in threads:
        thread.join()
    writing.engine.dispose()
    assert [one for one in found if not one.ok] == []


def test_the_recorder_s_process_sees_what_was_altered(deployment: Deployment) -> None:
    """An alteration of which nothing but a whole verification can know."""
    assert recorded_until(deployment, State.GREEN)
    with closing(sqlite3.connect(deployment.places.database)) as database, database:
        database.execute("UPDATE entry SET subject = 'zzz' WHERE id = 1")
    assert recorded_until(deployment, State.RED)


def recorded_until(deployment: Deployment, state: State) -> bool:
    """Whether the recorder's process, started anew, comes to that."""
    place = ["--deployment", str(deployment.places.directory)]
    recorder = subprocess.Popen([sys.executable, "-m", "wardstead.bootstrap", "recorder", *place])
    try:
        deadline = time.monotonic() + 30
        while judged(deployment).state is not state and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        recorder.terminate()
        assert recorder.wait(20) == 0
    return judged(deployment).state is state
