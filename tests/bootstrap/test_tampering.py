"""The matrix: whatever is done to a row or a byte of the tree, its tiles, checkpoints and cosignatures is detected, and named.

The rows of entries have a matrix of their own (``tests/adapters/store/test_tampering.py``), all rows beside the tree another
(``test_row_seals.py`` there), exports and the witness theirs (``tests/auditor``). What is exempt says why.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from tests.bootstrap.test_witnessing import Elsewhere, grow

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.ledger import verifying
from wardstead.bootstrap.ledger.verifying import verify
from wardstead.bootstrap.ledger.witnessing import witness_round

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
Value = str | bytes | int | None
LEAF = {"entry-altered", "entry-deleted", "leaf-missing", "reordered", "rewritten", "truncated", "unreadable", "entry-inserted"}
NAMED = {
    "leaf": LEAF,
    "tile": {"tile-altered", "unreadable"},
    "checkpoint": {"checkpoint-altered", "checkpoint-signature", "truncated", "unreadable", "rewritten"},
    "cosignature": {"cosignature-altered", "truncated", "rewritten"},
}
EXEMPT = {
    ("checkpoint", "time_ms"): "when it was signed is nobody's claim: what it is used for is how long entries have waited",
    ("cosignature", "witness"): "under another name it is no configured witness's, and counts for nothing",
}
KEPT_ELSEWHERE = "of rows that are gone the newest are kept among the keys; older ones prove no more than they do"


@pytest.fixture
def made(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """A ledger of a few checkpoints, each of them cosigned."""
    monkeypatch.setattr(verifying, "row_problems", lambda _deployment: [])  # they are not what is changed here
    elsewhere = Elsewhere(deployment, "w1.example")
    opened = elsewhere.configured(deployment)
    for _ in range(2):
        grow(opened)
        witness_round(opened, elsewhere)
    assert verify(opened, opened.ledger).ok
    with database(opened) as connection:
        for name in NAMED:  # in tables that take anything, as a file does
            columns = ", ".join(columns_of(connection, name))
            connection.executescript(
                f"CREATE TABLE anything ({columns}); INSERT INTO anything SELECT {columns} FROM {name};"
                f"DROP TABLE {name}; ALTER TABLE anything RENAME TO {name}"
            )
    opened.engine.dispose()
    yield opened
    opened.engine.dispose()


@contextmanager
def database(deployment: Deployment) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(deployment.places.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        yield connection


def columns_of(connection: sqlite3.Connection, name: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]


def found(deployment: Deployment) -> set[str]:
    return {problem.code for problem in verify(deployment, deployment.ledger).problems}


KEYS = {("leaf", "idx"), ("checkpoint", "size")}
"""They are SQLite's row ids: it keeps integers in them, and nothing else (https://www.sqlite.org/lang_createtable.html#rowid)."""


def changes(value: Any, others: list[Any], *, key: bool) -> Iterator[Value]:
    """Another bit of each byte (deep) or of some, more, less, something else of the same column, and of other types."""
    if isinstance(value, int):
        yield from (value + 1, value - 1, -value - 1)
    else:
        data = value.encode() if isinstance(value, str) else value
        for at in range(0, len(data), 1 if DEEP else max(1, len(data) // 3)):
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            yield changed.decode("utf-8", "replace") if isinstance(value, str) else changed
        yield from (value[:-1], value[1:], value + value[:1])
    yield from others
    yield from () if key else (None, "", b"", 2**40, str(value) + "x", bytes(32))


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_change_of_any_column_is_named(made: Deployment, name: str) -> None:
    with database(made) as connection:
        columns = columns_of(connection, name)
        rows = connection.execute(f"SELECT rowid, {', '.join(columns)} FROM {name}").fetchall()
        for rowid, *values in rows:
            for number, column in enumerate(columns):
                if (name, column) in EXEMPT:
                    continue
                others = [row[number + 1] for row in rows if row[number + 1] != values[number]]
                for value in changes(values[number], others, key=(name, column) in KEYS):
                    if value == values[number] and type(value) is type(values[number]):
                        continue
                    connection.execute(f"UPDATE {name} SET {column} = ? WHERE rowid = ?", (value, rowid))
                    codes = found(made)
                    assert codes & NAMED[name], (rowid, column, value, codes)
                    connection.execute(f"UPDATE {name} SET {column} = ? WHERE rowid = ?", (values[number], rowid))
        assert found(made) == set()


@pytest.mark.parametrize("name", ["leaf", "tile"])
def test_a_row_that_is_gone_or_there_twice_is_named(made: Deployment, name: str) -> None:
    with database(made) as connection:
        columns = ", ".join(columns_of(connection, name))
        rows = connection.execute(f"SELECT rowid, {columns} FROM {name}").fetchall()
        places = ", ".join("?" * len(rows[0]))
        for row in rows:
            connection.execute(f"DELETE FROM {name} WHERE rowid = ?", row[:1])
            assert found(made) & NAMED[name], row
            connection.execute(f"INSERT INTO {name} (rowid, {columns}) VALUES ({places})", row)
            connection.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {name} WHERE rowid = ?", row[:1])
            assert found(made) & NAMED[name], row
            connection.execute(f"DELETE FROM {name} WHERE rowid = (SELECT max(rowid) FROM {name})")
        assert found(made) == set()


def test_the_newest_checkpoint_and_cosignature_are_missed(made: Deployment) -> None:
    with database(made) as connection:
        size = connection.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
        for statement in (f"DELETE FROM leaf WHERE idx = {size - 1}", f"DELETE FROM entry WHERE id = {size}"):
            connection.execute(statement)
        connection.execute("DELETE FROM checkpoint WHERE size = ?", (size,))
        connection.execute("DELETE FROM cosignature")
        connection.execute("UPDATE tile SET hashes = substr(hashes, 1, length(hashes) - 32)")
    codes = found(made)
    assert "truncated" in codes, KEPT_ELSEWHERE


@pytest.mark.parametrize("which", ["copy", "signed", "witnesses"])
def test_a_change_of_any_byte_of_what_is_kept_beside_is_named(made: Deployment, which: str) -> None:
    folder = made.places.signed.parent
    path = {"copy": made.places.state / "checkpoint", "signed": made.places.signed, "witnesses": folder / "witnesses.json"}[which]
    content = path.read_bytes()
    note = content.index(b"wardstead.local") if which == "witnesses" else 0
    for at in range(note, len(content) - 3, 1 if DEEP else 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        codes = found(made)
        gone = which == "witnesses" and not codes  # no JSON any more: then nothing is witnessed, and the posture says so
        assert codes or gone, at
    path.write_bytes(content)
    assert found(made) == set()
