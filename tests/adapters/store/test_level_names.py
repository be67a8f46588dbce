"""Ranks of before become names, and what is stored under a name is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.content.marks import label_of
from wardstead.adapters.store.level_names import stored_level_names
from wardstead.adapters.store.migrate import _config, upgrade
from wardstead.kernel.labels import STANDARD, Levels

BEFORE = "0011_federation"
NAMES = ["public", "internal", "confidential", "restricted"]
RANKS = range(4)


@pytest.fixture
def older(tmp_path: Path) -> Engine:
    """As the version before left it: of each rank a person with role, key and password, and whatever has a label."""
    engine = open_engine(f"sqlite:///{tmp_path / 'older.db'}")
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    with engine.begin() as connection:
        for rank in RANKS:
            values = {"rank": rank, "id": f"id{rank}", "mark": bytes([rank]) * 32}
            for statement in (
                (
                    "INSERT INTO principal (id, name, kind, active, level, compartments, subject, created_ms) "
                    "VALUES (:id, :id, 'person', 1, :rank, 'personal', :id, 7)"
                ),
                "INSERT INTO role_member (principal, role) VALUES (:id, 'user')",
                (
                    "INSERT INTO credential (id, kind, prefix, digest, csrf_digest, principal, scopes, created_ms) "
                    "VALUES (:id, 'api-key', 'ws', :mark, :mark, :id, '', 7)"
                ),
                "INSERT INTO password (principal, hash, must_change) VALUES (:id, 'hash', 0)",
                (
                    "INSERT INTO conversation (id, owner, level, compartments, version, vault, created_ms, changed_ms) "
                    "VALUES (:id, :id, :rank, 'personal', 5, :mark, 7, 8)"
                ),
                (
                    "INSERT INTO fingerprint (mark, owner, conversation, level, compartments, long, time_ms) "
                    "VALUES (:mark, :id, :id, :rank, 'personal', 1, 7)"
                ),
                (
                    "INSERT INTO review (exchange, owner, verdict, level, compartments, digest, decided_ms, until_ms, used_ms) "
                    "VALUES (:id, :id, 'released', :rank, 'personal', :mark, 7, 8, 0)"
                ),
            ):
                connection.execute(text(statement), {name: values[name] for name in values if f":{name}" in statement})
    return engine


def rows(engine: Engine, table: str) -> list[dict[str, object]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]


@pytest.mark.parametrize("table", ["principal", "conversation", "fingerprint", "review"])
def test_ranks_become_names_and_all_else_stays(older: Engine, table: str) -> None:
    before = rows(older, table)
    assert [row["level"] for row in before] == list(RANKS)
    upgrade(older)
    after = rows(older, table)
    assert [row["level"] for row in after] == NAMES
    assert [{**row, "level": 0} for row in after] == [{**row, "level": 0} for row in before]


def test_what_refers_to_people_stays_and_keys_still_hold(older: Engine) -> None:
    tables = ("role_member", "credential", "password")
    before = {table: rows(older, table) for table in tables}
    assert {len(found) for found in before.values()} == {len(RANKS)}
    upgrade(older)
    for table in tables:
        kept = before[table][0].keys()  # later versions have more columns
        assert [{name: row[name] for name in kept} for row in rows(older, table)] == before[table]
    with older.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    upgrade(older)  # again changes nothing
    assert [row["level"] for row in rows(older, "principal")] == NAMES


def test_a_rank_that_meant_nothing_denies(older: Engine) -> None:
    with older.begin() as connection:
        connection.execute(text("UPDATE conversation SET level = 9 WHERE id = 'id0'"))
        connection.execute(text("UPDATE principal SET level = 9 WHERE id = 'id3'"))
    upgrade(older)
    (odd,) = (row for row in rows(older, "conversation") if row["id"] == "id0")
    assert odd["level"] == "9"
    assert not STANDARD.label("restricted", ["personal"]).dominates(label_of("9", "personal", STANDARD))
    assert STANDARD.clearance("9", ["personal"]).level.name == "public"


def test_names_that_are_stored_are_counted_and_ranks_are_none(older: Engine) -> None:
    assert stored_level_names(older) == {}
    upgrade(older)
    expected = dict.fromkeys(NAMES, 1)
    assert stored_level_names(older) == {"people": expected, "conversations": expected, "documents": {}}
    own = Levels(("public", "internal", "secret"), {"restricted": "secret"})
    assert [name for name in NAMES if not own.has(name)] == ["confidential"]


def test_a_database_without_tables_has_no_names(tmp_path: Path) -> None:
    assert stored_level_names(open_engine(f"sqlite:///{tmp_path / 'empty.db'}")) == {}
