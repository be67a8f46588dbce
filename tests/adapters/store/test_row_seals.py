"""Every table and column there is, from the metadata: whatever is done to a row beside Wardstead is seen, and named.

A new table is sealed by being there; one that is not has to be named in ``sealed_tables``, with a reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Connection, Engine, Integer, LargeBinary, Table, inspect
from sqlalchemy.exc import DatabaseError
from tests.adapters.store.deployment import unguarded

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import metadata, open_engine
from wardstead.adapters.store.engine.dialect import driver_of
from wardstead.adapters.store.row_seals import RowsAltered, RowSeals, seal_with
from wardstead.adapters.store.sealed_tables import UNSEALED, UNSEALED_COLUMNS, sealed_tables
from wardstead.adapters.store.transactions import read_transaction, write_transaction
from wardstead.crypto.row_seals import Head
from wardstead.ledger.verify import Problem

SEALED = sorted(sealed_tables())
ROWS = 3


def value(column: Column[Any], row: int) -> Any:
    """Something of a column's type, another for each row; what points elsewhere points to the row with the same number."""
    if column.foreign_keys:
        return value(next(iter(column.foreign_keys)).column, row)
    if isinstance(column.type, Boolean):
        return bool(row % 2)
    if isinstance(column.type, Integer):
        return 100 + row
    if isinstance(column.type, LargeBinary):
        return bytes([row]) * 16
    return f"{column.name[:8]} {row}"


def row_of(table: Table, number: int) -> dict[str, Any]:
    parent = {"parent": None} if table.name in {"share", "resource"} else {}  # nothing is its own
    return {column.name: value(column, number) for column in table.columns} | parent


class Filled:
    """A database with some rows in every sealed table, written as we write."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.turn = engine, Turn(folder / "turn")
        self.seals = RowSeals(lambda: bytes(range(32)))
        seal_with(engine, self.seals)
        with write_transaction(engine, self.turn) as connection:
            self.seals.seal_all(driver_of(connection))
        with write_transaction(engine, self.turn) as connection:
            for table in metadata.sorted_tables:
                if table.name in sealed_tables():
                    connection.execute(table.insert(), [row_of(table, number) for number in range(ROWS)])
        assert self.problems() == []

    def problems(self) -> list[Problem]:
        with read_transaction(self.engine) as connection:
            return self.seals.check(driver_of(connection))

    def seen(self, connection: Connection, name: str) -> list[Problem]:
        return self.seals.check(driver_of(connection), {name})

    def write(self, *statements: str) -> None:
        with write_transaction(self.engine, self.turn) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


@pytest.fixture
def filled(migrated: str, tmp_path: Path) -> Iterator[Filled]:
    engine = open_engine(migrated)
    yield Filled(engine, tmp_path)
    engine.dispose()


def where(table: Table, row: dict[str, Any]) -> Any:
    condition = True
    for column in table.primary_key.columns:
        condition = (column == row[column.name]) & condition
    return condition


@contextmanager
def tried(connection: Connection) -> Iterator[None]:
    """As long as it lasts: afterwards nothing of it was written."""
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def put(connection: Connection, table: Table, which: Any, **values: Any) -> bool:
    """Whether the database took it: what its own constraints refuse needs no seal."""
    try:
        with connection.begin_nested():
            return bool(connection.execute(table.update().where(which).values(**values)).rowcount)
    except DatabaseError:
        return False


def others(table: Table, column: Column[Any]) -> list[Any]:
    """What somebody might write: another row's value, nothing, a little more."""
    first, other = value(column, 0), value(column, 1)
    if isinstance(column.type, Boolean):
        return [other]
    more = first + (b"x" if isinstance(first, bytes) else "x" if isinstance(first, str) else 1)
    empty = b"" if isinstance(first, bytes) else "" if isinstance(first, str) else 0
    return [other, more, empty, *([None] if column.nullable else [])]


def test_every_table_is_sealed_or_named_with_a_reason(migrated: str) -> None:
    engine = open_engine(migrated)
    there = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    assert there == set(metadata.tables) == set(SEALED) | set(UNSEALED)
    assert all((table, column) in {(one.name, two.name) for one in metadata.tables.values() for two in one.columns}
               for table, column in UNSEALED_COLUMNS)  # fmt: skip


def test_whatever_is_done_to_a_row_is_named(filled: Filled) -> None:
    with unguarded(filled.engine) as connection:
        for name in SEALED:
            changed(filled, connection, metadata.tables[name])
            added_and_taken_away(filled, connection, metadata.tables[name])
    assert filled.problems() == []


def changed(filled: Filled, connection: Connection, table: Table) -> None:
    """Each column is named that says something else."""
    mine, taken = row_of(table, 0), 0
    for column in table.columns:
        for other in others(table, column):
            if other == mine[column.name]:
                continue
            with tried(connection):
                if not put(connection, table, where(table, mine), **{column.name: other}):
                    continue
                found = filled.seen(connection, table.name)
            taken += 1
            if column.name not in sealed_tables()[table.name].columns:
                assert found == []
            elif column.primary_key:
                assert {one.code for one in found} == {"row-inserted", "row-deleted"}, (table.name, column, other)
            else:
                (only,) = found
                assert only.code == "row-altered", (table.name, column, other)
                assert only.where.startswith(f"{table.name} [")
                assert only.what.endswith(f": {column.name}")
    assert taken


def added_and_taken_away(filled: Filled, connection: Connection, table: Table) -> None:
    """A row that nobody wrote, one that is gone, and all of them with their seals."""
    with tried(connection):
        connection.execute(table.insert().values(**row_of(table, ROWS)))
        assert [one.code for one in filled.seen(connection, table.name)] == ["row-inserted"]
    with tried(connection):
        connection.execute(table.delete().where(where(table, row_of(table, 0))))
        assert [one.code for one in filled.seen(connection, table.name)] == ["row-deleted"]
        connection.exec_driver_sql(f"DELETE FROM row_seal WHERE tab = '{table.name}'")
        connection.execute(table.delete())
        assert [one.code for one in filled.seen(connection, table.name)] == ["rows-rolled-back"]


def copied(engine: Engine, *names: str) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {name: [dict(row) for row in connection.execute(metadata.tables[name].select()).mappings()] for name in names}


def put_back(engine: Engine, kept: dict[str, list[Any]]) -> None:
    with unguarded(engine) as connection:
        for name, rows in kept.items():
            connection.execute(metadata.tables[name].delete())
            if rows:
                connection.execute(metadata.tables[name].insert(), rows)


@pytest.mark.parametrize("name", ["conversation", "erasure", "credential", "review"])
def test_a_table_that_is_put_back_with_its_seals_is_seen(filled: Filled, name: str) -> None:
    before = copied(filled.engine, name, "row_seal")
    column = {"conversation": "level", "erasure": "certificate", "credential": "scopes", "review": "verdict"}[name]
    filled.write(f"UPDATE {name} SET {column} = 'secret'")
    put_back(filled.engine, before)
    (found,) = filled.problems()
    assert (found.code, found.where) == ("rows-rolled-back", name)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM row_seal_head",
        "UPDATE row_seal_head SET tag = body",
        "UPDATE row_seal_head SET body = tag",
    ],
)
def test_without_its_head_nothing_is_believed_and_nothing_written(filled: Filled, statement: str) -> None:
    with unguarded(filled.engine) as connection:
        connection.exec_driver_sql(statement)
    assert [one.code for one in filled.problems()] == ["row-seals-altered"]
    with pytest.raises(RowsAltered):
        filled.write("UPDATE principal SET active = false")


def test_an_honest_change_seals_nobody_elses(filled: Filled) -> None:
    """Neither in the row that it changes, nor where another's row was taken away or added before."""
    with unguarded(filled.engine) as connection:
        connection.exec_driver_sql("UPDATE principal SET level = 'secret' WHERE id = 'id 0'")
    with pytest.raises(RowsAltered, match="level"):
        filled.write("UPDATE principal SET active = false WHERE id = 'id 0'")
    filled.write("UPDATE principal SET active = false WHERE id = 'id 1'")
    assert [one.where for one in filled.problems()] == ['principal ["id 0"]']


def test_what_goes_with_another_row_is_sealed_too(filled: Filled) -> None:
    """``ON DELETE CASCADE`` and ``SET NULL`` are changes as well."""
    filled.write("DELETE FROM principal WHERE id = 'id 0'")
    assert filled.problems() == []
    with filled.engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM row_seal WHERE tab = 'credential'").scalar_one()
    assert left == ROWS - 1


def test_what_was_rolled_back_leaves_nothing(filled: Filled) -> None:
    with pytest.raises(DatabaseError):
        filled.write("UPDATE principal SET active = false", "UPDATE nothing SET active = false")
    filled.write("UPDATE principal SET level = 'internal' WHERE id = 'id 2'")
    assert filled.problems() == []


def test_a_row_is_told_by_its_own_seal_alone(filled: Filled) -> None:
    with unguarded(filled.engine) as connection:
        connection.exec_driver_sql(
            "UPDATE row_seal SET seal = (SELECT seal FROM row_seal WHERE tab = 'principal' AND key = '[\"id 1\"]') "
            "WHERE tab = 'principal' AND key = '[\"id 0\"]'"
        )
    (found,) = filled.problems()
    assert (found.code, found.where) == ("row-altered", 'principal ["id 0"]')


def test_another_key_believes_nothing(filled: Filled) -> None:
    stranger = RowSeals(lambda: os.urandom(32))
    with read_transaction(filled.engine) as connection:
        assert [one.code for one in stranger.check(driver_of(connection))] == ["row-seals-altered"]


@pytest.mark.sqlite
def test_a_value_of_another_type_is_another(filled: Filled) -> None:
    with unguarded(filled.engine) as connection:
        connection.exec_driver_sql("UPDATE conversation SET level = CAST(level AS BLOB) WHERE id = 'id 0'")
    assert [one.code for one in filled.problems()] == ["row-altered"]


def test_what_the_next_upgrade_brings_is_not_missed_before_it(filled: Filled) -> None:
    """An earlier version's seals know of fewer tables and columns: they are held against what there is."""
    with write_transaction(filled.engine, filled.turn) as connection:
        driver = driver_of(connection)
        head = filled.seals.head(driver)
        assert head is not None
        less = {name: one for name, one in head.tables.items() if name != "share"}
        filled.seals._put_head(driver, Head(head.version, less))
    assert filled.problems() == []


def test_whoever_only_looks_is_not_asked_for_a_key(filled: Filled) -> None:
    """Whoever acts is: the act is sealed under one."""
    asked: list[bool] = []

    def key() -> bytes:
        asked.append(True)
        return bytes(range(32))

    seals = RowSeals(key, at_hand=lambda: False)
    with read_transaction(filled.engine) as connection:
        seals.require(driver_of(connection), {"principal"})
        assert asked == []
        assert seals.check(driver_of(connection)) == []
        assert asked == [True]


# -- what acts in the database beside us: its changes would be noted by our connections, and sealed as ours -----------------

GIVES_A_ROLE = "INSERT INTO role_member (principal, role) SELECT id, 'admin' FROM principal WHERE name = 'name 1'"
TRIGGERS = {
    "sqlite": [f"CREATE TRIGGER helper AFTER INSERT ON {{on}} BEGIN {GIVES_A_ROLE}; END"],
    "postgresql": [
        f"CREATE FUNCTION helper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {GIVES_A_ROLE}; RETURN NULL; END $$",
        "CREATE TRIGGER helper AFTER INSERT ON {on} FOR EACH ROW EXECUTE FUNCTION helper()",
    ],
}
OTHERWISE = {
    "sqlite": [
        "CREATE UNIQUE INDEX helper ON role_member (role, principal)",
        "ALTER TABLE principal ADD COLUMN helper TEXT",
        "UPDATE sqlite_schema SET sql = replace(sql, '''unknown''', '''top''') WHERE name = 'principal'",
    ],
    "postgresql": [
        "CREATE UNIQUE INDEX helper ON role_member (role, principal)",
        "ALTER TABLE principal ALTER COLUMN level SET DEFAULT 'top'",
        "CREATE RULE helper AS ON DELETE TO role_member DO INSTEAD NOTHING",
        "ALTER TABLE role_member DISABLE TRIGGER wardstead_note_change",
        "ALTER TABLE role_member DISABLE TRIGGER ALL",
        "CREATE TABLE helper (id TEXT REFERENCES principal (id) ON DELETE CASCADE)",
        "CREATE OR REPLACE FUNCTION wardstead_note_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE FUNCTION to_jsonb(principal) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{}'::jsonb $$",
    ],
}


def beside(filled: Filled, *statements: str) -> None:
    """As somebody else's program would."""
    with filled.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA writable_schema=ON")
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()
    filled.engine.dispose()


def codes(filled: Filled) -> set[str]:
    return {one.code for one in filled.problems()}


@pytest.mark.parametrize("on", ["group_member", "directory_epoch", "entry"])
def test_a_trigger_that_was_planted_has_nothing_sealed_in_our_name(filled: Filled, on: str) -> None:
    """Also where nothing is sealed: its changes are made by our connection, and noted."""
    beside(filled, *(one.format(on=on) for one in TRIGGERS[filled.engine.dialect.name]))
    assert "schema-altered" in codes(filled)
    with pytest.raises(RowsAltered, match="trigger helper"), write_transaction(filled.engine, filled.turn) as connection:
        connection.execute(metadata.tables["taken_once"].delete())
    with pytest.raises(RowsAltered, match="trigger helper"), write_transaction(filled.engine, filled.turn) as connection:
        filled.seals.seal_all(driver_of(connection))
    with read_transaction(filled.engine) as connection, pytest.raises(RowsAltered, match="trigger helper"):
        filled.seals.require(driver_of(connection), {"principal"})


@contextmanager
def declared(filled: Filled, statement: str) -> Iterator[Connection]:
    """As long as it lasts, something is declared otherwise."""
    with filled.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA writable_schema=ON")
            connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(statement)
        yield connection
        connection.rollback()


def test_a_table_that_is_declared_otherwise_is_named(filled: Filled) -> None:
    for statement in OTHERWISE[filled.engine.dialect.name]:
        with declared(filled, statement) as connection:
            assert "schema-altered" in {one.code for one in filled.seals.check(driver_of(connection))}, statement
    filled.engine.dispose()
    assert filled.problems() == []


@pytest.mark.sqlite
def test_what_is_declared_in_the_file_calls_no_function_of_ours(filled: Filled) -> None:
    """It could say that a row was changed by us which was changed beside us."""
    beside(filled, "CREATE TRIGGER helper AFTER DELETE ON taken_once BEGIN SELECT note_change('principal', 'new', 'id 0'); END")
    with pytest.raises(DatabaseError, match="unsafe use of note_change"):
        filled.write("DELETE FROM taken_once")


def test_seals_of_an_earlier_version_say_nothing_of_declarations(filled: Filled) -> None:
    with write_transaction(filled.engine, filled.turn) as connection:
        driver = driver_of(connection)
        head = filled.seals.head(driver)
        assert head is not None
        filled.seals._put_head(driver, Head(head.version, head.tables))
    with declared(filled, OTHERWISE[filled.engine.dialect.name][0]) as connection:
        assert filled.seals.check(driver_of(connection)) == []
    filled.write("DELETE FROM taken_once")
    assert filled.problems() == []
