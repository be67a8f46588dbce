"""A deployment of this test's own, without weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wardstead.bootstrap import initialise
from wardstead.bootstrap.deployment import Deployment


@pytest.fixture
def weightless(monkeypatch: pytest.MonkeyPatch) -> None:
    """``init`` needs no weights."""
    monkeypatch.setattr(initialise, "_take_weights", lambda _places: ("models/none.gguf", "a" * 64))


@pytest.fixture
def deployment(tmp_path: Path, weightless: None) -> Iterator[Deployment]:
    """Made, and run by nobody."""
    initialise.initialise(tmp_path / "deployment", lambda _step: None)
    made = Deployment(tmp_path / "deployment", {})
    yield made
    if "engine" in vars(made):
        made.engine.dispose()
