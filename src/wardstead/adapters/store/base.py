"""The engine and the one ``MetaData`` that all tables share.

SQLite (WAL, ``synchronous=FULL``): a commit has returned only after its fsync.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError

from wardstead.kernel.errors import BackendError, IntegrityError, WardsteadError

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def open_engine(url: str, *, at_rest: bool = False) -> Engine:
    """An engine for ``sqlite:///…``: every connection is durable, waits 5 s for a lock, and enforces foreign keys.

    ``at_rest``: nobody is running it. What then lies closed in a folder that cannot be written (a copy to be verified) is
    read as it lies.
    """
    database = make_url(url).database
    if at_rest and database and _lies_closed(Path(database)):
        # Without a write-ahead log there is nothing to recover, and SQLite need not make one to read
        # (https://www.sqlite.org/uri.html#uriimmutable).
        immutable = f"file:{quote(database)}?immutable=1"
        return create_engine(url, creator=lambda: sqlite3.connect(immutable, uri=True, check_same_thread=False))
    engine = create_engine(url, pool_pre_ping=False)
    event.listen(engine, "connect", _pragmas)
    return engine


def reading_engine(url: str) -> Engine:
    """An engine whose connections write nothing."""
    engine = open_engine(url)
    event.listen(engine, "connect", _read_only)
    return engine


def _read_only(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only=ON")


def explain(error: DatabaseError) -> WardsteadError:
    """What an operator is told. A database that cannot be read as it was written was altered; else the machine is at fault."""
    why = str(error.orig)
    # https://www.sqlite.org/rescode.html: primary codes are the low byte of extended ones.
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}:
        return IntegrityError(
            "the database cannot be read as it was written", why=why,
            next_step="restore it from a backup, and hold it against a checkpoint kept elsewhere: 'ledger verify --checkpoint'",
        )  # fmt: skip
    return BackendError("the database cannot be used", why=why, next_step="see to its disk and its folder's permissions")


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
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


directory_epoch = Table(
    "directory_epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
"""One row. Every change of people or credentials raises ``version`` in its own transaction, and so does every start, before
which models and policies may have changed. The journal compares it in the transaction of each intent, so that no exchange
goes on under a decision that is out of date."""
