"""A small deployment's ledger in a temporary folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests import postgres
from tests.adapters.store.deployment import Deployment, deploy

from wardstead.adapters.store.base import metadata, open_engine
from wardstead.adapters.store.migrate import upgrade
from wardstead.adapters.store.tables import ledger as ledger_tables  # noqa: F401 - the tables register themselves

STORES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.skipif(not postgres.INSTALLED, reason="PostgreSQL is not installed")),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each store; SQLite alone for what is about its file."""
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", ["sqlite"] if metafunc.definition.get_closest_marker("sqlite") else STORES)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that others are copied from."""
    path = tmp_path_factory.mktemp("migrated") / "wardstead.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def migrated(database: str, tmp_path: Path, migrated_file: Path) -> str:
    """A database in each store, at the present revision."""
    if database == "postgresql":
        return postgres.shared().database(like=migrated_postgres())
    shutil.copyfile(migrated_file, tmp_path / "wardstead.db")
    return f"sqlite:///{tmp_path / 'wardstead.db'}"


@cache
def migrated_postgres() -> str:
    """The name of one that others are copied from."""
    url = postgres.shared().database()
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return postgres.name_of(url)


@cache
def created_postgres() -> str:
    """The name of one with all tables, that others are copied from: copying them is quicker than making them."""
    url = postgres.shared().database()
    engine = open_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    return postgres.name_of(url)


@pytest.fixture
def deployment(database: str, tmp_path: Path) -> Iterator[Deployment]:
    """Made anew for each test, in each store."""
    made = deploy(tmp_path, postgres.shared().database(like=created_postgres()) if database == "postgresql" else "")
    yield made
    made.keys.close()
    made.engine.dispose()
