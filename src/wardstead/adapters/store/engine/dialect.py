"""What differs between the databases: locks, what errors mean, and the driver's own connection for the hot path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError

from wardstead.kernel.errors import WardsteadError

RESTORE: Final = "restore it from a backup, and hold it against a checkpoint kept elsewhere: 'ledger verify --checkpoint'"
"""What helps where a database is not what was written."""


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:
        """The next row; ``None`` after the last."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left."""
        ...


class Driver(Protocol):
    """A connection in the driver's own words, ``?`` for each value. What it raises is in the dialect's ``errors``."""

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """One statement; a transaction of its own where none was begun."""
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """The same for each row."""
        ...

    def write(self, statement: str, parameters: Sequence[Any]) -> int:
        """One statement in a write transaction of its own, durable on return; how many rows it changed."""
        ...

    def begin(self) -> None:
        """A write transaction: nobody writes beside it, and all that was written before is seen in it."""
        ...

    def commit(self) -> None:
        """End it, durable on return."""
        ...

    def rollback(self) -> None:
        """Undo it, where one was begun."""
        ...

    def close(self) -> None:
        """Close the connection; one that is broken is given up."""
        ...


class Dialect(Protocol):
    """One database's ways."""

    errors: tuple[type[Exception], ...]
    """What the driver raises."""
    collisions: tuple[type[Exception], ...]
    """Those of them for a row that is there already."""

    def driver(self, connection: Any) -> Driver:
        """Over a connection of the driver's: one that SQLAlchemy holds, within its transaction."""
        ...

    def keep(self, connection: Any) -> Driver:
        """Over one that is taken from the pool for good, and begins and ends its transactions itself."""
        ...

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment."""
        ...

    def begin_writing(self, connection: Connection, *, durable: bool) -> None:
        """Begin a transaction that nobody writes beside."""
        ...

    def commit(self, connection: Connection) -> None:
        """End it."""
        ...

    def rollback(self, connection: Connection) -> None:
        """Undo it; nothing to do where the database has done so, or is gone."""
        ...

    def disk_refuses(self, error: BaseException) -> bool:
        """Whether the disk, its rights or its space refuse."""
        ...

    def lacks(self, error: BaseException) -> bool:
        """Whether a table or a column is not there."""
        ...

    def why(self, error: DatabaseError) -> str:
        """The driver's words, without values: SQLAlchemy's own message would quote parameters."""
        ...

    def explain(self, error: DatabaseError) -> WardsteadError:
        """What an operator is told."""
        ...


def dialect_of(engine: Engine) -> Dialect:
    """The ways of an engine's database."""
    return _dialect(engine.dialect.name)


def dialect_of_error(error: DBAPIError) -> Dialect:
    """The same by what its driver raised."""
    return _dialect("postgresql" if type(error.orig).__module__.startswith("psycopg") else "sqlite")


def driver_of(connection: Connection) -> Driver:
    """The driver's connection beneath one of SQLAlchemy's."""
    return dialect_of(connection.engine).driver(connection.connection.driver_connection)


def _dialect(name: str) -> Dialect:
    if name == "postgresql":
        # Its driver is installed where it is wanted alone.
        from wardstead.adapters.store.engine.postgresql import POSTGRESQL

        return POSTGRESQL
    from wardstead.adapters.store.engine.sqlite import SQLITE

    return SQLITE
