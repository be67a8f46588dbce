"""What differs between the databases: locks, what errors mean, and the driver's own connection for the hot path."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

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


class Watched(Protocol):
    """A table whose changes are noted (``sealed_tables``)."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def key(self) -> Sequence[str]:
        """The columns of its primary key."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """The columns that are noted."""
        ...

    @property
    def binary(self) -> frozenset[str]:
        """Those of them that hold bytes."""
        ...


class Changed(NamedTuple):
    """A row that a transaction changed."""

    table: str
    before: tuple[Any, ...] | None
    """Its noted columns until then; ``None`` where it is new."""
    key: tuple[Any, ...] | None
    """Its primary key from then on; ``None`` where it is gone."""


class Put(NamedTuple):
    """Rows within a statement: the ``text`` of a table ``put`` with the columns ``column1`` and on, and what goes into it."""

    text: str
    parameters: list[Any]


class Declared(NamedTuple):
    """Something that the database does by itself where a statement of ours reaches one of our tables."""

    table: str
    what: str
    """Its kind and its name."""
    text: str
    """How it is declared."""
    ours: bool
    """Whether a version of ours has such a thing at all."""


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

    def watch(self, tables: Iterable[Watched]) -> bool:
        """From now on note which of their rows this connection changes; whether it did so before. Outside a transaction.

        Nobody else's connection is watched, and nobody else can add to what is noted.
        """
        ...

    def changed(self, tables: Mapping[str, Watched]) -> list[Changed]:
        """What the present transaction changed so far, in its order."""
        ...

    def declared(self, tables: Collection[str]) -> Iterable[Declared]:
        """How these tables are declared, and whatever else would act where they are written."""
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

    def table(self, rows: Sequence[Sequence[Any]], types: Sequence[str]) -> Put:
        """One row or more for a statement, with the types of their columns."""
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


@contextmanager
def driven(connection: Connection) -> Iterator[Driver]:
    """The same for a block; what the driver raises in it is SQLAlchemy's error."""
    try:
        yield driver_of(connection)
    except dialect_of(connection.engine).errors as error:
        raise OperationalError("in the driver's words", None, error) from None


def _dialect(name: str) -> Dialect:
    if name == "postgresql":
        # Its driver is installed where it is wanted alone.
        from wardstead.adapters.store.engine.postgresql import POSTGRESQL

        return POSTGRESQL
    from wardstead.adapters.store.engine.sqlite import SQLITE

    return SQLITE
