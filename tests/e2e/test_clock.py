"""A clock that is set back brings nothing back, in what runs and in what begins; somebody can say that it had been ahead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.e2e.deployment import Deployment, create

from wardstead.bootstrap import environment as variables
from wardstead.bootstrap.deployment import Deployment as Opened
from wardstead.bootstrap.deployment import now_ms

OFTEN_S, LONG_S = 0.2, 60.0
WITH_A_CLOCK_OF_ITS_OWN = """
import pathlib, sys, time
ahead, real = pathlib.Path(sys.argv.pop(1)), time.time_ns
time.time_ns = lambda: real() + int(ahead.read_text()) * 10**9
from wardstead.bootstrap.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    made = create(tmp_path / "deployment")
    made.up()
    made.down()
    yield made
    made.down()


@contextmanager
def running(deployment: Deployment, ahead: Path, *roles: str) -> Iterator[None]:
    """A gateway's processes without the one that starts them, by a clock that is so many seconds ahead."""
    environment = {**os.environ, variables.PORT: str(deployment.port)}
    call = [sys.executable, "-c", WITH_A_CLOCK_OF_ITS_OWN, str(ahead)]
    begun = [subprocess.Popen([*call, role, "--deployment", str(deployment.directory)], env=environment) for role in roles]
    try:
        yield
    finally:
        for process in begun:
            process.terminate()
        for process in begun:
            process.wait(60)


def status_of(deployment: Deployment, key: str) -> int:
    with httpx.Client(verify=deployment.tls) as client:
        return client.get(f"{deployment.url}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code


def becomes(deployment: Deployment, key: str, status: int) -> bool:
    end_s, found = time.monotonic() + LONG_S, 0
    while time.monotonic() < end_s:
        try:
            found = status_of(deployment, key)
        except httpx.TransportError:
            found = 0
        if found == status:
            return True
        time.sleep(OFTEN_S)
    return False


def recorded(deployment: Deployment, late_ms: int) -> bool:
    opened, end_s = Opened(deployment.directory, {}), time.monotonic() + LONG_S
    try:
        while time.monotonic() < end_s:
            if opened.known_time.read().latest_ms >= late_ms:
                return True
            time.sleep(OFTEN_S)
        return False
    finally:
        opened.engine.dispose()


def test_what_ended_stays_ended_until_somebody_says_that_the_clock_had_been_ahead(deployment: Deployment, tmp_path: Path) -> None:
    lasting = deployment.key("ann", "--role", "user")
    opened = Opened(deployment.directory, {})
    ends_ms = now_ms() + 30 * 60_000
    ending = opened.directory.create_api_key("ann", expires_ms=ends_ms).key
    opened.engine.dispose()
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    with running(deployment, ahead, "recorder"):
        with running(deployment, ahead, "worker"):
            assert becomes(deployment, ending, 200)
            ahead.write_text("3600")
            assert becomes(deployment, ending, 401)
            assert recorded(deployment, ends_ms)
            ahead.write_text("0")
            time.sleep(2)
            assert (status_of(deployment, ending), status_of(deployment, lasting)) == (401, 200)
        with running(deployment, ahead, "worker"):
            assert becomes(deployment, lasting, 200)
            assert status_of(deployment, ending) == 401, "a worker that begins knows it, too"
            red = {one["id"]: one for one in deployment.json("status", check=False)["posture"]["checks"]}["clock"]
            assert (red["state"], "ledger accept-clock" in red["next_step"]) == ("red", True)
            told = deployment.json("ledger", "accept-clock", "--by", "admin", "--reason", "it had been an hour ahead")
            assert told["clock"] < told["was"]
            assert becomes(deployment, ending, 200)
            time.sleep(2)
            assert status_of(deployment, ending) == 200, "the recorder does not bring the wrong time back"
