"""What was done to rows beside Wardstead: what it stops, what betrays it when all of it is put back, and how somebody goes on."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from alembic import command
from sqlalchemy import event, insert, update
from tests.bootstrap.test_acts import acts
from typer.testing import CliRunner

from wardstead.adapters.store import migrate
from wardstead.adapters.store.engine.dialect import driven
from wardstead.adapters.store.migrate import upgrade
from wardstead.adapters.store.row_seals import RowsAltered, RowSeals
from wardstead.adapters.store.tables.conversations import conversation
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.ledger.row_seals import accept_rows, begin_rows, keep_known_rows, require_sealed_rows, row_problems
from wardstead.bootstrap.ordering import Order
from wardstead.cli.main import app
from wardstead.crypto.row_seals import Head
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.labels import label
from wardstead.ledger.ports import Claim

STATE = ("row_seal", "row_seal_head", "principal", "role_member", "directory_epoch")
ELSE = "INSERT INTO role_member SELECT id, 'auditor' FROM principal"


@pytest.fixture
def made(deployment: Deployment) -> Deployment:
    people.add(deployment, "ana", ["user"], "internal", [])
    assert row_problems(deployment) == []
    return deployment


def beside(deployment: Deployment, *statements: str) -> None:
    """Written by somebody who has the database alone."""
    with closing(sqlite3.connect(deployment.places.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for statement in statements:
            connection.execute(statement)


def put_aside(deployment: Deployment) -> list[str]:
    """What puts these tables back as they are now."""
    beside(deployment, *(f"CREATE TABLE old_{name} AS SELECT * FROM {name}" for name in STATE))
    return [word for name in STATE for word in (f"DELETE FROM {name}", f"INSERT INTO {name} SELECT * FROM old_{name}")]


def codes(deployment: Deployment) -> list[str]:
    return [one.code for one in row_problems(deployment)]


def test_nothing_starts_and_nobody_decides_by_rows_that_were_altered(made: Deployment) -> None:
    before = made.directory.load()
    beside(made, ELSE)
    for refused in (lambda: require_sealed_rows(made), made.directory.load):
        with pytest.raises(RowsAltered, match="was not written") as told:
            refused()
        assert told.value.where.startswith("role_member [")
        assert "accept-rows" in told.value.next_step
    beside(made, "DELETE FROM role_member WHERE role = 'auditor'")
    assert made.directory.load() == before


def test_a_password_that_was_put_there_opens_nothing(made: Deployment) -> None:
    made.passwords.set_password("ana", "a long password", must_change=False)
    beside(made, "UPDATE password SET hash = (SELECT hash FROM password ORDER BY hash LIMIT 1)",
           "UPDATE password SET must_change = 1 - must_change")  # fmt: skip
    with pytest.raises(RowsAltered):
        made.passwords.check_password("ana", "a long password")


def test_who_looks_while_others_write_sees_a_row_and_its_seal_of_one_moment(
    made: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"id": "c", "owner": "ann", "level": "internal", "compartments": "", "version": 1, "created_ms": 1, "changed_ms": 1}
    with write_transaction(made.engine, made.turn) as connection:
        connection.execute(insert(conversation).values(row))
    other, require = Deployment(made.places.directory, {}), RowSeals._require_sealed

    def between(self: RowSeals, *asked: Any) -> None:
        monkeypatch.undo()
        with write_transaction(other.engine, other.turn) as connection:
            connection.execute(update(conversation).values(level="confidential", version=2))
        require(self, *asked)

    monkeypatch.setattr(RowSeals, "_require_sealed", between)
    assert made.conversations.look(Claim("ann", "c")).mark == label("internal")
    assert made.conversations.look(Claim("ann", "c")).mark == label("confidential")


def test_a_hold_that_was_taken_away_holds_all_the_same(made: Deployment) -> None:
    ana = made.directory.find("ana")
    made.erasures.hold(ana, {})
    beside(made, "DELETE FROM legal_hold", "DELETE FROM row_seal WHERE tab = 'legal_hold'")
    with pytest.raises(RowsAltered, match="1 were written"):
        made.erasures.begin(ana, {})


def test_what_is_put_back_with_all_its_seals_is_betrayed_by_what_the_keys_know(made: Deployment) -> None:
    back = put_aside(made)
    made.directory.set_roles("ana", ["auditor"])
    keep_known_rows(made)
    beside(made, *back)
    (found,) = row_problems(made)
    assert "keys/ledger/rows knows of" in found.what


def test_and_by_the_newest_act_where_that_is_put_back_too(made: Deployment) -> None:
    keep_known_rows(made)
    shutil.copyfile(made.places.rows, made.places.rows.with_name("aside"))
    back = put_aside(made)
    made.directory.set_roles("ana", ["auditor"])
    made.directory.set_roles("ana", ["user", "auditor"])
    keep_known_rows(made)
    beside(made, *back)
    shutil.move(made.places.rows.with_name("aside"), made.places.rows)
    (found,) = row_problems(made)
    assert "the newest act of administration knows of" in found.what


def test_seals_that_are_gone_are_missed(made: Deployment) -> None:
    beside(made, "DELETE FROM row_seal_head", "DELETE FROM row_seal")
    assert codes(made) == ["row-seals-altered"]


def test_somebody_accepts_what_was_changed_and_that_is_recorded(made: Deployment) -> None:
    beside(made, ELSE)
    call = ["-C", str(made.places.directory), "ledger", "accept-rows", "--by", "admin", "--reason", "by hand"]
    done = CliRunner().invoke(app, call)
    assert (done.exit_code, done.output) == (0, "2 differences accepted\n")
    assert row_problems(made) == []
    (act,) = acts(made, "rows.accept")
    assert (act["reason"], act["problems"]) == ("by hand", 2)
    assert "auditor" in made.directory.load().principals[made.directory.find("ana").id].roles


def older(deployment: Deployment, revision: str = "0028_root_rotation") -> None:
    """As an earlier version left it; the default is that before seals."""
    config = migrate._config()
    with deployment.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    deployment.engine.dispose()


def test_a_database_of_before_is_believed_once(made: Deployment) -> None:
    older(made)
    beside(made, ELSE)
    made.places.rows.unlink()
    require_sealed_rows(made)
    with pytest.raises(ConfigurationError, match="earlier version"):
        people.add(made, "ben", ["user"], "internal", [])
    begin_rows(made, anew=upgrade(made.engine))
    assert row_problems(made) == []
    people.add(made, "ben", ["user"], "internal", [])
    assert row_problems(made) == []
    assert made.places.rows.exists()


def test_a_table_that_only_a_later_version_has_is_told_as_that(made: Deployment) -> None:
    older(made, "0029_row_seals")
    beside(made, "DROP TABLE review")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="earlier version"):
            made.admin_record.record_admin("system", "backup.create", {})


def test_one_that_only_seems_to_be_of_before_is_not(made: Deployment) -> None:
    keep_known_rows(made)
    older(made)
    with pytest.raises(RowsAltered, match="seals of all rows are gone"):
        require_sealed_rows(made)


def test_a_start_seals_how_the_tables_are_declared(made: Deployment) -> None:
    """Seals of an earlier version do not say it."""
    with write_transaction(made.engine, made.turn) as connection, driven(connection) as driver:
        head = made.row_seals.head(driver)
        assert head is not None
        made.row_seals._put_head(driver, Head(head.version + 1, head.tables))
    begin_rows(made)
    assert row_problems(made) == []
    beside(made, "CREATE UNIQUE INDEX helper ON role_member (role, principal)")
    assert codes(made) == ["schema-altered"]


def test_somebody_elses_trigger_gives_nobody_a_role_and_is_never_accepted(made: Deployment) -> None:
    beside(made, f"CREATE TRIGGER helper AFTER UPDATE ON directory_epoch BEGIN {ELSE}; END")
    for act in (
        lambda: people.add(made, "bob", ["user"], "internal", []),
        made.directory.load,
        lambda: require_sealed_rows(made),
    ):
        with pytest.raises(RowsAltered, match="somebody else's trigger helper"):
            act()
    with pytest.raises(RowsAltered, match="drop it"):
        accept_rows(made, Order("admin", "it was me"))
    beside(made, "DROP TRIGGER helper")
    assert row_problems(made) == []
    assert {one.name for one in made.directory.list_principals()} == {"admin", "ana"}


def test_the_newest_act_is_found_without_looking_at_the_exchanges_since(made: Deployment) -> None:
    asked: list[str] = []

    @event.listens_for(made.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    assert row_problems(made) == []
    statement = next(one for one in asked if "FROM entry" in one)
    with made.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.replace('?', '1')}").all()
    assert [row[-1] for row in plan] == ["SCAN entry USING INDEX ix_entry_acts"]
