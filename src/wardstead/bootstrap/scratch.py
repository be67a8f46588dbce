"""Folders for copies that are gone again, within the deployment: there may be keys in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wardstead.bootstrap.places import Places

_BLOCK = 1 << 20


@contextmanager
def scratch(places: Places, what: str) -> Iterator[Path]:
    """An empty folder within the deployment that is gone afterwards.

    What a killed command left goes with the next erasure or start; at once, where it had this process's number.
    """
    folder = places.run / f"{what}-{os.getpid()}"
    remove(folder)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Take a folder away; its files are overwritten first, for there may be keys among them."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("r+b") as file:
                left = path.stat().st_size
                while left > 0:
                    left -= file.write(bytes(min(left, _BLOCK)))
                file.flush()
                os.fsync(file.fileno())
    shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(places: Places) -> None:
    """What commands that were killed left of copies: of no process that is still there."""
    for folder in places.run.glob("*-[0-9]*"):
        pid = folder.name.rpartition("-")[2]
        if folder.is_dir() and pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            remove(folder)
