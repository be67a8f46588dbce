"""Locks between the processes of one deployment, all of them ``flock``: the kernel lets go of them when their owner dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType

from wardstead.kernel.errors import BackendError


class Turn:
    """Whose turn it is to write the ledger. SQLite's own busy handler sleeps and polls; here the next one is woken at once.

    A courtesy only: correctness rests on SQLite's write lock. Threads may share one: ``flock`` knows files, not threads, so
    a lock of their own decides among them first.
    """

    __slots__ = ("_fd", "_threads")

    def __init__(self, path: Path) -> None:
        """``path``: the lock file, made when it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._threads = Lock()

    def __enter__(self) -> None:
        """Wait for the turn."""
        self._threads.acquire()
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Give it to the next."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """No other thread and no other process is in such a block for the same folder meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class ProcessLock:
    """A file that is locked as long as its owner lives."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: Path, fd: int) -> None:
        """Made by ``hold`` or ``take``."""
        self.path, self._fd = path, fd

    @classmethod
    def hold(cls, path: Path) -> ProcessLock:
        """Make the file, already locked when it gets its name, so that nobody can find it unlocked while we live."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unnamed = path.with_name(f".{path.name}")
        fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        unnamed.rename(path)
        return cls(path, fd)

    @classmethod
    def take(cls, path: Path) -> ProcessLock | None:
        """The lock of a file that may exist; ``None`` while its owner lives."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return cls(path, fd)

    @classmethod
    def only_one(cls, path: Path, what: str) -> ProcessLock:
        """The lock, or a ``BackendError`` that says that another ``what`` is running."""
        lock = cls.take(path)
        if lock is None:
            raise BackendError(f"another {what} is running", where=str(path), next_step="stop it first")
        return lock

    def release(self, *, remove: bool) -> None:
        """Let go; ``remove`` the file while it is still ours."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._fd)
