"""Transactions: those that read see one state, those that write hold the write lock from their first statement on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import explain
from wardstead.adapters.store.engine.dialect import dialect_of, driven
from wardstead.adapters.store.row_seals import sealing


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Whatever is read in it is of one moment. Keep it short."""
    dialect = dialect_of(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        dialect.begin_reading(connection)
        try:
            yield connection
        finally:
            dialect.rollback(connection)


@contextmanager
def write_transaction(engine: Engine, turn: Turn, *, durable: bool = True) -> Iterator[Connection]:
    """A transaction that nobody writes beside: what it reads stays true until it commits. Durable when the block is left.

    One that is not ``durable`` becomes so with the next one that is, whoever commits it. What it changed is sealed
    (``row_seals``).
    """
    dialect, seals = dialect_of(engine), sealing(engine)
    with turn, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            if seals is not None:
                seals.watch(connection)
            dialect.begin_writing(connection, durable=durable)
            yield connection
            if seals is not None:
                with driven(connection) as driver:
                    seals.keep(driver)
            dialect.commit(connection)
        except BaseException:
            dialect.rollback(connection)
            raise


@contextmanager
def explained() -> Iterator[None]:
    """What the database refuses in this block is an error of ours, as ``explain`` says it."""
    try:
        yield
    except DatabaseError as error:
        raise explain(error) from None
