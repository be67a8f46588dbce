"""Which recorder records. One that was elected and stands still is fenced off by its token, not by its lock."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.locks import ProcessLock

_KEY: Final[dict[str, int]] = {"class": 0x5753, "key": 2}
"""Beside the key of writers (``postgresql.LOCKS``)."""


class Election(Protocol):
    """Of one recorder among others."""

    def won(self) -> bool:
        """Whether it is this one at present. Raises what SQLAlchemy raises where the database cannot be asked."""
        ...

    def resign(self) -> None:
        """Let another be elected."""
        ...


class OnlyOne:
    """One deployment on one machine has one recorder: a second one refuses to start."""

    def __init__(self, run_dir: Path) -> None:
        """Raises ``BackendError`` where another runs."""
        self._lock = ProcessLock.only_one(run_dir / "recorder.lock", "recorder")

    def won(self) -> bool:
        """See ``Election``."""
        return True

    def resign(self) -> None:
        """See ``Election``."""
        self._lock.release(remove=False)


class AmongSessions:
    """Whoever holds an advisory lock is elected, as long as its session with the server lasts."""

    def __init__(self, engine: Engine, run_dir: Path) -> None:
        """One for each folder: raises ``BackendError`` where another recorder runs over this one."""
        self._here = OnlyOne(run_dir)
        self._engine = engine
        self._session: Connection | None = None

    def won(self) -> bool:
        """The session is asked each time: where it was lost, so is the lock."""
        if self._session is not None:
            try:
                self._session.execute(text("SELECT 1"))
            except DatabaseError:
                self._lose()
                raise
            return True
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        session.detach()  # it never goes back to the pool, whatever becomes of the engine
        try:
            elected = bool(session.execute(text("SELECT pg_try_advisory_lock(:class, :key)"), _KEY).scalar_one())
        except BaseException:
            session.close()
            raise
        if elected:
            self._session = session
        else:
            session.close()
        return elected

    def resign(self) -> None:
        """See ``Election``."""
        self._lose()
        self._here.resign()

    def _lose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def election_of(engine: Engine, run_dir: Path) -> Election:
    """As the database has it."""
    return AmongSessions(engine, run_dir) if engine.dialect.name == "postgresql" else OnlyOne(run_dir)
