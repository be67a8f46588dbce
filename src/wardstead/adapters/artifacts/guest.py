"""Runs inside the sandbox: for each model file that it is handed, a process of its own looks at that file and ends.

Stands alone, but for the supply room, which it is told where to import from. On standard input, a Unix socket: four bytes of
length and JSON, first the settings, then a job with each file's descriptor. Back: an R once it runs; for each job how its
process ended (four bytes), the length of what it said (eight bytes), and that.

What looks at a file has no socket, can start nothing, and may not even name this process: whatever a file does to it, it says
no more than what is found in that file.
"""

from __future__ import annotations

import codecs
import ctypes
import importlib
import json
import os
import resource
import socket
import sys
from typing import Any

LINE = 1 << 24
SAID = 16 << 20
_SET_NO_NEW_PRIVS, _GET_NO_NEW_PRIVS, _SET_MODE_FILTER = 38, 39, 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_BROKEN = 120
"""How a process ends that could not be confined."""


class _Program(ctypes.Structure):
    """``struct sock_fprog`` (linux/filter.h)."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class _Given:
    """A ``Source`` over the descriptor that was handed in."""

    def __init__(self, descriptor: int, name: str, malformed: Any) -> None:
        self._fd, self._malformed = descriptor, malformed
        self.name = name
        self.size = os.fstat(descriptor).st_size
        self.exact = True

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        try:
            return os.pread(self._fd, length, offset)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "no such place"
            raise self._malformed(f"it cannot be read: {why}", offset, rule="unreadable") from None


class _Rooms:
    """What looks at files, imported once for all of them."""

    def __init__(self) -> None:
        self.scan = importlib.import_module("wardstead.supply.scan")
        self.reading = importlib.import_module("wardstead.supply.bom.reading")
        self.malformed = importlib.import_module("wardstead.supply.ports").Malformed
        self.builtins = importlib.import_module("msgspec").to_builtins


def main() -> None:
    """Until nobody asks any more."""
    asked = socket.socket(fileno=0)
    settings, _ = _job(asked)
    sys.path[:0] = settings["import_from"]
    rooms = _Rooms()
    for name in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp437"):
        codecs.lookup(name)  # what is imported now need not be read by each process
    asked.sendall(b"R")
    while True:
        try:
            job, descriptor = _job(asked)
        except EOFError:
            return
        hear, say = os.pipe()
        child = os.fork()
        if not child:
            os.close(hear)
            asked.close()
            _be_the_one(say, settings, job, descriptor, rooms)
        os.close(say)
        os.close(descriptor)
        said = _heard(hear)
        _, status = os.waitpid(child, 0)
        asked.sendall(status.to_bytes(4, "big") + len(said).to_bytes(8, "big") + said)


def _job(asked: socket.socket) -> tuple[dict[str, Any], int]:
    """What is asked, and the descriptor that came along. Raises ``EOFError`` where nobody asks any more."""
    head, descriptors, _, _ = socket.recv_fds(asked, 4, 1)
    head += _exactly(asked, 4 - len(head)) if head else b""
    if not head:
        raise EOFError
    return json.loads(_exactly(asked, min(int.from_bytes(head, "big"), LINE))), descriptors[0] if descriptors else -1


def _exactly(asked: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        piece = asked.recv(count - len(got))
        if not piece:
            raise EOFError
        got += piece
    return bytes(got)


def _be_the_one(say: int, settings: dict[str, Any], job: dict[str, Any], descriptor: int, rooms: _Rooms) -> None:
    """Look at one file, say what is found, and end, whatever comes."""
    try:
        _confine(settings, job["cpu_s"])
        answer = json.dumps(_look(job, descriptor, rooms)).encode()
        while answer:
            answer = answer[os.write(say, answer) :]
        os._exit(0)
    finally:
        os._exit(1)


def _heard(hear: int) -> bytes:
    said = bytearray()
    while len(said) <= SAID and (piece := os.read(hear, 1 << 16)):
        said += piece
    os.close(hear)  # who says too much dies of it
    return bytes(said)


def _confine(settings: dict[str, Any], cpu_s: int) -> None:
    """Limits, and a filter of system calls, from here on and for good."""
    # The descriptors that are open stay usable: none can be added.
    for limit, most in (("AS", settings["memory_bytes"]), ("CPU", cpu_s), ("FSIZE", 0), ("CORE", 0), ("NOFILE", 32)):
        which = getattr(resource, f"RLIMIT_{limit}")
        _, hard = resource.getrlimit(which)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (allowed, allowed))
    code = bytes.fromhex(settings["filter"])
    if not code:
        return  # a machine that no filter is known for: whoever starts this says so
    libc, program = ctypes.CDLL(None, use_errno=True), _Program(len(code) // 8, code)
    unprivileged = libc.prctl(_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 or libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    if not unprivileged or libc.syscall(_SECCOMP[os.uname().machine], _SET_MODE_FILTER, 0, ctypes.byref(program)):
        os._exit(_BROKEN)


def _look(job: dict[str, Any], descriptor: int, rooms: _Rooms) -> dict[str, Any]:
    source = _Given(descriptor, job["name"], rooms.malformed)
    if job["what"] == "facts":
        return {"facts": rooms.builtins(rooms.reading.facts_of(source, job["kind"]))}
    texts = rooms.scan.InnerTexts()
    kind, findings = rooms.scan.look(source, rooms.scan.Around(frozenset(job["beside"])), texts)
    inside = len(job["name"])
    return {
        "kind": kind,
        "findings": [[one.rule, one.file[inside:], one.what, one.offset] for one in findings],
        "texts": [[name[inside:], text] for name, text in texts.found],
    }


if __name__ == "__main__":
    main()
