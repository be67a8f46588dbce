"""A new deployment: whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import postgres

from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.directory.passwords import PasswordStore
from wardstead.bootstrap.backup.backups import backup_check
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.initialise import ADMINISTRATOR, initialise
from wardstead.kernel.errors import ConfigurationError


@pytest.mark.parametrize(
    ("store", "step"), [(DirectoryStore, "create_principal"), (PasswordStore, "set_password")], ids=["person", "password"]
)
def test_an_interrupted_one_is_no_deployment_yet_and_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weightless: None, store: type, step: str
) -> None:
    config = tmp_path / "wardstead.yaml"
    seen = []

    def killed(*_arguments: object, **_more: object) -> None:
        seen.append(config.exists())  # a kill leaves things as they are now: nothing tidies up behind it
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store, step, killed)
        with pytest.raises(KeyboardInterrupt):
            initialise(tmp_path, lambda _step: None)
    assert seen == [False]
    with pytest.raises(ConfigurationError, match="no deployment"):
        Deployment(tmp_path, {})
    made = initialise(tmp_path, lambda _step: None)
    opened = Deployment(tmp_path, {})
    assert opened.passwords.check_password(ADMINISTRATOR, made.secret) is not None
    assert made.url == opened.url
    assert config.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not postgres.INSTALLED, reason="PostgreSQL is not installed")
def test_a_database_of_another_deployment_is_refused_before_anything_is_recorded_in_it(tmp_path: Path, weightless: None) -> None:
    server = postgres.Server()
    try:
        url = server.database()
        made = initialise(tmp_path / "one", lambda _step: None, database=url)
        with pytest.raises(ConfigurationError, match="another deployment in this database") as refused:
            initialise(tmp_path / "other", lambda _step: None, database=url)
        assert "copy the folder" in refused.value.next_step
        first = Deployment(tmp_path / "one", {})
        assert first.passwords.check_password(ADMINISTRATOR, made.secret) is not None
        told = backup_check(first)
        assert "pg_dump" in told.next_step, "what refuses such a database is no next step"
        assert "backup create" not in told.next_step
        first.engine.dispose()
    finally:
        server.close()
