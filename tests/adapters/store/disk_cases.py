"""What must hold on a disk that refuses. Run by ``test_faults.py`` in mount namespaces of their own: CASE FOLDER."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.adapters.store.deployment import Deployment, commit, conclude, deploy, now_ms

from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.engine.durable_file import can_write
from wardstead.adapters.store.ledger.journal import Journal
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.ledger.ports import Refusal

RESERVE = 4 * 1024 * 1024


def fill(folder: Path) -> Path:
    """Take all the space there is."""
    filler = folder / "state" / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def until_accepted(deployment: Deployment, journal: Journal) -> None:
    deadline = time.monotonic() + 10
    while True:
        _, seal = deployment.seal()
        if commit(journal, seal, b"{}") is None:
            assert conclude(journal, seal, b"{}") is None
            return
        assert time.monotonic() < deadline, "it did not recover"
        time.sleep(0.05)


def check(deployment: Deployment, owed: set[str]) -> None:
    deployment.record()
    report = deployment.reader.verify(clock=now_ms, known=deployment.known())
    assert report.problems == [], report.problems
    ended = {one.id: one.outcome for one in deployment.reader.recent(10_000)}
    assert all(ended[exchange] == "answered" for exchange in owed), ended


def full_disk(deployment: Deployment) -> None:
    """Accepted intents get their outcomes although the disk is full; new intents are refused until there is space."""
    journal = deployment.journal(reserve=deployment.reserve(RESERVE))
    opened = [deployment.seal() for _ in range(20)]
    assert all(commit(journal, seal, b"{}") is None for _, seal in opened)
    filler = fill(deployment.folder)
    refused = [commit(journal, deployment.seal()[1], os.urandom(100_000)) for _ in range(30)]
    assert Refusal.FULL in refused, refused
    assert set(refused) <= {None, Refusal.FULL}, refused
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.FULL
    assert [conclude(journal, seal, os.urandom(100_000)) for _, seal in opened] == [None] * 20
    filler.unlink()
    until_accepted(deployment, journal)
    journal.close()
    check(deployment, {exchange for exchange, _ in opened})


def said_beforehand(deployment: Deployment) -> None:
    """On a full disk it is known that nothing is accepted; with room again, that something is: without any exchange."""
    journal = deployment.journal(reserve=deployment.reserve(RESERVE))
    until_accepted(deployment, journal)
    assert journal.accepts()
    filler = fill(deployment.folder)
    while commit(journal, deployment.seal()[1], os.urandom(100_000)) is None:
        pass
    assert can_write(deployment.folder / "state"), "what was thrown overboard left room for a probe"
    for _ in range(5):
        assert not journal.accepts()
        assert commit(journal, deployment.seal()[1], b"{}") is Refusal.FULL
        time.sleep(0.3)
    filler.unlink()
    deadline = time.monotonic() + 10
    while not journal.accepts():
        assert time.monotonic() < deadline, "it did not recover"
        time.sleep(0.05)
    assert commit(journal, deployment.seal()[1], b"{}") is None
    journal.close()


def full_disk_with_recorder(deployment: Deployment) -> None:
    """The recorder waits for space, and goes on by itself."""
    stop = threading.Event()
    recorder = deployment.recorder()
    thread = threading.Thread(target=recorder.run, args=(stop,), kwargs={"interval_s": 0.01}, daemon=True)
    thread.start()
    journal = deployment.journal()
    for _ in range(50):
        deployment.exchange(journal)
    filler = fill(deployment.folder)
    for _ in range(100):
        _, seal = deployment.seal()
        if commit(journal, seal, os.urandom(20_000)) is None:
            conclude(journal, seal, os.urandom(20_000))
    filler.unlink()
    until_accepted(deployment, journal)
    exchange = deployment.exchange(journal)
    deadline = time.monotonic() + 15
    while (deployment.reader.receipt(exchange) or {}).get("status") != "complete":
        assert time.monotonic() < deadline, "the recorder did not recover"
        time.sleep(0.05)
    stop.set()
    thread.join()
    journal.close()
    check(deployment, {exchange})


def read_only_disk(deployment: Deployment) -> None:
    """Nothing is accepted while the disk takes nothing, and everything is once it does."""
    journal = deployment.journal("before")
    deployment.exchange(journal)
    journal.close()
    deployment.record()
    deployment.engine.dispose()
    remount(deployment.folder, "ro")
    journal = deployment.journal()
    recorder = deployment.recorder()
    stop = threading.Event()
    thread = threading.Thread(target=recorder.run, args=(stop,), kwargs={"interval_s": 0.01}, daemon=True)
    thread.start()
    assert [commit(journal, deployment.seal()[1], b"{}") for _ in range(3)] == [Refusal.FULL] * 3
    assert not journal.accepts()
    remount(deployment.folder, "rw")
    until_accepted(deployment, journal)
    stop.set()
    thread.join()
    journal.close()
    check(deployment, set())


def read_only_copy(deployment: Deployment) -> None:
    """What lies closed on a read-only disk can be verified there."""
    journal = deployment.journal()
    exchange = deployment.exchange(journal)
    journal.close()
    deployment.record()
    deployment.engine.dispose()
    remount(deployment.folder, "ro")
    engine = open_engine(str(deployment.engine.url), at_rest=True)
    reader = LedgerReader(engine, deployment.ledger_key.verifying)
    assert reader.verify(clock=now_ms).problems == []
    assert (reader.receipt(exchange) or {})["status"] == "complete"


def remount(folder: Path, how: str) -> None:
    """Without any file open for writing, or the kernel refuses."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder / "state")], check=True)


if __name__ == "__main__":
    cases = (full_disk, said_beforehand, full_disk_with_recorder, read_only_disk, read_only_copy)
    {case.__name__: case for case in cases}[sys.argv[1]](deploy(Path(sys.argv[2])))
