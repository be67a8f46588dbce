"""Imported advisories in a file of their own: they can be had again, so they are in no backup and in no migration.

A file of another form is made anew by the next import; until then it says that it has nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final, Self

import msgspec

from wardstead.kernel.errors import BackendError
from wardstead.supply.advisories.advisory import Advisory
from wardstead.supply.advisories.exploited import Exploited, Likelihood

_FORM: Final = 1
_TABLES: Final = """
CREATE TABLE advisory (id TEXT PRIMARY KEY, modified TEXT NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE affected (ecosystem TEXT, name TEXT, id TEXT, PRIMARY KEY (ecosystem, name, id)) WITHOUT ROWID;
CREATE INDEX affected_by_id ON affected (id);
CREATE TABLE imported (ecosystem TEXT PRIMARY KEY, as_of TEXT NOT NULL, imported_ms INTEGER NOT NULL, file TEXT NOT NULL,
  sha256 TEXT NOT NULL, unread INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE epss (cve TEXT PRIMARY KEY, probability REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE kev (cve TEXT PRIMARY KEY, added TEXT NOT NULL, ransomware INTEGER NOT NULL) WITHOUT ROWID;
"""
_DECODER: Final = msgspec.msgpack.Decoder(Advisory)


class Import(msgspec.Struct, frozen=True):
    """What was imported (an ecosystem, ``EPSS``, ``KEV``), of which day; ``unread``: how many records could not be read."""

    ecosystem: str
    as_of: str
    imported_ms: int
    file: str
    sha256: str
    unread: int = 0


class AdvisoryFile:
    """The file, open. A ``supply`` ``Store``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """See ``reading`` and ``writing``."""
        self._connection = connection

    @classmethod
    @contextmanager
    def reading(cls, path: Path) -> Iterator[Self]:
        """Raises ``BackendError``."""
        yield from cls._opened(path, f"{path.absolute().as_uri()}?mode=ro", create=False)

    @classmethod
    @contextmanager
    def writing(cls, path: Path) -> Iterator[Self]:
        """All that is written is there, or nothing. Raises ``BackendError``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        yield from cls._opened(path, path.absolute().as_uri(), create=True)

    @classmethod
    def _opened(cls, path: Path, uri: str, *, create: bool) -> Iterator[Self]:
        try:
            connection = sqlite3.connect(uri, uri=True, isolation_level=None)
            try:
                form = connection.execute("PRAGMA user_version").fetchone()[0]
                if create:
                    connection.execute("BEGIN IMMEDIATE")
                    if form != _FORM:
                        _make(connection)
                elif form != _FORM:
                    raise sqlite3.DatabaseError("it is of another version")
                yield cls(connection)
                if create:
                    connection.execute("COMMIT")
            finally:
                connection.close()
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise BackendError(
                "the advisories cannot be used",
                where=str(path),
                why=str(error),
                next_step="import them: wardstead advisories import FILE",
            ) from None

    def about(self, key: tuple[str, str]) -> Sequence[Advisory]:
        """See ``Store``."""
        rows = self._connection.execute(
            "SELECT record FROM affected JOIN advisory USING (id) WHERE ecosystem = ? AND name = ? ORDER BY id", key
        )
        return [_DECODER.decode(row[0]) for row in rows]

    def named(self, name: str) -> list[Advisory]:
        """Those with this id, or else those that others call so."""
        row = self._connection.execute("SELECT record FROM advisory WHERE id = ?", (name,)).fetchone()
        if row is not None:
            return [_DECODER.decode(row[0])]
        # An alias stands in the record as it is, so most records need not be decoded.
        rows = self._connection.execute(
            "SELECT record FROM advisory WHERE instr(record, ?) > 0 ORDER BY id", (name.encode("utf-8", "replace"),)
        )
        return [one for row in rows if name in (one := _DECODER.decode(row[0])).names]

    def as_of(self) -> Mapping[str, date]:
        """See ``Store``."""
        return {one.ecosystem: date.fromisoformat(one.as_of) for one in self.imports()}

    def unread(self) -> Mapping[str, int]:
        """See ``Store``."""
        return {one.ecosystem: one.unread for one in self.imports() if one.unread}

    def likelihood(self, names: Iterable[str]) -> float | None:
        """See ``Store``."""
        found = [
            row[0] for name in names for row in self._connection.execute("SELECT probability FROM epss WHERE cve = ?", (name,))
        ]
        return max(found, default=None)

    def exploited(self, names: Iterable[str]) -> Exploited | None:
        """See ``Store``."""
        rows = [
            row
            for name in sorted(names)
            for row in self._connection.execute("SELECT cve, added, ransomware FROM kev WHERE cve = ?", (name,))
        ]
        return Exploited(rows[0][0], rows[0][1], bool(rows[0][2])) if rows else None

    def imports(self) -> list[Import]:
        """The newest of each ecosystem, EPSS and KEV."""
        rows = self._connection.execute(
            "SELECT ecosystem, as_of, imported_ms, file, sha256, unread FROM imported ORDER BY ecosystem"
        )
        return [Import(*row) for row in rows]

    def counts(self) -> Mapping[str, int]:
        """Advisories of each ecosystem."""
        return dict(self._connection.execute("SELECT ecosystem, count(DISTINCT id) FROM affected GROUP BY ecosystem"))

    def put(self, one: Advisory) -> bool:
        """Keep it, unless the one that is kept is as new: whether it was kept."""
        row = self._connection.execute("SELECT modified FROM advisory WHERE id = ?", (one.id,)).fetchone()
        if row is not None and row[0] >= one.modified:
            return False
        self._connection.execute("DELETE FROM affected WHERE id = ?", (one.id,))
        self._connection.execute(
            "INSERT OR REPLACE INTO advisory VALUES (?, ?, ?)", (one.id, one.modified, msgspec.msgpack.encode(one))
        )
        keys = {each.key for each in one.affected}
        self._connection.executemany("INSERT INTO affected VALUES (?, ?, ?)", [(*key, one.id) for key in keys])
        return True

    def put_likelihoods(self, found: Iterable[Likelihood]) -> int:
        """In place of all others; how many."""
        self._connection.execute("DELETE FROM epss")
        return self._connection.executemany(
            "INSERT OR REPLACE INTO epss VALUES (?, ?)", ((one.cve, one.probability) for one in found)
        ).rowcount

    def put_exploited(self, found: Iterable[Exploited]) -> int:
        """In place of all others; how many."""
        self._connection.execute("DELETE FROM kev")
        rows = ((one.cve, one.added, one.ransomware) for one in found)
        return self._connection.executemany("INSERT OR REPLACE INTO kev VALUES (?, ?, ?)", rows).rowcount

    def note(self, one: Import) -> None:
        """Remember an import; data that is older than what is there does not make it look older, nor newer."""
        self._connection.execute(
            "INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (ecosystem) DO UPDATE SET"
            " as_of = max(as_of, excluded.as_of),"
            " imported_ms = excluded.imported_ms, file = excluded.file, sha256 = excluded.sha256, unread = excluded.unread",
            (one.ecosystem, one.as_of, one.imported_ms, one.file, one.sha256, one.unread),
        )


class NoAdvisories:
    """Where nothing was imported yet: it says so of every ecosystem."""

    def about(self, key: tuple[str, str]) -> Sequence[Advisory]:
        """None."""
        del key
        return ()

    def as_of(self) -> Mapping[str, date]:
        """Of no ecosystem."""
        return {}

    def unread(self) -> Mapping[str, int]:
        """None."""
        return {}

    def likelihood(self, names: Iterable[str]) -> float | None:
        """Not known."""
        del names
        return None

    def exploited(self, names: Iterable[str]) -> Exploited | None:
        """Not known."""
        del names
        return None


def _make(connection: sqlite3.Connection) -> None:
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        connection.execute(f'DROP TABLE "{table}"')
    for statement in _TABLES.split(";")[:-1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_FORM}")
