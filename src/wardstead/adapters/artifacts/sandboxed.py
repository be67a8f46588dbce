"""Looks at model files without reading them: what parses them is a process in the sandbox, that gets an open file and ends."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from wardstead.adapters.artifacts.files import OpenFile
from wardstead.adapters.sandbox.bubblewrap import find_tool
from wardstead.adapters.sandbox.readers import package_places, reader_profile, start_reader
from wardstead.isolation.plan import LaunchPlan, ReaderProfile, reader_plan
from wardstead.isolation.seccomp import encode, reading
from wardstead.kernel.errors import BackendError, ConfigurationError
from wardstead.supply.bom.facts import Facts
from wardstead.supply.rules import RULES, Finding

MEMORY_BYTES: Final = 1 << 30
"""Of addresses, for one file; its parsers hold a small part of that."""
CPU_S: Final = 120
_BYTES_A_SECOND: Final = 10_000_000
"""A file may take ``CPU_S`` and a second more for so many bytes."""
_START_S: Final = 60.0
_SAID: Final = 17 << 20
_GUEST: Final = Path(__file__).with_name("guest.py")
_WARDSTEAD: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("jinja2", "markupsafe", "yaml", "_yaml", "msgspec", "backports.zstd")
_ROOMS: Final = ("__init__.py", "kernel", "supply")


class ScannerUnavailable(BackendError):
    """What parses model files does not start, or does not answer as it should."""

    code = "scanner_unavailable"


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    """What the guest may say: nothing else is believed."""

    kind: str = ""
    findings: list[tuple[str, str, str, int | None]] = []
    texts: list[tuple[str, str]] = []
    facts: Facts = Facts()


class Looked(NamedTuple):
    """What a file is, what was found in it, and the texts inside of it by where they stand."""

    kind: str
    findings: tuple[Finding, ...]
    texts: tuple[tuple[str, str], ...] = ()


class Isolation(NamedTuple):
    """How parsers are started here; ``why_not``: why without a sandbox, empty where they have one."""

    plan: LaunchPlan | None
    why_not: str = ""
    next_step: str = ""


@functools.cache
def isolation() -> Isolation:
    """Found out once."""
    machine = os.uname().machine
    try:
        return Isolation(reader_plan(find_tool(), _profile(), machine, starts=True))
    except ConfigurationError as error:
        return Isolation(None, error.why or error.what, error.next_step)


class Parsers:
    """One sandbox, for as many files as there are, one after another; started when it is needed, and again when it was lost."""

    def __init__(self, found: Isolation | None = None, *, memory_bytes: int = MEMORY_BYTES, cpu_s: int = CPU_S) -> None:
        """``found``: where it is not what this machine has."""
        self._found = found
        self._memory_bytes = memory_bytes
        self._least_s = cpu_s
        self._child: subprocess.Popen[bytes] | None = None
        self._asked: socket.socket | None = None
        self._deadline_s = 0.0
        self._cpu_s = 0

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the sandbox."""
        self._end()

    def begin(self, file: OpenFile, beside: Iterable[str] = ()) -> None:
        """Have a file looked at, meanwhile or before ``looked`` is asked. Raises ``ScannerUnavailable``."""
        self._ask(file, {"what": "look", "beside": sorted(beside)})

    def looked(self, file: OpenFile) -> Looked:
        """What was found in the file that was begun with. Raises ``ScannerUnavailable``."""
        answer = self._answer()
        if isinstance(answer, str):
            return Looked("", (Finding("parser-ended", file.name, answer),))
        return Looked(
            answer.kind,
            tuple(Finding(rule, file.name + at, what, offset) for rule, at, what, offset in answer.findings),
            tuple((file.name + at, text) for at, text in answer.texts),
        )

    def facts(self, file: OpenFile, kind: str) -> Facts:
        """What a file says of its model; nothing where it cannot be read. Raises ``ScannerUnavailable``."""
        self._ask(file, {"what": "facts", "kind": kind})
        answer = self._answer()
        return answer.facts if isinstance(answer, _Answer) else Facts()

    def _ask(self, file: OpenFile, job: dict[str, Any]) -> None:
        asked = self._asked or self._start()
        self._cpu_s = self._least_s + file.size // _BYTES_A_SECOND
        self._deadline_s = time.monotonic() + 60 + 2 * self._cpu_s
        body = json.dumps({"name": _plain(file.name), "cpu_s": self._cpu_s, **job}).encode()
        try:
            socket.send_fds(asked, [len(body).to_bytes(4, "big")], [file.descriptor])
            asked.sendall(body)
        except OSError as error:
            self._end()
            raise ScannerUnavailable("what parses model files cannot be reached", where=file.name, why=str(error)) from None

    def _answer(self) -> _Answer | str:
        """What was said; as text why nothing that counts was."""
        try:
            status = os.waitstatus_to_exitcode(int.from_bytes(self._receive(4), "big"))
            said = self._receive(int.from_bytes(self._receive(8), "big"))
        except TimeoutError:
            self._end()
            return f"what reads it was ended after {60 + 2 * self._cpu_s:,} seconds"
        except (OSError, EOFError):
            self._end()
            return "it took down all that reads model files"
        if status:
            most = f"{self._memory_bytes >> 20:,} MB of memory or {self._cpu_s:,} seconds"
            return f"what reads it needed more than {most}, or crashed ({status})"
        try:
            answer = msgspec.json.decode(said, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return "what its reader says of it makes no sense"
        unknown = [one[0] for one in answer.findings if one[0] not in RULES]
        return "its reader names rules that there are not" if unknown else answer

    def _receive(self, count: int) -> bytes:
        """Raises ``TimeoutError``, ``OSError``, ``EOFError``."""
        if self._asked is None or count > _SAID:
            raise EOFError
        got = bytearray()
        while len(got) < count:
            left = self._deadline_s - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._asked.settimeout(left)
            piece = self._asked.recv(count - len(got))
            if not piece:
                raise EOFError
            got += piece
        return bytes(got)

    def _start(self) -> socket.socket:
        found = self._found or isolation()
        ours, theirs = socket.socketpair()
        try:
            self._child = start_reader(found.plan, _GUEST, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)
        except OSError as error:
            ours.close()
            raise ScannerUnavailable("what parses model files could not be started", why=str(error)) from None
        finally:
            theirs.close()
        self._asked = ours
        self._greet(ours, found)
        return ours

    def _greet(self, asked: socket.socket, found: Isolation) -> None:
        self._deadline_s = time.monotonic() + _START_S
        body = json.dumps({
            "import_from": ["/packages"] if found.plan is not None else [str(_WARDSTEAD.parent), *_package_folders()],
            "memory_bytes": self._memory_bytes,
            "filter": _filter().hex(),
        }).encode()  # fmt: skip
        try:
            asked.sendall(len(body).to_bytes(4, "big") + body)
            self._receive(1)
        except (OSError, EOFError):
            status = self._child.poll() if self._child is not None else None
            self._end()
            raise ScannerUnavailable(
                "what parses model files does not start here", why=f"it ended with status {status}",
                next_step="'wardstead doctor' says whether the sandbox works",
            ) from None  # fmt: skip

    def _end(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self._asked = None
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


def _filter() -> bytes:
    """What each process that looks at a file gives up; nothing where there is no filter for this machine."""
    try:
        return encode(reading(os.uname().machine))
    except ConfigurationError:
        return b""


def _plain(name: str) -> str:
    """A name that JSON can carry: bytes that are no text in a file's name do not decide what it is."""
    return name.encode("utf-8", "replace").decode()


def _profile() -> ReaderProfile:
    rooms = {f"wardstead/{room}": str(_WARDSTEAD / room) for room in _ROOMS}
    return reader_profile(_GUEST, rooms | package_places(_PACKAGES))


def _package_folders() -> list[str]:
    return sorted({str(Path(place).parents[name.count("/")]) for name, place in package_places(_PACKAGES).items()})
