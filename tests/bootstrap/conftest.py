"""A deployment of this test's own, without weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from wardstead.bootstrap import initialise
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.places import Places


def without_weights(_places: Places) -> tuple[str, str]:
    """What ``init`` says of weights that are not there."""
    return "models/none.gguf", "a" * 64


@pytest.fixture
def weightless(monkeypatch: pytest.MonkeyPatch) -> None:
    """``init`` needs no weights."""
    monkeypatch.setattr(initialise, "_take_weights", without_weights)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one that nobody uses: each test has a copy."""
    folder = tmp_path_factory.mktemp("prepared") / "deployment"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(initialise, "_take_weights", without_weights)
        initialise.initialise(folder, lambda _step: None)
    return folder


@pytest.fixture
def deployment(tmp_path: Path, weightless: None, prepared: Path) -> Iterator[Deployment]:
    """Made, and run by nobody."""
    shutil.copytree(prepared, tmp_path / "deployment")
    made = Deployment(tmp_path / "deployment", {})
    yield made
    if "engine" in vars(made):
        made.engine.dispose()
