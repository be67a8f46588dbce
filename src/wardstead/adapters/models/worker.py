"""One process that holds a model: started, asked, ended. Whatever it does wrong, it is ended and nobody waits for it."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

import wardstead
from wardstead.adapters.models.frames import Answer, Broken, Job, WireSpan, packed, receive, send, unpacked
from wardstead.kernel.text import harmless

_MODULES: Final = str(Path(wardstead.__file__).parents[1])
CHILD: Final = (sys.executable, "-P", "-s", "-B", "-m", "wardstead.adapters.models.child")
_ENVIRONMENT: Final[Mapping[str, str]] = {
    "PYTHONPATH": _MODULES,
    # One thread each: there are as many processes as may compute at once.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1"),
    "TOKENIZERS_PARALLELISM": "false",
}
_LONGEST_REASON: Final = 300


class Load(msgspec.Struct, frozen=True):
    """What a process is to hold: a ``task`` of ``tasks.py``, its files with the digests they must have, and its options."""

    task: str
    files: Mapping[str, tuple[str, str]]
    options: Mapping[str, object] = {}
    memory_bytes: int = 2 << 30


def lacks(load: Load) -> str:
    """Which of its files is missing, or another than the one that was meant; empty where none is. Starts nothing."""
    for path, sha256 in load.files.values():
        try:
            known = Path(path).stat()
            digest = _digest(path, known.st_mtime_ns, known.st_size)
        except OSError as error:
            return f"{Path(path).name}: {error.strerror}"
        if digest != sha256:
            return f"{Path(path).name} is not the file that was admitted: its digest differs"
    return ""


@functools.lru_cache(maxsize=64)
def _digest(path: str, mtime_ns: int, size: int) -> str:
    """Of a file as it was then: whoever asks for a status every second need not read it every second."""
    del mtime_ns, size
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Worker:
    """A process with a model in it. Not for threads: one job at a time. After ``Broken`` it is of no more use: ``close`` it."""

    def __init__(self, load: Load, *, timeout_s: float, command: Sequence[str] = CHILD) -> None:
        """Start it and wait until it is ready. Raises ``Broken``, which says what it lacks."""
        self._number = 0
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- our own module, no shell
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a library's complaint may quote a text
                bufsize=0,
                env={**_ENVIRONMENT, "PATH": os.defpath},
                process_group=0,  # Ctrl-C is not for it. It ends when the pipe closes, however we die.
            )
        except OSError as error:
            raise Broken(f"it could not be started: {error.strerror}") from None
        self._in, self._out = _opened(self._process.stdin), _opened(self._process.stdout)
        try:
            deadline_s = time.monotonic() + timeout_s
            send(self._in, packed(load), deadline_s)
            self._answer(deadline_s)
        except BaseException:
            self.close()
            raise

    def ask(self, texts: Sequence[str], deadline_s: float) -> list[list[WireSpan]]:
        """What is in each text, by the deadline (of the monotonic clock). Raises ``Broken``."""
        self._number += 1
        send(self._in, packed(Job(self._number, list(texts))), deadline_s)
        seen = self._answer(deadline_s)
        if len(seen) != len(texts):
            raise Broken("it answers for other texts")
        return seen

    @property
    def ended(self) -> bool:
        """Whether the process is gone: killed, while nobody asked it anything."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _answer(self, deadline_s: float) -> list[list[WireSpan]]:
        answer = unpacked(receive(self._out, deadline_s), Answer)
        if answer.failed:
            raise Broken(harmless(answer.failed[:_LONGEST_REASON]))
        if answer.number != self._number:
            raise Broken("it answers another question")
        return answer.seen


def _opened(pipe: object) -> int:
    fd: int = pipe.fileno()  # type: ignore[attr-defined]  # both were asked for
    os.set_blocking(fd, False)
    return fd
