"""What is measured: the upstream direct, nginx as a plain proxy, Wardstead with all controls on. Each pinned to one core."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

LOAD_CORE, TARGET_CORE = 0, 1
MODELS = ("mock-n1-d0", "mock-n200-d0", "mock-n100-d10000", "mock-n3000000-d0")
WARDSTEAD = Path(sys.executable).with_name("wardstead")


def pinned(core: int | str, *command: str | Path) -> list[str]:
    """The command, on one core or on several (``0,1``)."""
    return ["taskset", "-c", str(core), *map(str, command)]


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, timeout_s: float = 15) -> None:
    """Until something listens there."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}")


@dataclass
class Target:
    """Something that answers on a port. ``pids`` are all its processes, for their CPU time and memory."""

    name: str
    port: int
    token: str = "none"
    tls: bool = False
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    directory: Path | None = None

    def pids(self) -> list[int]:
        """Every process of the target, children included."""
        wanted = {process.pid for process in self.processes}
        if self.directory is not None:
            wanted |= {int(json.loads((self.directory / "run" / "supervisor.pid").read_text())["pid"])}
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in wanted and pid not in wanted}
            wanted |= more
            grown = bool(more)
        return sorted(wanted)

    def cpu_s(self) -> float:
        """CPU seconds used so far by all processes."""
        tick = os.sysconf("SC_CLK_TCK")
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / tick

    def memory_mb(self) -> float:
        """Proportional set size of all processes."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def stop(self) -> None:
        """End it."""
        if self.directory is not None:
            subprocess.run([WARDSTEAD, "-C", self.directory, "down"], check=False, capture_output=True)
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait()


def compile_tools(folder: Path) -> tuple[Path, Path]:
    """The mock model server and the load driver, compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).parent / "load"
    made = []
    for name in ("mock_upstream", "load_driver"):
        binary = folder / name
        if not binary.exists() or binary.stat().st_mtime < (source / f"{name}.c").stat().st_mtime:
            subprocess.run(["cc", "-O2", "-w", "-o", binary, source / f"{name}.c"], check=True)
        made.append(binary)
    return made[0], made[1]


def start_mock(binary: Path, folder: Path) -> Target:
    """The upstream direct."""
    port = free_port()
    (folder / "mock.sock").unlink(missing_ok=True)
    process = subprocess.Popen(pinned(LOAD_CORE, binary, str(port), folder / "mock.sock"))
    wait_for(port)
    return Target("direct", port, processes=[process])


def start_nginx(upstream: int, folder: Path, certificate: tuple[Path, Path] | None) -> Target | None:
    """nginx as a plain proxy, one worker; with a certificate it speaks TLS in front. ``None`` where it is not installed."""
    if not have("nginx", "nginx-light"):
        return None
    port = free_port()
    listen = f"listen 127.0.0.1:{port};"
    if certificate is not None:
        pair = f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}; ssl_protocols TLSv1.3;"
        listen = f"listen 127.0.0.1:{port} ssl; {pair}"
    config = folder / f"nginx-{port}.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; error_log /dev/null; pid {folder}/nginx-{port}.pid;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_buffer_size 64k;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{ {listen} location / {{ proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_buffering off; }} }} }}
"""
    )
    process = subprocess.Popen(pinned(TARGET_CORE, "nginx", "-c", config))
    wait_for(port)
    return Target("nginx with TLS" if certificate else "nginx", port, tls=certificate is not None, processes=[process])


def have(program: str, package: str) -> bool:
    """Whether a program is here, or could be installed from a Debian package."""
    if shutil.which(program) is not None:
        return True
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        return False
    subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
    done = subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], check=False, capture_output=True
    )
    return done.returncode == 0


def start_wardstead(upstream: int, directory: Path, *, tls: bool, workers: int = 1) -> Target:
    """A deployment as ``init`` makes it, with the mock as its model server: identity, policy, inspection both ways,
    encryption and the durable ledger are on. All of its processes share one core; several workers share all of them."""
    port = free_port()
    initialise(directory, upstream, port, tls=tls, workers=workers)
    cores = TARGET_CORE if workers == 1 else f"{LOAD_CORE},{TARGET_CORE}"
    subprocess.run(pinned(cores, WARDSTEAD, "-C", directory, "up", "--detach"), check=True, capture_output=True)
    made = subprocess.run(
        [WARDSTEAD, "-C", directory, "key", "create", "--user", "bench", "--json"], check=True, capture_output=True
    )
    target = Target("Wardstead with TLS" if tls else "Wardstead", port, json.loads(made.stdout)["key"], tls, directory=directory)
    _first_answer(target)
    return target


def initialise(directory: Path, upstream: int, port: int, *, tls: bool, workers: int = 1) -> None:
    """A deployment as ``init`` makes it, with the mock's models."""
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([WARDSTEAD, "init", directory, "--yes", "--json"], check=True, capture_output=True)
    models = "".join(
        f"  - name: {name}\n    upstream: {{kind: openai, url: 'http://127.0.0.1:{upstream}'}}\n"
        "    clearance: {level: restricted, compartments: [personal, payment, credentials, health]}\n"
        for name in MODELS
    )
    (directory / "wardstead.yaml").write_text(
        f"version: 1\nserver: {{port: {port}, workers: {workers}, tls: '{'on' if tls else 'off'}', "
        "concurrency: 512, per_person: 512}\n"
        f"models:\n{models}"
    )


def _first_answer(target: Target) -> None:
    """Wait until the key is known and a whole exchange works, so that no measurement begins before."""
    context = (
        ssl.create_default_context(cafile=str(target.directory / "tls" / "ca.crt")) if target.tls and target.directory else None
    )
    url = f"{'https' if context else 'http'}://127.0.0.1:{target.port}/v1/chat/completions"
    body = (Path(__file__).parent / "load" / "body.json").read_bytes()
    headers = {"authorization": f"Bearer {target.token}", "content-type": "application/json"}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=10, context=context) as reply:
        if reply.status != 200 or not reply.headers["wardstead-receipt"]:
            raise SystemExit("the first exchange failed")
