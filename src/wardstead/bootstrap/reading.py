"""Reading files that somebody else put there: regular files only, and never more than a limit.

A pipe would be waited for without end, and a device has no end: neither is opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from wardstead.kernel.errors import ConfigurationError, WardsteadError

POLICY_BYTES: Final = 4 << 20
"""Of a file of settings, policies or examples: a million lines of them are nobody's."""
DICTIONARY_BYTES: Final = 256 << 20
"""Of a dictionary."""
SAMPLE_BYTES: Final = 1 << 30
"""Of what a command is given to read: values, samples, documents."""
INDEX_BYTES: Final = 1 << 32
"""Of an index that a command made."""
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a link"),
)


def kind_of(mode: int) -> str:
    """What a file is that is no regular one, by its ``st_mode``; empty for a regular one."""
    return next((name for test, name in _KINDS if test(mode)), "" if stat.S_ISREG(mode) else "no regular file")


def present(path: Path) -> bool:
    """Whether something is there, whatever it is, also a link that leads nowhere."""
    return os.path.lexists(path)


def others_write(path: Path) -> bool:
    """Whether others than its owner may write a file or a folder; links are followed."""
    try:
        return bool(path.stat().st_mode & 0o022)
    except OSError:
        return False


def read_regular(path: Path, limit: int, refuse: type[WardsteadError]) -> bytes:
    """The bytes of a regular file; links are followed. Raises ``refuse`` where it is none, is larger, or cannot be read."""
    try:
        _require_regular(path.stat().st_mode, path, refuse)
        # It may have been replaced since: a pipe is not waited for, and what was opened is looked at again.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY), "rb") as file:
            status = os.fstat(file.fileno())
            _require_regular(status.st_mode, path, refuse)
            if status.st_size > limit:
                raise _too_large(str(path), limit, refuse)
            return read_bounded(file, str(path), limit, refuse)
    except OSError as error:
        raise refuse("the file cannot be read", where=str(path), why=error.strerror or "") from None


def read_bounded(file: BinaryIO, where: str, limit: int, refuse: type[WardsteadError]) -> bytes:
    """All of it. Raises ``refuse`` where there is more than the limit."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise _too_large(where, limit, refuse)
    return data


def read_text(path: Path, limit: int = POLICY_BYTES) -> str:
    """A file that the operator wrote. Raises ``ConfigurationError`` when it cannot be read, or is not UTF-8."""
    try:
        return read_regular(path, limit, ConfigurationError).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ConfigurationError("the file is not UTF-8 text", where=str(path), why=f"byte {error.start}") from None


def _require_regular(mode: int, path: Path, refuse: type[WardsteadError]) -> None:
    if kind := kind_of(mode):
        aim = f" (a link to {path.resolve()})" if path.is_symlink() else ""
        raise refuse(f"this is {kind}, and only regular files are read", where=f"{path}{aim}")


def _too_large(where: str, limit: int, refuse: type[WardsteadError]) -> WardsteadError:
    return refuse("the file is too large", where=where, why=f"more than {limit:,} bytes are not read")
