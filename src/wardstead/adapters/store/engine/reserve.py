"""Ballast: space set aside on the ledger's disk, thrown overboard when the disk is full.

An accepted intent may always get its outcome: while the ballast is whole, its space is there for the outcomes that are
still owed; while it is not, no new intent is accepted. It is taken on again when there is room for it and as much beside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

BALLAST_BYTES = 64 * 1024 * 1024
_RETRY_S = 0.5


class Reserve:
    """The ballast file. Safe for several processes: throwing it overboard and taking it on are both idempotent."""

    __slots__ = ("_clock_s", "_path", "_retry_at_s", "size_bytes")

    def __init__(self, path: Path, *, monotonic_s: Callable[[], float], size_bytes: int = BALLAST_BYTES) -> None:
        """``path`` lies on the database's file system; ``monotonic_s`` is ``time.monotonic``."""
        self._path, self._clock_s, self.size_bytes = path, monotonic_s, size_bytes
        self._retry_at_s = float("-inf")

    def whole(self) -> bool:
        """Whether the space is set aside. One system call: asked before every batch.

        Residual: a file system that compresses or copies on write (ZFS) may take the bytes and set nothing aside.
        """
        try:
            return self._path.stat().st_size >= self.size_bytes
        except OSError:
            return False

    def within_reach(self) -> bool:
        """Whether it is whole, or would be if it were taken on now. Writes nothing."""
        try:
            return self.whole() or self._fits()
        except OSError:
            return False

    def release(self) -> None:
        """Throw it overboard. A disk that does not even take that leaves things as they are."""
        try:
            os.truncate(self._path, 0)
        except OSError:
            return

    def restore(self) -> bool:
        """Take it on again if there is room; at most every half second. Whether it is whole now."""
        if self.whole():
            return True
        now_s = self._clock_s()
        if now_s < self._retry_at_s:
            return False
        self._retry_at_s = now_s + _RETRY_S
        try:
            return self._allocate()
        except OSError:
            self.release()
            return False

    def _allocate(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._fits():
            return False
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self.size_bytes)
        finally:
            os.close(fd)
        return self.whole()

    def _fits(self) -> bool:
        """Whether there is room for it, and for as much beside, on a disk that may be written."""
        space = os.statvfs(self._path.parent)
        return space.f_bavail * space.f_frsize >= 2 * self.size_bytes and not space.f_flag & os.ST_RDONLY


class NoBallast(Reserve):
    """Where the disk is a server's: nothing can be set aside on it. When it is full, outcomes are owed until it is not."""

    def whole(self) -> bool:
        """It is all that it ever is."""
        return True

    def release(self) -> None:
        """There is nothing to throw overboard."""
