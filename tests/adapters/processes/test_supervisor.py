"""The supervisor: what ends is started again, whatever the system refuses; what drains is waited for, all at once."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wardstead.adapters.processes.listening import listens
from wardstead.adapters.processes.supervisor import ChildSpec, Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def supervising(*specs: ChildSpec) -> tuple[Supervisor, list[tuple[str, str]]]:
    events: list[tuple[str, str]] = []
    return Supervisor(specs, {}, lambda name, what: events.append((name, what))), events


def tick_until(supervisor: Supervisor, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        supervisor.tick()
        time.sleep(0.01)


def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    supervisor, events = supervising(ChildSpec("short", [sys.executable, "-c", "raise SystemExit(7)"], tmp_path / "log"))
    tick_until(supervisor, lambda: supervisor.failed_at_start() is not None)
    assert events.count(("short", "started")) == 3
    assert supervisor.last_status("short") == 7
    supervisor.stop()


def test_a_child_whose_log_cannot_be_written_is_started_all_the_same(tmp_path: Path) -> None:
    supervisor, events = supervising(ChildSpec("one", SLEEP, tmp_path / "no such folder" / "log"))
    supervisor.tick()
    assert events == [("one", "started")]
    supervisor.stop()


def test_a_child_that_cannot_be_started_is_tried_again_and_does_not_take_the_others_along(tmp_path: Path) -> None:
    program = tmp_path / "program"
    supervisor, events = supervising(
        ChildSpec("late", [str(program)], tmp_path / "log"), ChildSpec("one", SLEEP, tmp_path / "log")
    )
    tick_until(supervisor, lambda: ("one", "started") in events)
    assert "could not be started" in events[0][1]
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o700)
    tick_until(supervisor, lambda: ("late", "started") in events)
    supervisor.stop()


def test_all_that_drain_end_before_any_other_and_at_the_same_time(tmp_path: Path) -> None:
    # Each draining child ends once the other was told to as well: one after the other, neither would.
    script = (
        "import signal, sys, time; from pathlib import Path\n"
        "mine, other = map(Path, sys.argv[1:])\n"
        "def drain(*_):\n"
        "    mine.touch()\n"
        "    while not other.exists(): time.sleep(0.01)\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, drain)\n"
        "mine.with_suffix('.ready').touch()\n"
        "time.sleep(60)\n"
    )
    needed = "import signal, sys; from pathlib import Path\n"
    needed += "signal.signal(signal.SIGTERM, lambda *_: (Path(sys.argv[1]).touch(), sys.exit(0)))\n"
    needed += "Path(sys.argv[1]).with_suffix('.ready').touch(); signal.pause()\n"
    a, b, c = (tmp_path / name for name in "abc")
    supervisor, _ = supervising(
        ChildSpec("c", [sys.executable, "-c", needed, str(c)], tmp_path / "log"),
        ChildSpec("a", [sys.executable, "-c", script, str(a), str(b)], tmp_path / "log", 20, drains=True),
        ChildSpec("b", [sys.executable, "-c", script, str(b), str(a)], tmp_path / "log", 20, drains=True),
    )
    tick_until(supervisor, lambda: all(path.with_suffix(".ready").exists() for path in (a, b, c)))
    supervisor.stop()
    assert c.stat().st_mtime_ns >= max(a.stat().st_mtime_ns, b.stat().st_mtime_ns)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_renewed_child_ends_when_its_successor_is_ready_and_not_before(tmp_path: Path) -> None:
    supervisor, events = supervising(ChildSpec("one", SLEEP, tmp_path / "log", drains=True))
    supervisor.tick()
    asked: list[int] = []

    def ready(pid: int) -> bool:
        asked.append(pid)
        return len(asked) > 2 and "renewed" not in {what for _, what in events}

    supervisor.renew(["one"], ready)
    tick_until(supervisor, lambda: ("one", "renewed") in events)
    assert len(set(asked)) == 1
    assert events == [("one", "started"), ("one", "started"), ("one", "renewed")]
    os.kill(asked[0], 0)  # it goes on
    tick_until(supervisor, lambda: not supervisor._leaving)
    supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(asked[0], 0)


def test_a_successor_that_ends_takes_nothing_away(tmp_path: Path) -> None:
    program = tmp_path / "program"
    begun = tmp_path / "begun"
    program.write_text(f"#!/bin/sh\ntouch '{begun}'; exec sleep 60\n")
    program.chmod(0o700)
    supervisor, events = supervising(ChildSpec("one", [str(program)], tmp_path / "log"))
    tick_until(supervisor, begun.exists)
    program.write_text("#!/bin/sh\nexit 3\n")
    supervisor.renew(["one"], lambda _pid: False)
    tick_until(supervisor, lambda: events.count(("one", "started")) > 2)
    assert not any("ended" in what for _, what in events)
    supervisor.stop()


def test_the_kernel_says_who_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        assert listens(os.getpid(), port)
    assert not listens(os.getpid(), port)
    assert not listens(1 << 22, port)
