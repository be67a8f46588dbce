"""The engine and the one ``MetaData`` that all tables share."""

from __future__ import annotations

from sqlalchemy import URL, BigInteger, Column, Engine, Integer, MetaData, Table, make_url
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.store.engine.dialect import dialect_of_error
from wardstead.adapters.store.engine.sqlite import only_read, sqlite_engine
from wardstead.kernel.errors import WardsteadError

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Number = BigInteger().with_variant(Integer, "sqlite")
"""A count without an end. SQLite gives numbers by itself to ``INTEGER`` alone, and its integers have 64 bits by any name."""


def open_engine(url: str | URL, *, at_rest: bool = False) -> Engine:
    """An engine for ``sqlite:///…`` or ``postgresql://…``: whatever it commits is durable.

    ``at_rest``: nobody is running it.
    """
    made = make_url(url)
    if made.get_backend_name() == "postgresql":
        # Its driver is installed where it is wanted alone.
        from wardstead.adapters.store.engine.postgresql import postgresql_engine

        return postgresql_engine(made)
    return sqlite_engine(made, at_rest=at_rest)


def reading_engine(url: str | URL) -> Engine:
    """An engine whose connections write nothing."""
    made = make_url(url)
    if made.get_backend_name() == "postgresql":
        from wardstead.adapters.store.engine.postgresql import postgresql_engine

        return postgresql_engine(made, read_only=True)
    engine = open_engine(made)
    only_read(engine)
    return engine


def explain(error: DatabaseError) -> WardsteadError:
    """What an operator is told. A database that cannot be read as it was written was altered; else the machine is at fault."""
    return dialect_of_error(error).explain(error)


def why(error: DatabaseError) -> str:
    """The driver's words, without values."""
    return dialect_of_error(error).why(error)


def place(engine: Engine) -> str:
    """Which database it is, as an operator knows it."""
    url = engine.url
    return url.render_as_string(hide_password=True) if url.get_backend_name() == "postgresql" else str(url.database)


directory_epoch = Table(
    "directory_epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
"""One row. Every change of people or credentials raises ``version`` in its own transaction, and so does every start, before
which models and policies may have changed. The journal compares it in the transaction of each intent, so that no exchange
goes on under a decision that is out of date."""
