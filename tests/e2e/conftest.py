"""One real deployment for all end-to-end tests of a session: the real model, sandboxed, behind the real gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.deployment import Deployment, create
from tests.e2e.echo import Echo


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = create(tmp_path_factory.mktemp("deployment") / "with spaces")
    made.up()
    try:
        yield made
    finally:
        made.down()


@pytest.fixture(scope="session")
def key(deployment: Deployment) -> str:
    return deployment.key("alice", "--role", "user")


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.server.shutdown()
