"""The migrations make what the tables describe."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Table

from wardstead.adapters.store.base import metadata, open_engine
from wardstead.adapters.store.migrate import upgrade
from wardstead.adapters.store.tables import access as access_tables
from wardstead.adapters.store.tables import admissions as admission_tables
from wardstead.adapters.store.tables import break_glass as break_glass_tables
from wardstead.adapters.store.tables import conversations as conversation_tables
from wardstead.adapters.store.tables import directory as directory_tables
from wardstead.adapters.store.tables import erasures as erasure_tables
from wardstead.adapters.store.tables import federation as federation_tables
from wardstead.adapters.store.tables import ledger as ledger_tables
from wardstead.adapters.store.tables import policies as policy_tables
from wardstead.adapters.store.tables import provisioning as provisioning_tables
from wardstead.adapters.store.tables import resources as resource_tables
from wardstead.adapters.store.tables import reviews as review_tables
from wardstead.adapters.store.tables import second_factors as second_factor_tables
from wardstead.kernel.errors import ConfigurationError

revision = importlib.import_module("wardstead.adapters.store.migrations.versions.0002_ledger")


def test_the_migrated_schema_is_that_of_the_tables(migrated: str) -> None:
    modules = (
        access_tables, admission_tables, break_glass_tables, conversation_tables, directory_tables, erasure_tables,
        federation_tables, ledger_tables, policy_tables, provisioning_tables, resource_tables, review_tables,
        second_factor_tables,
    )  # fmt: skip
    described = {one.name for module in modules for one in vars(module).values() if isinstance(one, Table)}
    engine = open_engine(migrated)
    with engine.begin() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    assert described <= set(metadata.tables)
    assert differences == []


def test_an_id_is_never_given_twice(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    upgrade(engine)
    with engine.connect() as connection:
        entry = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'entry'").scalar_one()
    assert "AUTOINCREMENT" in entry


def test_a_ledger_is_not_taken_back() -> None:
    with pytest.raises(ConfigurationError):
        revision.downgrade()


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(migrated: str) -> None:
    engine = open_engine(migrated)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="made by a newer version") as refused:
        upgrade(engine)
    assert "'9999'" in refused.value.why
    assert str(engine.url.database) in refused.value.where
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "9999"
