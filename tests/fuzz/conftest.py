"""A running deployment for the fuzzers: the real model, held to a few tokens so that an example takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from tests.e2e.deployment import Deployment, create


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = create(tmp_path_factory.mktemp("fuzz") / "deployment")
    path = made.directory / "wardstead.yaml"
    config = yaml.safe_load(path.read_text())
    config["gateway"] = {**config.get("gateway", {}), "max_tokens": 4}
    path.write_text(yaml.safe_dump(config))
    made.up()
    try:
        yield made
    finally:
        made.down()
