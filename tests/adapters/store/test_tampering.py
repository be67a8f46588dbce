"""Whatever is changed in a row of the journal, in whatever way, verification says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from tests.adapters.store.deployment import Deployment, now_ms

from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.adapters.store.tables.ledger import entry
from wardstead.ledger.entry import Header, minute_of
from wardstead.ledger.ports import EntryKind

pytestmark = pytest.mark.sqlite  # another store takes no value of another type
Value = str | bytes | int | None
Rows = dict[int, dict[str, Value]]
COLUMNS = [column.name for column in entry.columns]
UNREAD = {"worker": "who owes an outcome: of an exchange that has one nothing reads it, others are counted as open"}
OLD = ("a", "b", "c")
UNCOMMITTED = {"subject", "time_ms"}
"""What entries of version 1 said nothing of; of the time, only what is below the minute."""


def increment(rows: Rows, row: int, column: str) -> Iterator[Value]:
    value = rows[row][column]
    if isinstance(value, bytes):
        for at in {0, len(value) // 2, len(value) - 1} if value else ():
            yield value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value + 60_000)
    else:
        yield f"{value or ''}x"


def swap(rows: Rows, row: int, column: str) -> Iterator[Value]:
    yield from {one[column] for one in rows.values()} - {rows[row][column]}


def nothing(rows: Rows, row: int, column: str) -> Iterator[Value]:
    yield from (one for one in (None, "", b"", 0) if one != rows[row][column])


def other_type(rows: Rows, row: int, column: str) -> Iterator[Value]:
    value = rows[row][column]
    yield value.decode("latin-1") if isinstance(value, bytes) else str(value).encode()


CHANGES = [increment, swap, nothing, other_type]


@pytest.fixture
def copy(deployment: Deployment, tmp_path: Path) -> Path:
    """Three entries of version 1 and six of now, of three people, all signed; in a table that takes anything."""
    with deployment.engine.begin() as connection:
        for name in OLD:
            old = now_ms() - 600_000
            header = Header(EntryKind.ADMIN, name, minute_of(old)).encode()  # type: ignore[arg-type]
            row = {"exchange": name, "kind": "admin", "header": header, "body": b"", "subject": f"old-{name}", "time_ms": old}
            connection.execute(insert(entry).values(row))
    deployment.record()
    journal = deployment.journal()
    for subject, finish in (("alice", True), ("bob", True), ("carol", False)):
        deployment.exchange(journal, subject, finish=finish)
    journal.close()
    deployment.record()  # it ends carol's exchange
    deployment.record()
    path = tmp_path / "copy.db"
    with closing(sqlite3.connect(deployment.engine.url.database or "")) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        columns = ", ".join(COLUMNS)
        target.executescript(
            f"CREATE TABLE anything ({columns}); INSERT INTO anything SELECT {columns} FROM entry;"
            "PRAGMA foreign_keys=OFF; DROP TABLE entry; ALTER TABLE anything RENAME TO entry"
        )
    return path


@contextmanager
def altered(path: Path, row: int, column: str, value: Value) -> Iterator[None]:
    """As long as it lasts, the column of a row says this."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (before,) = connection.execute(f"SELECT {column} FROM entry WHERE rowid = ?", (row,)).fetchone()
        connection.execute(f"UPDATE entry SET {column} = ? WHERE rowid = ?", (value, row))
        yield
        connection.execute(f"UPDATE entry SET {column} = ? WHERE rowid = ?", (before, row))


def exempt(row: dict[str, Value], column: str, value: Value) -> bool:
    """Whether nobody ever committed to this."""
    if column in UNREAD or column not in UNCOMMITTED or row["exchange"] not in OLD:
        return column in UNREAD
    return isinstance(value, str) if column == "subject" else isinstance(value, int) and _same_minute(row["time_ms"], value)


def _same_minute(time_ms: Any, other_ms: int) -> bool:
    return minute_of(time_ms) == minute_of(other_ms)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_a_change_of_any_column_is_seen(
    deployment: Deployment, copy: Path, change: Callable[[Rows, int, str], Iterator[Value]], column: str
) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute(f"SELECT rowid, {', '.join(COLUMNS)} FROM entry").fetchall()
    rows: Rows = {rowid: dict(zip(COLUMNS, values, strict=True)) for rowid, *values in found}
    engine = open_engine(f"sqlite:///{copy}")
    reader = LedgerReader(engine, deployment.ledger_key.verifying)
    assert reader.verify(clock=now_ms).ok
    tried = 0
    for row, values in rows.items():
        for value in change(rows, row, column):
            with altered(copy, row, column, value):
                ok = reader.verify(clock=now_ms, known=deployment.known()).ok
            assert ok is exempt(values, column, value), (row, column, value)
            tried += 1
    assert tried >= len(rows)
    engine.dispose()


@pytest.mark.parametrize("value", ["text", b"\x00\xff", -1, 1e300, 2**63 - 1, "", b""], ids=repr)
@pytest.mark.parametrize("column", ["header", "body", "subject", "exchange", "kind", "time_ms", "outcome"])
def test_a_value_of_any_type_is_told_when_contents_are_opened(
    deployment: Deployment, copy: Path, column: str, value: Value
) -> None:
    engine = open_engine(f"sqlite:///{copy}")
    reader = LedgerReader(engine, deployment.ledger_key.verifying)
    with altered(copy, 4, column, value):
        found = reader.verify_contents(deployment.ring)
    assert {one.code for one in found.problems} <= {"content-altered"}
    if column == "body":
        assert found.problems
    engine.dispose()


def test_a_leaf_with_a_number_that_none_has_is_told(deployment: Deployment, copy: Path) -> None:
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE leaf SET idx = 9223372036854775807 WHERE idx = (SELECT max(idx) FROM leaf)")
    engine = open_engine(f"sqlite:///{copy}")
    report = LedgerReader(engine, deployment.ledger_key.verifying).verify(clock=now_ms)
    assert [one.code for one in report.problems] == ["unreadable"]
    engine.dispose()
