"""A deployment to break: beside the real model it knows one that misbehaves, and its processes can be found and killed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.e2e.deployment import Deployment, create
from tests.e2e.misbehaving import BEHAVIOURS
from tests.ports import free_port

from wardstead.bootstrap.deployment import Deployment as Opened

DRAIN_S = 3
HEAD_TIMEOUT_S = {"hang": 0.3}
_prompts = itertools.count(1)


@dataclass
class Answer:
    """What a client got. ``text`` ends with ``<broken>`` where the connection broke off."""

    status: int
    receipt: str
    text: str

    @property
    def whole(self) -> bool:
        return self.status == 200 and self.text.rstrip().endswith("data: [DONE]")


def until(what: str, holds: Callable[[], bool], timeout_s: float = 30, every_s: float = 0.05) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(every_s)


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def descendants(pids: set[int]) -> set[int]:
    """The processes that these have started, and so on."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    while new := {pid for pid, parent in parents.items() if parent in pids | found} - found:
        found |= new
    return found


@dataclass
class Faulty:
    """The deployment and its misbehaving model server, which serves every model of ``BEHAVIOURS``."""

    made: Deployment
    server_port: int
    clients: list[httpx.Client] = field(default_factory=list)

    # -- asking ------------------------------------------------------------------------------------------------------

    @cached_property
    def key(self) -> str:
        return self.made.key("alice", "--role", "user")

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.made.ca_file)

    @cached_property
    def http(self) -> httpx.Client:
        client = httpx.Client(verify=self.tls, timeout=60, headers={"authorization": f"Bearer {self.key}"})
        self.clients.append(client)
        return client

    def ask(self, model: str, *, stream: bool = True, words: int = 60, key: str = "", prompt: str = "Tell a story.") -> Answer:
        """One chat. Raises ``httpx.HTTPError`` where not even the head of an answer came."""
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}
        headers = {"authorization": f"Bearer {key or self.key}"}
        url = f"{self.made.url}/v1/chat/completions"
        with self.http.stream("POST", url, json={**body, "max_tokens": words}, headers=headers) as reply:
            received = []
            try:
                received += reply.iter_text()
            except httpx.HTTPError:
                received.append("<broken>")
            return Answer(reply.status_code, reply.headers.get("wardstead-receipt", ""), "".join(received))

    @contextlib.contextmanager
    def listening(self, model: str, *, stream: bool = True) -> Iterator[tuple[ssl.SSLSocket, str]]:
        """A request that was sent and whose answer nobody has read yet, and the prompt by which it is known."""
        prompt = f"Story number {next(_prompts)}, please."
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        head += f"authorization: Bearer {self.key}\r\ncontent-length: {len(body)}\r\n\r\n"
        connection = socket.create_connection(("127.0.0.1", self.made.port), timeout=30)
        with self.tls.wrap_socket(connection, server_hostname="localhost") as client:
            client.sendall(head.encode() + body)
            yield client, prompt

    def visit(self, prompt: str) -> dict[str, Any]:
        """What the misbehaving server recorded about the request with that prompt; empty before it came."""
        record = httpx.get(f"http://127.0.0.1:{self.server_port}/record").json()
        return next((visit for visit in record if visit["prompt"] == prompt), {})

    # -- what is recorded --------------------------------------------------------------------------------------------

    def outcome(self, exchange: str) -> str:
        """The recorded outcome of an exchange, in the tree or not; empty while there is none. Fails where it is lost."""
        found = self.opened.ledger.summary(exchange)
        assert found is not None, f"receipt {exchange} is lost"
        return found.outcome

    @cached_property
    def opened(self) -> Opened:
        return Opened(self.made.directory)

    def forget(self) -> None:
        """Close the database where this process has it open."""
        self.opened.engine.dispose()

    def verify(self) -> Any:
        """``ledger verify`` once everything has its place in the tree and every intent its outcome; it must be clean."""
        report: dict[str, Any] = {}

        def settled() -> bool:
            report.update(self.made.json("ledger", "verify"))
            return report["pending"] == report["open"] == 0

        until("every entry in the tree, every intent with its outcome", settled)
        assert report["ok"] is True
        assert report["problems"] == []
        return report

    # -- its processes -----------------------------------------------------------------------------------------------

    def up(self) -> None:
        self.made.up()

    def supervisor(self) -> int:
        return int(json.loads((self.made.directory / "run" / "supervisor.pid").read_text())["pid"])

    def processes(self, role: str) -> set[int]:
        """The pids of a role: ``worker``, ``recorder``, ``launcher``, or ``model`` (what runs in the sandbox)."""
        if role == "model":
            return descendants(self.processes("launcher"))
        found = set()
        for pid in descendants({self.supervisor()}):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"wardstead.bootstrap" in words and role.encode() in words:
                    found.add(pid)
        return found

    def worker_memory(self) -> Memory:
        (pid,) = self.processes("worker")
        return Memory(pid)

    def wait_healthy(self) -> None:
        def healthy() -> bool:
            try:
                return bool(self.http.get(f"{self.made.url}/healthz").json()["status"] == "ok")
            except httpx.HTTPError:
                return False

        until("the service is back by itself", healthy, 60)


@dataclass
class Memory:
    """Resident memory of a process (proc_pid_status(5)), in bytes. Writing 5 to ``clear_refs`` resets the peak."""

    pid: int

    def __post_init__(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.before = self._read("VmRSS")

    def growth(self) -> int:
        """The peak since the beginning, above what there was then."""
        return self._read("VmHWM") - self.before

    def _read(self, name: str) -> int:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        return int(lines[name].split()[0]) * 1024


@contextlib.contextmanager
def faulty_deployment(directory: Path, *, real_model: bool, **sections: Any) -> Iterator[Faulty]:
    """Made, not yet up. ``sections`` of the configuration are replaced."""
    made = create(directory)
    port = free_port()
    path = directory / "wardstead.yaml"
    config = yaml.safe_load(path.read_text())
    everything = config["models"][0]["clearance"]
    upstream = {"kind": "openai", "url": f"http://127.0.0.1:{port}"}
    misbehaving = [
        {"name": name, "clearance": everything, "upstream": {**upstream, "head_timeout_s": HEAD_TIMEOUT_S.get(name, 300)}}
        for name in BEHAVIOURS
    ]
    config["models"] = [*(config["models"] if real_model else []), *misbehaving]
    for name, section in sections.items():
        config[name] = {**config.get(name, {}), **section}
    path.write_text(yaml.safe_dump(config))
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    server = subprocess.Popen([sys.executable, "-m", "tests.e2e.misbehaving", str(port)], cwd=root, env=environment)
    faulty = Faulty(made, port)
    try:
        yield faulty
    finally:
        for client in faulty.clients:
            client.close()
        made.down()
        server.kill()
        server.wait()
