"""Files that are either the old or the new one after a crash, never half of each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_durably(path: Path, data: Iterable[bytes], *, mode: int = 0o600) -> None:
    """Write the pieces of ``data`` beside, sync, rename, sync the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        file.writelines(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make durable which files a folder has."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def can_write(folder: Path) -> bool:
    """Whether the disk under ``folder`` takes bytes now: it is tried."""
    try:
        write_durably(folder / "probe", [bytes(4096)])
        (folder / "probe").unlink()
    except OSError:
        return False
    return True
