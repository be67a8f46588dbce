"""The process that holds a model. It loads what it is told to, gives up everything but computing, and answers until told no more.

Nothing that it is asked may reach a log: its standard error leads nowhere, and a failure is named by its kind alone.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

from wardstead.adapters.models.frames import Answer, Broken, Job, WireSpan, packed, unpacked
from wardstead.adapters.models.tasks import TASKS, Reader
from wardstead.adapters.models.worker import Load
from wardstead.adapters.sandbox.confinement import limit, only_compute
from wardstead.kernel.errors import WardsteadError


class Missing(Exception):
    """A file is not there, or is another than the one that was meant. ``args[0]`` says it."""


_ORPHANED_S: Final = 2.0


def main() -> int:
    """Until the pipe closes. Returns the exit status."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        look = _loaded(unpacked(_receive(), Load))
    except (Missing, Broken) as error:
        return _give_up(0, str(error))
    except WardsteadError as error:
        return _give_up(0, error.what)
    except Exception as error:  # noqa: BLE001 -- whatever a library raises: the model cannot be used, and that is said
        return _give_up(0, f"it cannot be loaded: {type(error).__name__}")
    _send(Answer(0))
    while True:
        try:
            job = unpacked(_receive(), Job)
        except Broken:
            return 0
        try:
            answer = Answer(job.number, [_looked(look, text) for text in job.texts])
        except Exception as error:  # noqa: BLE001 -- the same, in the middle of the work: the verdict is *failed*
            return _give_up(job.number, f"it crashed: {type(error).__name__}")
        _send(answer)


def _end_with(parent: int) -> None:
    """A process that is in the middle of something when its parent dies would not see the pipe close until it is done."""
    while os.getppid() == parent:
        time.sleep(_ORPHANED_S)
    os._exit(1)


def _loaded(load: Load) -> Reader:
    limit(load.memory_bytes)
    contents = {name: read(Path(path), sha256) for name, (path, sha256) in load.files.items()}
    look = TASKS[load.task](contents, load.options)
    look("A first look, so that nothing is left to be loaded: 1 Main Street, Springfield.")
    only_compute()
    _require_confined()
    return look


def read(path: Path, sha256: str) -> bytes:
    """A file's bytes, which are those that were meant. Raises ``Missing``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Missing(f"{path.name}: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Missing(f"{path.name} is not the file that was admitted: its digest differs")
    return data


def _require_confined() -> None:
    """Reader whether what was given up is gone."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return
    raise Broken("it could not be confined")


def _looked(look: Reader, text: str) -> list[WireSpan]:
    return [WireSpan(span.type, span.start, span.end, span.score) for span in look(text)]


def _give_up(number: int, why: str) -> int:
    _send(Answer(number, failed=why))
    return 1


def _receive() -> bytes:
    return _exactly(int.from_bytes(_exactly(4), "big"))


def _exactly(count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        piece = os.read(0, count - len(got))
        if not piece:
            raise Broken("nobody asks any more")
        got += piece
    return bytes(got)


def _send(answer: Answer) -> None:
    frame = memoryview(packed(answer))
    while frame:
        frame = frame[os.write(1, frame) :]


if __name__ == "__main__":
    sys.exit(main())
