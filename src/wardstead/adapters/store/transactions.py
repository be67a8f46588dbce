"""Transactions: those that read see one state, those that write hold the write lock from their first statement on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.store.base import explain
from wardstead.adapters.store.locks import Turn


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Whatever is read in it is of one moment. Keep it short: while it lasts, the write-ahead log cannot start over.

    The driver begins a transaction of its own at the first write only, so ``BEGIN`` is said here.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            connection.connection.rollback()


@contextmanager
def write_transaction(engine: Engine, turn: Turn, *, durable: bool = True) -> Iterator[Connection]:
    """A transaction that nobody writes beside: what it reads stays true until it commits. Durable when the block is left.

    One that is not ``durable`` becomes so with the next one that is, whoever commits it: the write-ahead log is synced up
    to there (https://www.sqlite.org/pragma.html#pragma_synchronous).

    ``BEGIN IMMEDIATE`` takes SQLite's write lock at once; a deferred transaction would find out at its first write that
    what it read is out of date (https://www.sqlite.org/lang_transaction.html).
    """
    with turn, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.connection.rollback()  # nothing to do where SQLite has rolled back by itself
            raise
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA synchronous=FULL")


@contextmanager
def explained() -> Iterator[None]:
    """What the database refuses in this block is an error of ours, as ``explain`` says it."""
    try:
        yield
    except DatabaseError as error:
        raise explain(error) from None
