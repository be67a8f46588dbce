"""Faults: processes killed in the middle, disks that are full, model servers that misbehave. Nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.e2e.deployment import Deployment, create, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

ROUNDS = int(os.environ.get("WARDSTEAD_FAULT_ROUNDS", "6"))
MISBEHAVIOURS = ("hang", "garbage", "not-http", "half-utf8", "long-line", "early-close", "http-500", "fine", "flood")


def processes(deployment: Deployment, role: str) -> list[int]:
    """The pids of the deployment's children with that role (``worker``, ``recorder``, ``launcher``)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"wardstead.bootstrap" in words and role.encode() in words and str(deployment.directory).encode() in words:
                found.append(int(entry.name))
    return found


def wait_healthy(deployment: Deployment, http: httpx.Client, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if http.get(f"{deployment.url}/healthz").json()["status"] == "ok":
                return
        except (httpx.HTTPError, json.JSONDecodeError, KeyError):
            pass
        time.sleep(0.1)
    raise AssertionError("the deployment did not come back:\n" + deployment.logs()[-4000:])


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose further models are misbehaving servers."""
    made = create(tmp_path_factory.mktemp("faults"))
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "tests.e2e.misbehaving", str(port)], stdout=subprocess.DEVNULL)
    path = made.directory / "wardstead.yaml"
    config = yaml.safe_load(path.read_text())
    for name in MISBEHAVIOURS:
        config["models"].append(
            {
                "name": name,
                "upstream": {"kind": "openai", "url": f"http://127.0.0.1:{port}"},
                "clearance": {"level": "confidential", "compartments": ["personal"]},
            }
        )
    path.write_text(yaml.safe_dump(config))
    made.up()
    try:
        yield made
    finally:
        made.down()
        server.kill()


@pytest.fixture(scope="module")
def http(faulty: Deployment) -> Iterator[httpx.Client]:
    key = faulty.key("alice", "--role", "user")
    context = ssl.create_default_context(cafile=faulty.ca_file)
    with httpx.Client(verify=context, timeout=60, headers={"authorization": f"Bearer {key}"}) as client:
        yield client


def ask(
    deployment: Deployment, http: httpx.Client, model: str, *, stream: bool = True, words: int = 60
) -> tuple[int, dict[str, str], str]:
    body = {"model": model, "messages": [{"role": "user", "content": "Tell a story."}], "stream": stream, "max_tokens": words}
    with http.stream("POST", f"{deployment.url}/v1/chat/completions", json=body) as reply:
        received = []
        try:
            received += reply.iter_text()
        except httpx.HTTPError as error:
            received.append(f"<broken: {type(error).__name__}>")
        return reply.status_code, dict(reply.headers), "".join(received)


def receipt(deployment: Deployment, http: httpx.Client, exchange: str) -> Any:
    found = http.get(f"{deployment.url}/ledger/receipt/{exchange}")
    assert found.status_code == 200, f"receipt {exchange} is lost: {found.text}"
    return found.json()


def test_processes_killed_at_random_lose_no_acknowledged_receipt(faulty: Deployment, http: httpx.Client) -> None:
    rng = random.Random(7)
    receipts: list[str] = []
    complete = broken = 0
    for _ in range(ROUNDS):
        role = rng.choice(["worker", "recorder", "launcher"])
        results: list[tuple[int, dict[str, str], str]] = []

        def one(model: str, into: list[tuple[int, dict[str, str], str]] = results) -> None:
            # Where the gateway was gone before the head, nothing was acknowledged.
            with contextlib.suppress(httpx.HTTPError):
                into.append(ask(faulty, http, model))

        threads = [threading.Thread(target=one, args=(name,)) for name in (faulty.model, "fine", "fine")]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.02, 1.0))
        for pid in processes(faulty, role):
            os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
        for status, headers, text in results:
            if status == 200:
                receipts.append(headers["wardstead-receipt"])
                ended = text.rstrip().endswith("data: [DONE]")
                complete += ended
                broken += not ended
        wait_healthy(faulty, http)
    assert receipts
    assert complete
    for exchange in receipts:
        receipt(faulty, http, exchange)
    verified = faulty.run("ledger", "verify", "--json", check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert json.loads(verified.stdout)["ok"] is True


@pytest.mark.parametrize("model", ["garbage", "not-http", "half-utf8", "long-line", "early-close", "http-500"])
def test_a_misbehaving_model_server_is_a_typed_error_and_others_go_on(faulty: Deployment, http: httpx.Client, model: str) -> None:
    status, headers, text = ask(faulty, http, model)
    assert "[DONE]" not in text
    if status == 200:
        assert "<broken" in text
        assert '"error"' in text
    else:
        assert status in {502, 503, 504}
        assert json.loads(text)["error"]["message"]
    assert receipt(faulty, http, headers["wardstead-receipt"])
    status, _, text = ask(faulty, http, "fine")
    assert status == 200
    assert text.rstrip().endswith("data: [DONE]")


def test_a_client_that_disconnects_stops_the_model_server_soon(faulty: Deployment, http: httpx.Client) -> None:
    body = {"model": "fine", "messages": [{"role": "user", "content": "Go on."}], "stream": True}
    with http.stream("POST", f"{faulty.url}/v1/chat/completions", json=body) as reply:
        exchange = reply.headers["wardstead-receipt"]
        next(reply.iter_text())
        left = time.time()
    for _ in range(100):
        if receipt(faulty, http, exchange).get("status") == "complete":
            break
        time.sleep(0.05)
    entries = receipt(faulty, http, exchange)
    assert entries["status"] == "complete"
    assert time.time() - left < 5


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """The state folder on a small file system of its own: full means 503 and no answer; with space again it works again."""
    made = create(tmp_path / "full")
    state = made.directory / "state"
    kept = tmp_path / "kept"
    subprocess.run(["cp", "-a", str(state), str(kept)], check=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(state)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here: " + mounted.stderr.decode())
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", str(state)], check=True)
        made.up()
        key = made.key("alice", "--role", "user")
        context = ssl.create_default_context(cafile=made.ca_file)
        with httpx.Client(verify=context, timeout=60, headers={"authorization": f"Bearer {key}"}) as http:
            assert ask(made, http, made.model, stream=False, words=4)[0] == 200
            filler = state / "filler"
            with filler.open("wb") as file:
                try:
                    while True:
                        file.write(bytes(1 << 20))
                        file.flush()
                except OSError:
                    pass
            statuses = [ask(made, http, made.model, stream=False, words=4) for _ in range(12)]
            assert statuses[-1][0] == 503
            assert "choices" not in statuses[-1][2]
            filler.unlink()
            deadline = time.monotonic() + 20
            while ask(made, http, made.model, stream=False, words=4)[0] != 200:
                assert time.monotonic() < deadline, "it did not recover when space returned"
                time.sleep(0.3)
        assert made.json("ledger", "verify")["ok"] is True
    finally:
        made.down()
        subprocess.run(["umount", str(state)], check=False)
