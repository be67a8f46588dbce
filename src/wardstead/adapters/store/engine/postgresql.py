"""PostgreSQL: one database that several gateways share, on one machine or on many.

SQLite's guarantees are the contract. There is one writer at a time: a write transaction first takes an advisory lock, which
the server holds until the transaction has ended, however its client ends. So nobody writes beside it, whatever it reads
stays true until it commits, entries get their ids in the order of their commits, and nothing fails to serialise: each
statement, begun after the lock was given, sees all that was committed before. Group commits make up for the queue.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final
from weakref import WeakSet

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DatabaseError, OperationalError

from wardstead.adapters.store.engine.dialect import RESTORE, Changed, Declared, Dialect, Driver, Put, Rows, Watched
from wardstead.kernel.errors import BackendError, IntegrityError, WardsteadError

LOCKS: Final = 0x5753
"""The class of our advisory locks (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS)."""
WRITING: Final = 1
KEEPING_KEYS: Final = 3
"""Beside the key of the recorder (``election``). A key is kept in the middle of somebody's write, so not in the same queue."""
_SETTINGS: Final = {
    "synchronous_commit": "on",  # a commit has returned only after its log was synced, whatever the server's default
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "10000",  # a client that stands still holds nobody up for longer
    "default_transaction_isolation": "read\\ committed",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "client_min_messages": "warning",
}
_ALTERED: Final = (
    errors.DataCorrupted, errors.IndexCorrupted, errors.UndefinedTable, errors.UndefinedColumn, errors.DatatypeMismatch
)  # fmt: skip
_DISK: Final = (errors.DiskFull, errors.InsufficientResources, errors.IoError, errors.ReadOnlySqlTransaction)
_NOTES: Final = (
    "CREATE TEMP TABLE IF NOT EXISTS wardstead_change "
    "(id BIGINT GENERATED ALWAYS AS IDENTITY, tab TEXT NOT NULL, before JSONB, after JSONB) ON COMMIT DELETE ROWS"
)
_NOTED: Final = "SELECT tab, before, after FROM pg_temp.wardstead_change ORDER BY id"
_DECLARED: Final = """
WITH ours AS MATERIALIZED (
  SELECT oid, relname::text FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind <> 'i' AND relname = ANY(?)
)
SELECT relname, 'column ' || attname,
  concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid)), true
FROM ours JOIN pg_attribute ON attrelid = ours.oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped
UNION ALL SELECT relname, 'index ' || indexrelid::regclass, pg_get_indexdef(indexrelid), true
FROM ours JOIN pg_index ON indrelid = ours.oid
UNION ALL SELECT relname, 'constraint ' || conname, pg_get_constraintdef(pg_constraint.oid), true
FROM ours JOIN pg_constraint ON conrelid = ours.oid WHERE contype <> 'n'
UNION ALL SELECT relname, 'constraint ' || conname, '', false
FROM ours JOIN pg_constraint ON confrelid = ours.oid WHERE contype = 'f' AND conrelid NOT IN (SELECT oid FROM ours)
UNION ALL SELECT relname, 'trigger ' || tgname,
  concat_ws(' ', tgtype, tgenabled, tgattr, tgqual IS NULL, encode(tgargs, 'hex'), tgfoid::regproc),
  tgname = 'wardstead_note_change'
FROM ours JOIN pg_trigger ON tgrelid = ours.oid WHERE NOT tgisinternal
UNION ALL SELECT relname, 'trigger of constraint ' || tgconstraint, concat_ws(' ', tgtype, tgenabled), true
FROM ours JOIN pg_trigger ON tgrelid = ours.oid WHERE tgisinternal AND tgenabled <> 'O'
UNION ALL SELECT relname, 'rule ' || rulename, '', false FROM ours JOIN pg_rewrite ON ev_class = ours.oid
UNION ALL SELECT relname, 'policy ' || polname, '', false FROM ours JOIN pg_policy ON polrelid = ours.oid
UNION ALL
SELECT 'functions', 'function ' || proname || '(' || proargtypes::text || ')', concat_ws(' ', prosrc, prosecdef, proconfig), true
FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
"""
_WATCHED: Final[WeakSet[psycopg.Connection[Any]]] = WeakSet()
_LOST: Final = "if it was lost while something was carried out, look whether it was"


def postgresql_engine(url: URL, *, read_only: bool = False) -> Engine:
    """Every connection is durable, waits 5 s for a lock, and notices in time that the other side is gone."""
    settings = {**_SETTINGS, "default_transaction_read_only": "on"} if read_only else _SETTINGS
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # the server may have been started anew since
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "application_name": f"wardstead {os.getpid()} at {socket.gethostname()}"[:63],
            "gssencmode": "disable",
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
    )


def _turn(key: int) -> str:
    return f"SELECT pg_advisory_xact_lock({LOCKS}, {key})"


@cache
def _statement(text: str) -> bytes:
    """In psycopg's words. No statement of ours has a question mark or a per cent sign in another sense.

    ``%b`` asks for a value in binary (https://www.psycopg.org/psycopg3/docs/basic/params.html).
    """
    return text.replace("?", "%s").encode()


class PostgresqlDriver:
    """The ``Driver`` over psycopg."""

    __slots__ = ("_connection", "_take_turn")

    def __init__(self, connection: psycopg.Connection[Any], turn: int = WRITING) -> None:
        """Over an open connection. ``turn``: among which writers it waits."""
        self._connection, self._take_turn = connection, _turn(turn).encode()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """See ``Driver``."""
        return self._connection.execute(_statement(statement), parameters)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """See ``Driver``."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_statement(statement), rows)

    def write(self, statement: str, parameters: Sequence[Any]) -> int:
        """The turn, the statement and the commit are sent together, and answered once.

        A statement that fails makes what follows it in the pipeline be skipped, the commit too.
        """
        try:
            with self._connection.pipeline():
                self._connection.execute(b"BEGIN")
                self._connection.execute(self._take_turn)
                cursor = self._connection.execute(_statement(statement), parameters)
                self._connection.execute(b"COMMIT")
        except BaseException:
            self.rollback()
            raise
        return cursor.rowcount

    def begin(self) -> None:
        """See ``Driver``."""
        with self._connection.pipeline():
            self._connection.execute(b"BEGIN")
            self._connection.execute(self._take_turn)

    def commit(self) -> None:
        """See ``Driver``."""
        _require_whole(self._connection)
        self._connection.execute(b"COMMIT")

    def rollback(self) -> None:
        """See ``Driver``."""
        if not self._connection.closed:
            self._connection.rollback()

    def close(self) -> None:
        """See ``Driver``."""
        try:
            self._connection.close()
        except psycopg.Error:
            return  # it is given up in any case

    def watch(self, tables: Iterable[Watched]) -> bool:  # noqa: ARG002 -- the triggers came with the tables (migration 0029)
        """See ``Driver``. The triggers of the tables note nothing where a session has no table for it, which is its own."""
        if self._connection in _WATCHED:
            return True
        self._connection.execute(_NOTES)
        _WATCHED.add(self._connection)
        return False

    def changed(self, tables: Mapping[str, Watched]) -> list[Changed]:
        """See ``Driver``."""
        found = self._connection.execute(_NOTED).fetchall()
        return [_changed(tables[name], before, after) for name, before, after in found if name in tables]

    def declared(self, tables: Collection[str]) -> Iterator[Declared]:
        """See ``Driver``. What the server's superuser adds to the server itself is not looked for."""
        for row in self._connection.execute(_statement(_DECLARED), (list(tables),)):
            yield Declared(*row)


def _changed(table: Watched, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Changed:
    return Changed(
        table.name,
        None if before is None else _values(table, before, table.columns),
        None if after is None else _values(table, after, table.key),
    )


def _values(table: Watched, row: dict[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    """Bytes are hexadecimal digits after ``\\x`` in JSON."""
    return tuple(
        bytes.fromhex(row[name][2:]) if name in table.binary and row[name] is not None else row[name] for name in names
    )  # fmt: skip


class Postgresql:
    """The ``Dialect`` of PostgreSQL."""

    errors: tuple[type[Exception], ...] = (psycopg.Error,)
    collisions: tuple[type[Exception], ...] = (psycopg.IntegrityError,)

    def driver(self, connection: Any) -> Driver:
        """See ``Dialect``."""
        return PostgresqlDriver(connection)

    def keep(self, connection: Any) -> Driver:
        """See ``Dialect``."""
        connection.autocommit = True
        return PostgresqlDriver(connection)

    def table(self, rows: Sequence[Sequence[Any]], types: Sequence[str]) -> Put:
        """An array for each column, in binary: one statement, planned once; a mark for each value takes three times the work."""
        arrays = ", ".join(f"%b::{one}[]" for one in types)
        names = ", ".join(f"column{number}" for number in range(1, len(types) + 1))
        return Put(f"unnest({arrays}) AS put({names})", [list(column) for column in zip(*rows, strict=True)])

    def begin_reading(self, connection: Connection) -> None:
        """What is read by its statements is of the moment of the first of them."""
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def begin_writing(self, connection: Connection, *, durable: bool) -> None:
        """What is not durable becomes so with the next commit that is: the log is synced up to there."""
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(_turn(WRITING))
        if not durable:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    def commit(self, connection: Connection) -> None:
        """See ``Dialect``."""
        driver: Any = connection.connection.driver_connection
        try:
            _require_whole(driver)
        except psycopg.Error as error:
            raise OperationalError("COMMIT", None, error) from None
        connection.exec_driver_sql("COMMIT")

    def rollback(self, connection: Connection) -> None:
        """See ``Dialect``."""
        if connection.closed or connection.invalidated:
            return
        try:
            connection.connection.rollback()
        except psycopg.Error:
            connection.invalidate()  # the server undoes what a lost client began

    def disk_refuses(self, error: BaseException) -> bool:
        """See ``Dialect``."""
        return isinstance(error, _DISK)

    def lacks(self, error: BaseException) -> bool:
        """See ``Dialect``."""
        return isinstance(error, errors.UndefinedTable | errors.UndefinedColumn)

    def why(self, error: DatabaseError) -> str:
        """Details, which quote values, are left out; so are words about data that does not fit."""
        cause = error.orig
        if isinstance(cause, psycopg.DataError):
            return type(cause).__name__
        said = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
        return said or " ".join(str(cause).split())

    def explain(self, error: DatabaseError) -> WardsteadError:
        """See ``Dialect``."""
        if isinstance(error.orig, _ALTERED):
            return IntegrityError(
                "the database cannot be read as it was written", why=self.why(error),
                next_step=RESTORE,
            )  # fmt: skip
        return BackendError(
            "the database cannot be used", why=self.why(error), next_step=f"see to the server, and the way to it; {_LOST}"
        )


def _require_whole(connection: psycopg.Connection[Any]) -> None:
    """The server answers the commit of a transaction in which something failed by undoing it, without an error."""
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise psycopg.OperationalError("the transaction has failed, and nothing of it was written")


POSTGRESQL: Final[Dialect] = Postgresql()
