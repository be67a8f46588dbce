"""Starting and looking whether it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from wardstead.bootstrap import environment as variables
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes import running, supervising
from wardstead.kernel.errors import ConfigurationError


def test_the_last_line_of_a_log_does_not_steer_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "launcher-m.log"
    log.write_text(json.dumps({"what": "\x1b[2Kall is well"}) + "\n")
    assert supervising._last_line(log).isprintable()
    log.write_text("[1]\n")
    assert supervising._last_line(log) == ""


def test_asking_whether_it_runs_is_in_nobody_s_way(deployment: Deployment) -> None:
    done, answers = threading.Event(), set()

    def ask() -> None:
        while not done.is_set():
            noted = running.running(deployment)
            answers.add(noted["pid"] if noted is not None else None)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for one in asking:
        one.start()
    try:
        for _ in range(500):
            os.close(running.take_lock(deployment))  # raises where somebody who only asks is in the way
    finally:
        done.set()
        for one in asking:
            one.join()
    assert answers <= {None, os.getpid()}
    assert answers


def test_it_runs_as_long_as_its_supervisor_lives(deployment: Deployment) -> None:
    assert running.running(deployment) is None
    hold = "import sys; from pathlib import Path\n"
    hold += "from wardstead.bootstrap import deployment; from wardstead.bootstrap.processes import running\n"
    hold += "running.take_lock(deployment.Deployment(Path(sys.argv[1]), {})); print(flush=True); sys.stdin.read()"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", hold, str(deployment.places.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert supervisor.stdout is not None
    supervisor.stdout.readline()
    for _ in range(2):
        assert (running.running(deployment) or {})["pid"] == supervisor.pid
        with pytest.raises(running.AlreadyRunning):
            running.take_lock(deployment)
    supervisor.kill()
    supervisor.communicate()
    assert running.running(deployment) is None
    os.close(running.take_lock(deployment))


def test_with_another_edge_it_does_not_run_as_it_is_asked_to(deployment: Deployment) -> None:
    folder = deployment.places.directory
    with_edge = Deployment(folder, {variables.EDGE: "caddy"})
    assert not running.runs_so(deployment)
    held = running.take_lock(with_edge)
    try:
        assert running.runs_so(with_edge)
        assert not running.runs_so(deployment)
        attached = running.attach(folder)
        assert attached.settings.server.edge is not None, "commands know the edge that a flag of 'up' put there"
    finally:
        os.close(held)


@pytest.mark.parametrize("status", [200, 503])
def test_what_a_gateway_says_of_itself_is_heard_whatever_the_status(status: int) -> None:
    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"ledger": false}')

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Says) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert running._read(f"http://127.0.0.1:{server.server_port}/healthz", None) == b'{"ledger": false}'
        thread.join()


def test_a_gateway_that_does_not_answer_says_nothing(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_url: str, _context: object) -> bytes:
        raise ConnectionRefusedError

    monkeypatch.setattr(running, "_read", refused)
    assert running.health(deployment) is None
    assert not running.healthy(deployment)


def break_policy(deployment: Deployment) -> None:
    (deployment.places.policies / "broken.cedar").write_text("permit (")


def break_classification(deployment: Deployment) -> None:
    (deployment.places.directory / deployment.settings.inspection.policy).write_text("version: 1\n")


def break_certificate(deployment: Deployment) -> None:
    (deployment.places.tls / "server.crt").write_text("")


@pytest.mark.parametrize("break_something", [break_policy, break_classification, break_certificate])
def test_an_upgrade_that_is_refused_has_not_touched_the_database(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, break_something: Callable[[Deployment], None]
) -> None:
    monkeypatch.setattr(supervising, "find_tool", lambda: None)
    monkeypatch.setattr(supervising, "upgrade", lambda _engine: pytest.fail("the database was upgraded"))
    break_something(deployment)
    with pytest.raises(ConfigurationError):
        supervising._prepare(deployment, lambda _step: None)


def test_what_is_sound_is_upgraded(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(supervising, "find_tool", lambda: None)
    monkeypatch.setattr(supervising, "_validate", lambda _deployment: done.append("validated"))
    monkeypatch.setattr(supervising, "upgrade", lambda _engine: done.append("upgraded"))
    supervising._prepare(deployment, lambda _step: None)
    assert done == ["validated", "upgraded"]
