"""A small deployment's ledger in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adapters.store.deployment import Deployment, deploy


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Made anew for each test."""
    made = deploy(tmp_path)
    yield made
    made.keys.close()
    made.engine.dispose()
