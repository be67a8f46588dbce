"""Opens a file by its path as it stands: no part of it is a link, so nobody can swap what is opened for something else."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from wardstead.kernel.errors import ConfigurationError, IntegrityError

_BLOCK = 1 << 22
Progress = Callable[[int], None]
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Stamp(NamedTuple):
    """By what a change of a file shows without reading it. Who sets the machine's clock can forge it, unlike digests."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def open_plain(path: Path) -> FileIO:
    """The regular file at an absolute path, walked folder by folder. Raises ``IntegrityError`` for a link on the way,
    ``ConfigurationError`` where there is no such file, ``OSError`` where it cannot be read.
    """
    folder = os.open(path.anchor, _FOLDER)
    try:
        for name in path.parts[1:-1]:
            inner = _step(folder, name, _FOLDER, path)
            os.close(folder)
            folder = inner
        descriptor = _step(folder, path.name, _FILE, path)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IntegrityError("this is no regular file", where=str(path), next_step="put the file itself there")
    return FileIO(descriptor)


def stamp(file: FileIO) -> Stamp:
    """What an open file is like now."""
    now = os.fstat(file.fileno())
    return Stamp(now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def digest_of(file: FileIO, progress: Progress | None = None) -> str:
    """SHA-256 of an open file from its beginning, in hexadecimal; where it stands stays as it is."""
    found, block, at = hashlib.sha256(), memoryview(bytearray(_BLOCK)), 0
    while count := os.preadv(file.fileno(), [block], at):
        found.update(block[:count])
        at += count
        if progress is not None:
            progress(count)
    return found.hexdigest()


def _step(folder: int, name: str, flags: int, path: Path) -> int:
    if name in {"", ".", ".."}:
        raise ConfigurationError("a path is written without . and ..", where=str(path))
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise ConfigurationError("there is no such file", where=str(path)) from None
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
            raise
        raise IntegrityError(
            "this leads over a link, which could lead elsewhere tomorrow", where=str(path), why=f"{name!r} is one, or no folder",
            next_step="put the file itself there",
        ) from None  # fmt: skip
