"""The engine and the one ``MetaData`` that all tables share.

SQLite (WAL, ``synchronous=FULL``) is the embedded default: a commit has returned only after its fsync.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, event

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def open_engine(url: str) -> Engine:
    """An engine for ``sqlite:///…``: every connection is durable, waits 5 s for a lock, and enforces foreign keys."""
    engine = create_engine(url, pool_pre_ping=False)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_pragmas)
    return engine


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=5000",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


directory_epoch = Table(
    "directory_epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
"""One row. Every change of people, credentials, models or policies raises ``version`` in its own transaction; the journal
compares it in the transaction of each intent, so that no exchange goes on under a decision that is out of date."""
