"""``policies/access.yaml`` of a deployment."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from wardstead.bootstrap.deployment import Deployment
from wardstead.cli.main import app
from wardstead.kernel.errors import ConfigurationError


def test_a_new_deployment_has_its_own_and_an_older_one_what_ships(deployment: Deployment) -> None:
    own = deployment.places.policies / "access.yaml"
    assert own.exists()
    mine = deployment.access_rules()
    own.unlink()
    assert deployment.access_rules() == mine


def test_what_is_wrong_with_it_is_named_with_its_place(deployment: Deployment) -> None:
    own = deployment.places.policies / "access.yaml"
    own.write_text("version: 1\nroles:\n  a: {inherits: [b]}\n")
    with pytest.raises(ConfigurationError, match="there is no role 'b'") as caught:
        deployment.access_rules()
    assert caught.value.where == f"{own}:3: roles.a.inherits"
    result = CliRunner().invoke(app, ["-C", str(deployment.places.directory), "config", "check", "--json"])
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["where"].endswith("access.yaml:3: roles.a.inherits")
