"""Which workers live: the others' intents get the outcome ``unknown``. The kernel, or the server, says so when one has died."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, select, text

from wardstead.adapters.locks import ProcessLock
from wardstead.adapters.store.engine.dialect import Driver
from wardstead.adapters.store.tables.ledger import incarnation as known_workers


class Lives(Protocol):
    """Of one process: its own worker, or those that it looks at."""

    def begin(self, incarnation: str) -> None:
        """A worker of this process lives from now on."""
        ...

    def register(self, connection: Driver, incarnation: str) -> None:
        """So it does on a connection of its own, which it has just opened."""
        ...

    def end(self) -> None:
        """It has ended."""
        ...

    def heard_of(self) -> set[str]:
        """Workers that may have died before they wrote anything."""
        ...

    def departed(self, incarnation: str) -> AbstractContextManager[bool]:
        """Whether a worker is dead; where it is, it cannot come back before the block is left."""
        ...


class LockFiles:
    """One deployment on one machine: a worker lives as long as its lock file is locked.

    The file may be gone (``run/`` is not durable); what the worker registered is not.
    """

    def __init__(self, run_dir: Path) -> None:
        """``run_dir`` holds the files."""
        self._folder = run_dir / "workers"
        self._lock: ProcessLock | None = None

    def begin(self, incarnation: str) -> None:
        """See ``Lives``."""
        self._lock = ProcessLock.hold(self._file(incarnation))

    def register(self, connection: Driver, incarnation: str) -> None:
        """The file says it all."""

    def end(self) -> None:
        """The file stays for whoever looks."""
        if self._lock is not None:
            self._lock.release(remove=False)

    def heard_of(self) -> set[str]:
        """See ``Lives``."""
        return {path.stem for path in self._folder.glob("[!.]*.lock")}

    @contextmanager
    def departed(self, incarnation: str) -> Iterator[bool]:
        """See ``Lives``."""
        lock = ProcessLock.take(self._file(incarnation))
        if lock is None:
            yield False
            return
        try:
            yield True
        except BaseException:
            lock.release(remove=False)
            raise
        lock.release(remove=True)

    def _file(self, incarnation: str) -> Path:
        return self._folder / f"{incarnation}.lock"


class Sessions:
    """Workers anywhere: each holds an advisory lock as long as the session of its journal lasts.

    Shared: where its last session has not ended yet for the server, a worker that comes back can go on.
    """

    def __init__(self, engine: Engine) -> None:
        """``engine``: of whoever looks."""
        self._engine = engine

    def begin(self, incarnation: str) -> None:
        """There is no session yet."""

    def register(self, connection: Driver, incarnation: str) -> None:
        """Waits while somebody records that it was dead."""
        connection.execute("SELECT pg_advisory_lock_shared(?)", (_number(incarnation),))

    def end(self) -> None:
        """The lock goes with the session."""

    def heard_of(self) -> set[str]:
        """Who wrote nothing left nothing."""
        return set()

    @contextmanager
    def departed(self, incarnation: str) -> Iterator[bool]:
        """See ``Lives``."""
        key = {"key": _number(incarnation)}
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            taken = bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one())
            try:
                yield taken
            finally:
                if taken:
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def lives_of(engine: Engine, run_dir: Path) -> Lives:
    """As the database can tell."""
    return Sessions(engine) if engine.dialect.name == "postgresql" else LockFiles(run_dir)


def living(engine: Engine, lives: Lives) -> set[str]:
    """The workers that live now: those that have registered, on any machine, and those of this one that are about to."""
    with engine.connect() as connection:
        known = set(connection.execute(select(known_workers.c.id)).scalars())
    return {one for one in known | lives.heard_of() if not _departed(lives, one)}


def _departed(lives: Lives, incarnation: str) -> bool:
    with lives.departed(incarnation) as departed:
        return departed


def _number(incarnation: str) -> int:
    return int.from_bytes(hashlib.sha256(incarnation.encode()).digest()[:8], "big", signed=True)
