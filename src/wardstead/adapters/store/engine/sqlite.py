"""SQLite (WAL, ``synchronous=FULL``): a commit has returned only after its fsync."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.store.engine.dialect import RESTORE, Changed, Declared, Dialect, Driver, Put, Rows, Watched
from wardstead.kernel.errors import BackendError, IntegrityError, WardsteadError

# https://www.sqlite.org/rescode.html: primary codes are the low byte of extended ones.
_DISK: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_ALTERED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_SCHEMA: Final = "SELECT type, name, lower(tbl_name), sql FROM main.sqlite_schema"
_LACKS: Final = ("no such table", "no such column", "has no column named")


def sqlite_engine(url: URL, *, at_rest: bool) -> Engine:
    """Every connection is durable, waits 5 s for a lock, and enforces foreign keys.

    ``at_rest``: nobody is running it. What then lies closed in a folder that cannot be written (a copy to be verified) is
    read as it lies.
    """
    database = url.database
    if at_rest and database and _lies_closed(Path(database)):
        # Without a write-ahead log there is nothing to recover, and SQLite need not make one to read
        # (https://www.sqlite.org/uri.html#uriimmutable).
        immutable = f"file:{quote(database)}?immutable=1"
        return create_engine(url, creator=lambda: sqlite3.connect(immutable, uri=True, check_same_thread=False))
    engine = create_engine(url, pool_pre_ping=False, connect_args={"factory": WatchedConnection})
    event.listen(engine, "connect", _pragmas)
    return engine


def only_read(engine: Engine) -> None:
    """From now on its connections write nothing."""
    event.listen(engine, "connect", _read_only)


def _lies_closed(file: Path) -> bool:
    return file.is_file() and not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()


def _pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=5000",
        "secure_delete=ON",
        "trusted_schema=OFF",  # what is declared in the file calls no function of ours
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class WatchedConnection(sqlite3.Connection):
    """One that may note what it changes: by triggers that are its own, and go with it."""

    watched = False

    def __init__(self, *given: Any, **named: Any) -> None:
        """See ``sqlite3.connect``."""
        super().__init__(*given, **named)
        self.changes: list[Changed] = []

    def note(self, table: str, what: str, *values: Any) -> None:
        """Called by the triggers. ``values``: the noted columns as they were, then the key as it is, as far as there are any."""
        self.changes.append(Changed(table, None, values) if what == "new" else self._changed(table, int(what), values))

    @staticmethod
    def _changed(table: str, columns: int, values: tuple[Any, ...]) -> Changed:
        return Changed(table, values[:columns], values[columns:] or None)


def _triggers(table: Watched) -> Iterator[str]:
    """Those of the ``temp`` schema fire for this connection alone (https://www.sqlite.org/lang_createtrigger.html#temptrig)."""
    old = ", ".join(f'OLD."{name}"' for name in table.columns)
    new = ", ".join(f'NEW."{name}"' for name in table.key)
    columns = ", ".join(f'"{name}"' for name in table.columns)
    many = len(table.columns)
    for name, event_of, values in (
        ("new", "INSERT", f"'new', {new}"),
        ("changed", f"UPDATE OF {columns}", f"{many}, {old}, {new}"),
        ("gone", "DELETE", f"{many}, {old}"),
    ):
        yield (
            f"CREATE TEMP TRIGGER IF NOT EXISTS watched_{table.name}_{name} AFTER {event_of} ON main.{table.name} "
            f"BEGIN SELECT note_change('{table.name}', {values}); END"
        )


def _read_only(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only=ON")


class SqliteDriver:
    """The ``Driver`` over ``sqlite3``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: WatchedConnection) -> None:
        """Over an open connection."""
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """See ``Driver``."""
        return self._connection.execute(statement, parameters)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """See ``Driver``."""
        self._connection.executemany(statement, rows)

    def write(self, statement: str, parameters: Sequence[Any]) -> int:
        """A single statement is a transaction by itself."""
        return self._connection.execute(statement, parameters).rowcount

    def begin(self) -> None:
        """``BEGIN IMMEDIATE`` takes SQLite's write lock at once."""
        self._connection.changes.clear()
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """See ``Driver``."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Where the disk refused, SQLite may have rolled back by itself."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """See ``Driver``."""
        try:
            self._connection.close()
        except sqlite3.Error:
            return  # it is given up in any case

    def watch(self, tables: Iterable[Watched]) -> bool:
        """See ``Driver``. Clears what a transaction noted that came to nothing."""
        self._connection.changes.clear()
        if self._connection.watched:
            return True
        self._connection.create_function("note_change", -1, self._connection.note)
        for table in tables:
            for statement in _triggers(table):
                self._connection.execute(statement)
        self._connection.watched = True
        return False

    def changed(self, tables: Mapping[str, Watched]) -> list[Changed]:  # noqa: ARG002 -- values come as they are stored
        """See ``Driver``."""
        return self._connection.changes

    def declared(self, tables: Collection[str]) -> Iterator[Declared]:
        """See ``Driver``. Our triggers are the connection's own: one in the file is somebody else's, and so is a view."""
        for kind, name, table, text in self._connection.execute(_SCHEMA):
            ours = kind not in {"trigger", "view"}
            if not ours or table in tables:
                yield Declared(table, f"{kind} {name}", text or "", ours)


class Sqlite:
    """The ``Dialect`` of SQLite."""

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    collisions: tuple[type[Exception], ...] = (sqlite3.IntegrityError,)

    def driver(self, connection: Any) -> Driver:
        """See ``Dialect``."""
        return SqliteDriver(connection)

    def keep(self, connection: Any) -> Driver:
        """Checkpoints of the write-ahead log are the recorder's task."""
        connection.isolation_level = None
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return SqliteDriver(connection)

    def table(self, rows: Sequence[Sequence[Any]], types: Sequence[str]) -> Put:
        """A mark for each value; each number of rows is a statement of its own, which the driver remembers."""
        return Put(_values(len(rows), len(types)), [value for row in rows for value in row])

    def begin_reading(self, connection: Connection) -> None:
        """The driver begins a transaction of its own at the first write only, so ``BEGIN`` is said here.

        While it lasts, the write-ahead log cannot start over.
        """
        connection.exec_driver_sql("BEGIN")

    def begin_writing(self, connection: Connection, *, durable: bool) -> None:
        """``BEGIN IMMEDIATE`` takes the write lock at once.

        A deferred transaction would find out at its first write that what it read is out of date
        (https://www.sqlite.org/lang_transaction.html).

        What is not durable becomes so with the next commit that is: the write-ahead log is synced up to there
        (https://www.sqlite.org/pragma.html#pragma_synchronous).
        """
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def commit(self, connection: Connection) -> None:
        """See ``Dialect``."""
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA synchronous=FULL")

    def rollback(self, connection: Connection) -> None:
        """See ``Dialect``."""
        connection.connection.rollback()

    def disk_refuses(self, error: BaseException) -> bool:
        """See ``Dialect``."""
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in _DISK

    def lacks(self, error: BaseException) -> bool:
        """See ``Dialect``."""
        return any(one in str(error) for one in _LACKS)

    def why(self, error: DatabaseError) -> str:
        """See ``Dialect``."""
        return str(error.orig)

    def explain(self, error: DatabaseError) -> WardsteadError:
        """A database that cannot be read as it was written was altered; else the machine is at fault."""
        why = str(error.orig)
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in _ALTERED:
            return IntegrityError(
                "the database cannot be read as it was written", why=why,
                next_step=RESTORE,
            )  # fmt: skip
        return BackendError("the database cannot be used", why=why, next_step="see to its disk and its folder's permissions")


@cache
def _values(rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"(VALUES {','.join([row] * rows)}) AS put"


SQLITE: Final[Dialect] = Sqlite()
