"""The weights: hashed, then served from exactly what was hashed."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from wardstead.kernel.errors import ConfigurationError, IntegrityError

_BLOCK = 1 << 22
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
Progress = Callable[[int], None]


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed_copy(path: Path, expected: str, progress: Progress | None = None) -> int:
    """A memory file with the weights that nobody can change any more, hashed while it was filled.

    Raises ``IntegrityError`` when the digest is not ``expected`` (hexadecimal SHA-256).
    """
    fd = os.memfd_create("weights", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        found = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
                _write_all(fd, block)
                if progress is not None:
                    progress(len(block))
        _check(path, found.hexdigest(), expected)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_file(path: Path, expected: str) -> None:
    """Raises ``IntegrityError`` when the file's digest is not ``expected``."""
    _check(path, digest(path), expected)


def fits_in_memory(path: Path) -> bool:
    """Whether a sealed copy is affordable: at most an eighth of the machine's memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return path.stat().st_size <= memory // 8
    except FileNotFoundError:
        raise ConfigurationError("the weights are missing", where=str(path), next_step="run 'wardstead init' again") from None


def _check(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise IntegrityError(
            "the weights are not the ones that were admitted", where=str(path), why=f"sha256 is {found}, expected {expected}",
            next_step="restore the file; the model is not served",
        )  # fmt: skip


def _write_all(fd: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(fd, view) :]
