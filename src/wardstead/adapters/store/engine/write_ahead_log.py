"""SQLite's write-ahead log: the recorder alone moves it into the database, so that no exchange waits for that."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, event

from wardstead.adapters.locks import Turn

_BUSY_MS = 20
_LARGE_BYTES = 64 * 1024 * 1024


class Log(Protocol):
    """A database's log."""

    def move(self, turn: Turn) -> None:
        """Move it into the database."""
        ...


class WriteAheadLog:
    """SQLite's."""

    def __init__(self, engine: Engine) -> None:
        """From now on the engine's connections move nothing by themselves."""
        self._engine = engine
        event.listen(engine, "connect", _checkpoints_by_hand)
        engine.dispose()  # connections made before it would checkpoint by themselves

    def move(self, turn: Turn) -> None:
        """Most of it beside the writers; the end, when it grew, in our turn.

        Under steady load there are always a few new frames, and the log would never start over.
        """
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
            if self._bytes() > _LARGE_BYTES:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_MS}")  # a reader in the way is not waited for
                with turn:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("PRAGMA busy_timeout=5000")

    def _bytes(self) -> int:
        log = Path(f"{self._engine.url.database}-wal")
        return log.stat().st_size if log.exists() else 0


class ServersLog:
    """A server looks after its own."""

    def move(self, turn: Turn) -> None:
        """See ``Log``."""


def log_of(engine: Engine) -> Log:
    """The log of an engine's database."""
    return ServersLog() if engine.dialect.name == "postgresql" else WriteAheadLog(engine)


def _checkpoints_by_hand(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA wal_autocheckpoint=0")
