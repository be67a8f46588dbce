"""A model server's key and pinned authority: files of the deployment, found wanting before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes import supervising
from wardstead.bootstrap.processes.model_servers import bearer_of, tls_to
from wardstead.cli.main import app
from wardstead.kernel.errors import ConfigurationError

UPSTREAM = "{kind: openai, url: 'https://gpu1:8000', api_key_file: keys/gpu1.key, tls: {ca: tls/ca.crt}}"


@pytest.fixture
def remote(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    """One with a model server of somebody else's, whose key is in its folder; looked at from elsewhere."""
    deployment.places.config.write_text(f"version: 1\nmodels:\n  - name: m\n    upstream: {UPSTREAM}\n")
    key = deployment.places.keys / "gpu1.key"
    key.write_text("sk-1234\n")
    key.chmod(0o600)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return Deployment(deployment.places.directory, {})


def test_they_are_found_from_everywhere(remote: Deployment) -> None:
    upstream = remote.settings.models[0].upstream
    assert bearer_of(remote, upstream) == "sk-1234"
    assert tls_to(remote, upstream).get_ca_certs()
    assert CliRunner().invoke(app, ["-C", str(remote.places.directory), "config", "check"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "mode"),
    [
        ("keys/gpu1.key", None, 0o600),
        ("keys/gpu1.key", b"sk-1234", 0o644),
        ("keys/gpu1.key", b"", 0o600),
        ("keys/gpu1.key", b"sk-1\r\nx-injected: 1", 0o600),
        ("keys/gpu1.key", b"\xff\xfe", 0o600),
        ("tls/ca.crt", None, 0o600),
        ("tls/ca.crt", b"garbage", 0o600),
    ],
)
def test_what_a_worker_would_stumble_over_is_found_first(remote: Deployment, name: str, content: bytes | None, mode: int) -> None:
    path = remote.places.directory / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    checked = CliRunner().invoke(app, ["-C", str(remote.places.directory), "config", "check", "--json"])
    assert checked.exit_code == 3, checked.output
    assert path.name in checked.stdout
    with pytest.raises(ConfigurationError) as raised:
        supervising._prepare(remote, lambda _step: None)
    assert path.name in raised.value.where
    assert "sk-1" not in str(raised.value)
