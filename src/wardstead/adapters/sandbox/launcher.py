"""Starts one model server by its plan, watches it, and lets it be probed. One launcher process for each model."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import resource
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from wardstead.adapters.processes.parent import dying_with_us
from wardstead.adapters.sandbox.bubblewrap import find_tool
from wardstead.adapters.sandbox.weights import Held, fits_in_memory, held_file, is_encrypted, sealed_copy, size
from wardstead.isolation.plan import GUEST, SOCKETS, WEIGHTS, LaunchPlan, Mode, Profile, bare_plan, bubblewrap_plan
from wardstead.isolation.posture import Kept
from wardstead.isolation.probes import ProbeResult, results
from wardstead.kernel.errors import BackendError, ConfigurationError, PeerError
from wardstead.kernel.text import harmless

log = logging.getLogger(__name__)
_HERE = Path(__file__).parent
_START_TIMEOUT_S = 300.0
_DECRYPTED_SHARE = 2
_STATUS_LINE_BYTES = 1 << 10
_ANSWER_BYTES = 1 << 20
_TOLD_LINES, _TOLD_BYTES = 200, 500
_READY = re.compile(rb"HTTP/1\.[01] 200(?:[ \r]|$)")


class StopEvent(Protocol):
    """What ``threading.Event`` offers."""

    def wait(self, timeout: float | None = None, /) -> bool:
        """Whether it is time to stop, after at most ``timeout`` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class ModelServer:
    """What to start. ``sha256`` is the weights' admitted digest; ``context`` counts tokens for each of ``parallel`` slots."""

    name: str
    weights: Path
    sha256: str
    folder: Path
    mode: Mode = Mode.BUBBLEWRAP
    context: int = 2048
    parallel: int = 4
    threads: int = 0
    gpu_layers: int = 0
    chat_template: str = ""
    weights_key: Callable[[], bytes] | None = None
    """What opens the weights where they are encrypted."""
    verity: str = ""
    """The weights' admitted digest by fs-verity; empty where their admission names none."""


def connect(path: Path, timeout_s: float) -> socket.socket:
    """A connection to a unix socket, also where its path is longer than the 107 bytes that an address can hold."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.settimeout(timeout_s)
        try:
            one.connect(f"/proc/self/fd/{folder}/{path.name}")
        except BaseException:
            one.close()
            raise
        return one
    finally:
        os.close(folder)


class Launcher:
    """One model server's life. ``start`` returns once it is healthy; ``run`` watches it until it ends or is stopped."""

    def __init__(self, server: ModelServer) -> None:
        """``server.folder`` is the socket folder; it is made when missing."""
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self.kept, self.why = Kept.HASHED, ""

    def start(self, on_step: Callable[[str], None] | None = None) -> None:
        """Hash, launch, wait until the model is loaded.

        Raises ``ConfigurationError`` (it cannot be isolated here), ``IntegrityError`` (other weights), ``BackendError``.
        """
        step = on_step or (lambda _text: None)
        server = self._server
        server.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("model.sock", "probe.sock"):
            (server.folder / name).unlink(missing_ok=True)
        weights_fd, self.kept, self.why = self._take_weights(step)
        try:
            step("starting the model server")
            self._process = _spawn(self._plan(), weights_fd, _settings(server, weights_fd))
        finally:
            os.close(weights_fd)
        self._voice = GuestVoice(self._running().stdout, step)
        step("loading the model")
        self._wait_healthy()
        self._voice.hush()

    def _take_weights(self, step: Callable[[str], None]) -> Held:
        """The weights in memory, sealed, or else their file; opened once, and hashed through that descriptor."""
        server = self._server
        encrypted, began = is_encrypted(server.weights), time.monotonic()
        if encrypted:
            _require_room_to_decrypt(server)
        step("decrypting and hashing the weights" if encrypted else "hashing the weights")
        if not encrypted and not (server.mode is Mode.BUBBLEWRAP and fits_in_memory(server.weights)):
            return held_file(server.weights, server.sha256, server.verity)
        descriptor = sealed_copy(server.weights, server.sha256, key=server.weights_key)
        step(f"{size(server.weights) >> 20} MiB in {time.monotonic() - began:.1f} s")
        return Held(descriptor, Kept.COPY)

    def run(self, stop: StopEvent) -> int:
        """Watch until the server ends (its status is returned, never 0), no longer works (1), or ``stop`` is set (0)."""
        process = self._running()
        pulse = Pulse(self._server.folder / "model.sock")
        while not stop.wait(0.2):
            status = process.poll()
            if status is not None:
                return status or 1
            if pulse.stopped:
                log.error("the model server takes requests and works on none: it is ended", extra={"fields": pulse.fields()})
                self.stop()
                return 1
        self.stop()
        return 0

    def stop(self) -> None:
        """End it now: a model server has nothing to save."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None

    def healthy(self) -> bool:
        """Whether the model is loaded and answers."""
        return health(self._server.folder / "model.sock")

    def _plan(self) -> LaunchPlan:
        server = self._server
        profile = Profile(
            interpreter=os.path.realpath(sys.executable),
            interpreter_prefix=sys.base_prefix if sys.base_prefix not in {"/usr", "/"} else sysconfig.get_path("stdlib"),
            packages={"xllamacpp": _package("xllamacpp")},
            programs={"guest.py": str(_HERE / "guest.py"), "probe.py": str(_HERE / "probe.py")},
            socket_folder=str(server.folder),
            libraries=_libraries(),
            weights_sealed=self.kept is Kept.COPY,
            memory_bytes=max(16 << 30, 6 * size(server.weights)),
        )
        if server.mode is Mode.NONE:
            return bare_plan(profile)
        return bubblewrap_plan(find_tool(binds_descriptors=self.kept is not Kept.COPY), profile, os.uname().machine)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BackendError("the model server was not started")
        return self._process

    def _wait_healthy(self) -> None:
        process = self._running()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            status = process.poll()
            if status is not None:
                raise BackendError(f"the model server of {self._server.name} ended with status {status} while it started")
            if self.healthy():
                return
            time.sleep(0.05)
        self.stop()
        raise BackendError(f"the model server of {self._server.name} did not become ready in {_START_TIMEOUT_S:g} s")


def health(path: Path, timeout_s: float = 2.0) -> bool:
    """Whether the server at this socket says within ``timeout_s`` that it is ready.

    It listens, and answers 503, before the model is loaded. Its first line is all that is read: the rest could go on for ever.
    """
    return _READY.match(_ask(path, b"/health", timeout_s)) is not None


def works(path: Path, timeout_s: float) -> bool:
    """Whether the loop that computes answers comes round within ``timeout_s``: ``/health`` is answered by another thread.

    The list of adapters (there are none) is asked for because it is answered by that loop, between two steps of its work,
    however busy it is. Any answer at all will do.
    """
    return _ask(path, b"/lora-adapters", timeout_s) != b""


def _ask(path: Path, what: bytes, timeout_s: float) -> bytes:
    """The status line of an answer; empty where there was none in time."""
    deadline = time.monotonic() + timeout_s
    try:
        with connect(path, timeout_s) as one:
            one.sendall(b"GET " + what + b" HTTP/1.1\r\nhost: model\r\nconnection: close\r\n\r\n")
            return _line(one, deadline, _STATUS_LINE_BYTES)
    except OSError:
        return b""


class Pulse:
    """Feels in a thread whether a model server still works."""

    def __init__(self, path: Path, *, every_s: float = 10.0, patience_s: float = 120.0) -> None:
        """``patience_s`` is more than one step of the computation may take, with the largest model on the slowest machine."""
        self._path, self._every_s, self._patience_s = path, every_s, patience_s
        self.stopped = False
        threading.Thread(target=self._feel, daemon=True).start()

    def fields(self) -> dict[str, float]:
        """What a log says of it."""
        return {"patience_s": self._patience_s}

    def _feel(self) -> None:
        while works(self._path, self._patience_s):
            time.sleep(self._every_s)
        self.stopped = True


class GuestVoice:
    """Reads what a model server prints, so that it reaches no log as it is.

    While it starts, nothing has been asked of it: its lines are told, escaped and cut. From then on they may quote prompts
    (grammars and templates that do not parse are printed whole), so they are read and dropped.
    """

    def __init__(self, pipe: IO[bytes] | None, tell: Callable[[str], None]) -> None:
        """``tell`` takes one line."""
        self._pipe, self._tell = pipe, tell
        self._told = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def hush(self) -> None:
        """From now on, tell nothing."""
        self._told = _TOLD_LINES

    def _listen(self) -> None:
        if self._pipe is None:
            return
        while line := self._pipe.readline(_TOLD_BYTES):
            if self._told < _TOLD_LINES:
                self._told += 1
                self._tell(harmless(line.decode("utf-8", "replace").strip()))


def probe(folder: Path, timeout_s: float = 30.0) -> tuple[ProbeResult, ...]:
    """Run the probes inside the running sandbox. Raises ``PeerError`` when nobody answers there, or not in time, or nonsense."""
    deadline = time.monotonic() + timeout_s
    try:
        with connect(folder / "probe.sock", timeout_s) as one:
            return results(json.loads(_line(one, deadline, _ANSWER_BYTES) or b"[]"))
    except (OSError, ValueError, RecursionError) as error:
        raise PeerError(
            "the probe inside the sandbox does not answer",
            why=type(error).__name__,
            next_step="Is the deployment running? 'wardstead up'",
        ) from None


def _line(one: socket.socket, deadline: float, limit: int) -> bytes:
    """What comes before the first line end, the end, or ``limit`` bytes. Raises ``TimeoutError`` at the deadline, however
    slowly it comes: a guest that was taken over may send a byte now and then.
    """
    received = bytearray()
    while b"\n" not in received and len(received) < limit:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        one.settimeout(left)
        piece = one.recv(min(1 << 16, limit - len(received)))
        if not piece:
            break
        received += piece
    return bytes(received).partition(b"\n")[0]


def _settings(server: ModelServer, weights_fd: int) -> dict[str, str | int | list[str]]:
    bare = server.mode is Mode.NONE
    return {
        "name": server.name,
        "weights": f"/proc/self/fd/{weights_fd}" if bare else WEIGHTS,
        "sockets": str(server.folder) if bare else SOCKETS,
        "probe": str(_HERE / "probe.py") if bare else GUEST.replace("guest.py", "probe.py"),
        "import_from": [str(Path(_package("xllamacpp")).parent)] if bare else ["/packages"],
        "context": server.context,
        "parallel": server.parallel,
        "threads": server.threads or max(1, (os.cpu_count() or 2) // 2),
        "gpu_layers": server.gpu_layers,
        "chat_template": server.chat_template,
    }


def _require_room_to_decrypt(server: ModelServer) -> None:
    """Decrypted weights are in the sandbox's memory alone, never in a file."""
    if server.mode is not Mode.BUBBLEWRAP:
        raise ConfigurationError(
            "encrypted weights are decrypted into the sandbox alone", where=str(server.weights),
            next_step="leave the isolation on, or say 'wardstead model decrypt'",
        )  # fmt: skip
    if not fits_in_memory(server.weights, _DECRYPTED_SHARE):
        raise ConfigurationError(
            "the decrypted weights do not fit into memory", where=str(server.weights),
            why=f"they have {size(server.weights) >> 20} MiB", next_step="say 'wardstead model decrypt', and encrypt the disk",
        )  # fmt: skip


def _spawn(plan: LaunchPlan, weights_fd: int, settings: dict[str, str | int | list[str]]) -> subprocess.Popen[bytes]:
    arguments = list(plan.arguments)
    passed = [weights_fd]
    filter_fd = None
    if plan.weights_fd_argument is not None:
        arguments[plan.weights_fd_argument] = str(weights_fd)
    if plan.seccomp_fd_argument is not None:
        filter_fd = os.memfd_create("seccomp", 0)
        os.write(filter_fd, plan.seccomp)
        os.lseek(filter_fd, 0, os.SEEK_SET)
        arguments[plan.seccomp_fd_argument] = str(filter_fd)
        passed.append(filter_fd)
    die_with_us = dying_with_us()

    def prepare() -> None:
        # In the child, before anything is executed: die with the launcher, and take the limits along.
        die_with_us()
        for name, value in plan.limits.items():
            which = getattr(resource, f"RLIMIT_{name}")
            _, hard = resource.getrlimit(which)
            wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (wanted, wanted))

    try:
        # bubblewrap keeps its own environment as the sandbox's first process: an empty one has nothing to show.
        process = subprocess.Popen(  # noqa: S603 -- our own plan, no shell
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={},
            pass_fds=passed,
            preexec_fn=prepare,  # noqa: PLW1509 -- the launcher has one thread
        )
    except OSError as error:
        raise BackendError("the model server could not be started", why=str(error)) from None
    finally:
        if filter_fd is not None:
            os.close(filter_fd)
    if process.stdin is not None:
        try:
            # Kept open: the guest ends when this end closes, which no way of dying can avoid.
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended at once: whoever waits for its health sees its status
    return process


def _package(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the package {name} is not installed", next_step="pip install 'wardstead[embedded]', or configure another upstream"
        )
    return str(Path(spec.submodule_search_locations[0]).resolve())


def _libraries() -> tuple[str, ...]:
    return tuple(folder for folder in ("/usr/lib", "/usr/lib64", "/lib", "/lib64") if Path(folder).is_dir())
