"""Whether a deployment runs, and how it is started in a session of its own, asked and stopped."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import ssl
import struct
import subprocess
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from wardstead.bootstrap import environment as variables
from wardstead.bootstrap.deployment import Deployment
from wardstead.config.addresses import bracketed
from wardstead.kernel.errors import BackendError, ConfigurationError, IntegrityError, WardsteadError

READY_TIMEOUT_S: Final = 120.0
_STOP_TIMEOUT_S = 30.0
_HEALTH_BYTES = 64 * 1024
_FLOCK = "hhqqi0q"
"""``struct flock`` of a 64-bit Linux (fcntl(2)): type, whence, start, length, pid."""


class AlreadyRunning(BackendError):
    """Another supervisor runs this deployment."""

    code = "already_running"


def require_writable(deployment: Deployment) -> None:
    """Raises ``BackendError`` that names the folder."""
    places = deployment.places
    for folder in (places.directory, places.state, places.run, places.logs, places.keys):
        if folder.exists() and not os.access(folder, os.W_OK):
            why = "its file system is read-only, or it belongs to somebody else"
            raise BackendError("this folder cannot be written", where=str(folder), why=why, next_step="make it writable")


def _whole_file() -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def take_lock(deployment: Deployment) -> int:
    """Note that this process runs it; the descriptor holds the lock. Raises ``AlreadyRunning``."""
    deployment.places.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(deployment.places.run / "supervisor.pid", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _whole_file())
    except (BlockingIOError, PermissionError):  # either, says fcntl(2)
        os.close(fd)
        raise AlreadyRunning(
            "this deployment is running already", where=str(deployment.places.directory), next_step="'wardstead down' stops it"
        ) from None
    os.truncate(fd, 0)
    os.write(fd, json.dumps({"pid": os.getpid(), **_flags(deployment)}).encode())
    return fd


def _flags(deployment: Deployment) -> dict[str, object]:
    """What flags of ``up`` may have said over the file, as it is in force."""
    server = deployment.settings.server
    return {"port": server.port, "isolation": deployment.mode.value, "edge": "" if server.edge is None else server.edge.kind}


def runs_so(deployment: Deployment) -> bool:
    """Whether it runs already, and as it is asked for now."""
    noted = running(deployment)
    return noted is not None and {**noted, **_flags(deployment)} == noted


def require_stopped(deployment: Deployment) -> None:
    """Raises ``AlreadyRunning`` where it runs: what is to be done is not for a running one."""
    if running(deployment) is not None:
        raise AlreadyRunning(
            "this deployment is running", where=str(deployment.places.directory), next_step="'wardstead down' stops it"
        )


def running(deployment: Deployment) -> dict[str, Any] | None:
    """What the running supervisor noted (pid, port, isolation, edge); ``None`` when none runs."""
    path = deployment.places.run / "supervisor.pid"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # the folder may be read-only: a backup, or a disk that failed
    except FileNotFoundError:
        return None
    try:
        # It is looked at, not tried: whoever looks is in nobody's way.
        kind, *_ = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _whole_file()))
    finally:
        os.close(fd)
    if kind == fcntl.F_UNLCK:
        return None
    try:
        noted = json.loads(path.read_text())
    except ValueError:
        return None
    return noted if isinstance(noted, dict) else None


def attach(directory: Path) -> Deployment:
    """The deployment as it runs: port, isolation and edge as they were given to ``up``, not as the file says."""
    deployment = Deployment(directory)
    noted = running(deployment)
    if noted is None:
        deployment.at_rest = True
        return deployment
    flags = {variables.PORT: noted["port"], variables.ISOLATION: noted["isolation"], variables.EDGE: noted.get("edge", "")}
    return Deployment(directory, {**os.environ, **{name: str(value) for name, value in flags.items()}})


def detach(deployment: Deployment, arguments: list[str]) -> None:
    """Start ``wardstead … up`` in a session of its own; return once it is healthy."""
    require_writable(deployment)
    if running(deployment) is not None:
        os.close(take_lock(deployment))
    deployment.places.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = deployment.places.logs / "supervisor.log"
    root = deployment.keys.handing()
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 -- ourselves
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **root.environment},
            pass_fds=root.descriptors,
        )
    deadline = time.monotonic() + READY_TIMEOUT_S + 30
    while time.monotonic() < deadline:
        status = process.poll()
        if status is not None:
            raise _ended(status, log)
        if running(deployment) is not None and healthy(deployment):
            return
        time.sleep(0.05)
    process.terminate()
    raise BackendError("the deployment did not become healthy in time", next_step=f"see {log}")


def _ended(status: int, log: Path) -> WardsteadError:
    lines = [line for line in log.read_text(errors="replace").strip().splitlines() if line.strip()]
    begins = max((number for number, line in enumerate(lines) if line.startswith("error ")), default=len(lines) - 3)
    text = " ".join(lines[max(0, begins) :])[-800:]
    kinds: dict[int, type[WardsteadError]] = {3: ConfigurationError, 5: IntegrityError}
    kind = kinds.get(status, BackendError)
    return kind("the deployment did not start", why=text, next_step=f"see {log}")


def stop(deployment: Deployment) -> bool:
    """End the running deployment: as long as gateways may drain, and a while for the rest. False when none ran."""
    noted = running(deployment)
    if noted is None:
        return False
    os.kill(int(noted["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + deployment.settings.server.drain_timeout_s + _STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        if running(deployment) is None:
            return True
        time.sleep(0.05)
    raise BackendError("the deployment does not stop", next_step=f"kill {noted['pid']}")


def healthy(deployment: Deployment) -> bool:
    """Whether the gateway answers, its ledger takes exchanges, and every model is ready."""
    said = health(deployment)
    return said is not None and said.get("status") == "ok"


def health(deployment: Deployment) -> dict[str, Any] | None:
    """What the running gateway says of itself, also when it can serve nobody; ``None`` when it does not answer."""
    server = deployment.settings.server
    try:
        context = ssl.create_default_context(cafile=str(deployment.places.tls / "ca.crt")) if server.tls == "on" else None
        url = f"{'https' if context else 'http'}://{bracketed(deployment.local_host)}:{server.port}/healthz"
        said = json.loads(_read(url, context))
    except (OSError, HTTPException, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _read(url: str, context: ssl.SSLContext | None) -> bytes:
    """What is there, whatever the status. Raises ``OSError``."""
    try:
        reply = urllib.request.urlopen(url, timeout=5, context=context)  # noqa: S310 -- our own address
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        return bytes(reply.read(_HEALTH_BYTES))
