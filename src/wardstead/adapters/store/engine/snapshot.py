"""One moment of an SQLite database, while others write to it: https://www.sqlite.org/backup.html."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from wardstead.kernel.errors import BackendError, IntegrityError

_PAGES = 1024


def copy_database(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy ``source`` as it is at this moment; writers wait for nobody. ``progress(done, total)`` counts pages.

    The copy is read in one transaction, without which each write of somebody else would begin it anew.
    """
    try:
        with closing(_open(source)) as database, closing(sqlite3.connect(target, isolation_level=None)) as copy:
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            database.backup(copy, pages=_PAGES, progress=lambda _status, left, total: progress(total - left, total))
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise BackendError("the database cannot be copied", where=str(source), why=str(error)) from None


def database_bytes(source: Path) -> bytes:
    """A small database as it is at this moment, in memory alone: of a key store no second file is made."""
    try:
        with closing(_open(source)) as database:
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return database.serialize()
    except sqlite3.Error as error:
        raise BackendError("the database cannot be copied", where=str(source), why=str(error)) from None


def require_sound(path: Path) -> None:
    """Raises ``IntegrityError`` where the database's own pages do not fit together."""
    try:
        with closing(_open(path)) as database:
            found = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        found = [str(error)]
    if found != ["ok"]:
        raise IntegrityError("the pages of a database do not fit together", where=str(path), why="; ".join(found))


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise IntegrityError("there is no such database", where=str(path))
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=10, isolation_level=None)
