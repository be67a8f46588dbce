"""The migration makes what the tables describe."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Table

from wardstead.adapters.store import ledger_tables
from wardstead.adapters.store.base import metadata, open_engine
from wardstead.kernel.errors import ConfigurationError

revision = importlib.import_module("wardstead.adapters.store.migrations.versions.0002_ledger")
TABLES = {table.name for table in vars(ledger_tables).values() if isinstance(table, Table)}


def test_the_migrated_schema_is_that_of_the_tables(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    options = {"include_name": lambda name, kind, parents: kind != "table" or name in TABLES, "compare_type": True}
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts=options)
        with Operations.context(context):
            revision.upgrade()
        differences = [one for one in compare_metadata(context, metadata) if one[0] != "add_table" or one[1].name in TABLES]
        entry = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'entry'").scalar_one()
    assert differences == []
    assert "AUTOINCREMENT" in entry


def test_a_ledger_is_not_taken_back() -> None:
    with pytest.raises(ConfigurationError):
        revision.downgrade()
