"""Memory that has no name in any folder, for what must be in no file: it goes with the last process that has its descriptor."""

from __future__ import annotations

import fcntl
import os
from typing import Final

_ONE_SIZE: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


def memory_file(name: str) -> int:
    """A new one. ``name`` shows in ``/proc`` alone. Children inherit it only where they are given it."""
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def write_all(descriptor: int, block: bytes) -> None:
    """Append to it."""
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def make_unchangeable(descriptor: int) -> None:
    """From now on nobody can write to it, lengthen or shorten it."""
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _ONE_SIZE | fcntl.F_SEAL_WRITE)


def of_one_size(descriptor: int) -> None:
    """From now on nobody can lengthen or shorten it; whoever has it can write over what is there."""
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _ONE_SIZE)
