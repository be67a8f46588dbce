"""Killed processes, full disks, read-only disks: nothing acknowledged is lost, nothing is altered, and it recovers.

``WARDSTEAD_KILLS`` says how many kills (10 by default; 100 in the deep profile).
"""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.adapters.store.deployment import Deployment, now_ms

from wardstead.adapters.store.engine.sqlite import SQLITE

pytestmark = [pytest.mark.faults, pytest.mark.sqlite]
HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KILLS = int(os.environ.get("WARDSTEAD_KILLS", "10"))


def start(script: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def acknowledged(process: subprocess.Popen[bytes], seconds: float) -> list[list[str]]:
    """Kill -9 once something was acknowledged and ``seconds`` have gone by; the whole lines that it wrote."""
    assert process.stdout is not None
    deadline = time.monotonic() + 30
    assert select.select([process.stdout], [], [], deadline - time.monotonic())[0], "the writer wrote nothing"
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    written = process.stdout.read().decode()
    process.wait()
    process.stdout.close()
    return [line.split() for line in written.splitlines(keepends=True) if line.endswith("\n")]


def test_no_kill_of_a_writer_or_the_recorder_loses_or_alters_anything(deployment: Deployment) -> None:
    chance = random.Random(20261123)
    promised: dict[str, set[str]] = {"intent": set(), "outcome": set()}
    recorder = start("recording.py", deployment.folder)
    for kill in range(KILLS):
        writer = start("writer.py", deployment.folder, f"worker-{kill}")
        if chance.random() < 0.5:
            recorder.kill()
            recorder.wait()
        for kind, exchange in acknowledged(writer, chance.random() * 0.15):
            promised[kind].add(exchange)
        if recorder.poll() is not None:
            recorder.stdout.close()  # type: ignore[union-attr]
            recorder = start("recording.py", deployment.folder)
    recorder.kill()
    recorder.wait()
    recorder.stdout.close()  # type: ignore[union-attr]
    deployment.record()
    report = deployment.reader.verify(clock=now_ms, known=deployment.known())
    assert report.problems == []
    assert report.open == 0
    ended = {one.id: one.outcome for one in deployment.reader.recent(1_000_000)}
    assert promised["intent"] <= ended.keys()
    assert {ended[one] for one in promised["outcome"]} == {"answered"}
    assert set(ended.values()) <= {"answered", "unknown"}


# -- disks -------------------------------------------------------------------------------------------------------------


def in_own_mounts(case: str, folder: Path) -> tuple[int, str]:
    """Run a case of ``disk_cases.py`` with a 24 MiB tmpfs as its ``state`` folder; skip where that is not permitted."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    namespaces = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    state = folder / "state"
    state.mkdir()
    mount = f"mount -t tmpfs -o size=24m tmpfs {state}"
    if subprocess.run(["unshare", *namespaces, "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs in a namespace of our own is not permitted here")
    script = f'{mount} && exec "$0" "$@"'
    command = ["unshare", *namespaces, "sh", "-c", script, sys.executable, str(HERE / "disk_cases.py"), case, str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment, timeout=60, check=False)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("case", ["full_disk", "said_beforehand", "read_only_disk", "full_disk_with_recorder", "read_only_copy"])
def test_a_disk_that_refuses_is_survived(tmp_path: Path, case: str) -> None:
    status, said = in_own_mounts(case, tmp_path)
    assert status == 0, said


def test_an_error_of_the_disk_is_told_from_others() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    for code, disk in (
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_READONLY_DBMOVED, True),
        (sqlite3.SQLITE_BUSY, False),
        (sqlite3.SQLITE_CORRUPT, False),
    ):
        error.sqlite_errorcode = code
        assert SQLITE.disk_refuses(error) is disk
