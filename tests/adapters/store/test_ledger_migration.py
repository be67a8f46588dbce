"""The migrations make what the tables describe."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from wardstead.adapters.store import conversation_tables, directory_tables, ledger_tables
from wardstead.adapters.store.base import metadata, open_engine
from wardstead.adapters.store.migrate import upgrade
from wardstead.kernel.errors import ConfigurationError

revision = importlib.import_module("wardstead.adapters.store.migrations.versions.0002_ledger")


def test_the_migrated_schema_is_that_of_the_tables(tmp_path: Path) -> None:
    described = {directory_tables.credential.name, ledger_tables.entry.name, conversation_tables.fingerprint.name}
    engine = open_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
        entry = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'entry'").scalar_one()
    assert described <= set(metadata.tables)
    assert differences == []
    assert "AUTOINCREMENT" in entry


def test_a_ledger_is_not_taken_back() -> None:
    with pytest.raises(ConfigurationError):
        revision.downgrade()
