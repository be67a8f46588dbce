"""Key files are their owner's alone."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from tests.adapters.store.deployment import Deployment

from wardstead.adapters.keys.folder import LEDGER, ROOT
from wardstead.adapters.store.keys.key_files import new_key, require_private
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.bootstrap.keys.unsealing import plain_keys
from wardstead.crypto.keyring import KeyGone, KeyRing
from wardstead.crypto.roots import only
from wardstead.kernel.errors import BackendError, ConfigurationError, IntegrityError


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o666])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "root.key").write_bytes(new_key(os.urandom))
    (tmp_path / "root.key").chmod(mode)
    with pytest.raises(ConfigurationError, match="others"):
        plain_keys(tmp_path).key(ROOT)
    SubjectKeys(tmp_path / "keys.db", only(bytes(32)), os.urandom, create=True).close()
    (tmp_path / "keys.db").chmod(mode)
    with pytest.raises(ConfigurationError, match="others"):
        SubjectKeys(tmp_path / "keys.db", only(bytes(32)), os.urandom, create=True)


def test_a_key_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    for owner in (0, os.geteuid()):
        require_private(path, os.stat_result((0o100600, 1, 1, 1, owner, 0, 65, 0, 0, 0)), "a key file")
    with pytest.raises(ConfigurationError, match="somebody else") as refused:
        require_private(path, os.stat_result((0o100600, 1, 1, 1, os.geteuid() + 1, 0, 65, 0, 0, 0)), "a key file")
    assert "chown" in refused.value.next_step


def test_another_root_key_than_that_of_the_key_store_is_told_so(tmp_path: Path) -> None:
    SubjectKeys(tmp_path / "keys.db", only(bytes(32)), os.urandom, create=True).close()
    with pytest.raises(IntegrityError, match="root key") as refused:
        KeyRing(
            only(bytes(31) + b"x"), SubjectKeys(tmp_path / "keys.db", only(bytes(31) + b"x"), os.urandom), os.urandom
        ).to_seal("ann")
    assert "keys/" in refused.value.next_step


def test_a_missing_or_broken_key_says_so_without_showing_it(tmp_path: Path) -> None:
    keys = plain_keys(tmp_path)
    with pytest.raises(ConfigurationError, match="missing"):
        keys.key(ROOT)
    for name, read in ((ROOT, lambda: keys.key(ROOT)), (LEDGER, keys.ledger)):
        (tmp_path / name).write_text("sesame")
        (tmp_path / name).chmod(0o600)
        with pytest.raises(ConfigurationError) as caught:
            read()
        assert "sesame" not in str(caught.value)


def test_no_key_bytes_are_left_after_an_erasure(tmp_path: Path) -> None:
    from wardstead.crypto.keyring import KeyRing

    keys = SubjectKeys(tmp_path / "keys.db", only(bytes(32)), os.urandom, create=True)
    ring = KeyRing(only(bytes(32)), keys, os.urandom)
    for name in ("alice", "bob"):
        ring.to_seal(name)
    old = [keys.kek(1).wrapped, *(keys.find(name).wrapped for name in ("alice", "bob"))]  # type: ignore[union-attr]
    keys.erase("alice")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("keys.db*"))
    assert not any(wrapped in stored for wrapped in old)
    keys.close()


def test_a_key_that_could_not_be_kept_is_refused_and_the_next_is_kept(tmp_path: Path) -> None:
    """A commit that fails leaves SQLite in the middle of its transaction."""
    from wardstead.crypto.keyring import KeyRing

    keys = SubjectKeys(tmp_path / "keys.db", only(bytes(32)), os.urandom, create=True)
    keys._db.execute("PRAGMA busy_timeout=0")
    ring = KeyRing(only(bytes(32)), keys, os.urandom)
    reader = sqlite3.connect(tmp_path / "keys.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM kek").fetchall()  # no commit while it reads
    with pytest.raises(BackendError, match="the key store failed"):
        ring.to_seal("alice")
    reader.close()
    assert ring.to_seal("alice")
    assert keys.find("alice") is not None
    keys.close()


def test_a_new_era_begins_when_it_is_asked_for_and_its_keys_go_with_their_person(deployment: Deployment) -> None:
    deployment.ring.to_seal("alice")
    before = deployment.keys.era()
    assert [deployment.keys.begin_era() for _ in range(2)] == [before + 1, before + 2]
    deployment.ring.evict()
    deployment.ring.to_seal("alice")
    assert deployment.ring.to_open(f"alice/{before + 2}")
    deployment.keys.erase("alice")
    deployment.ring.evict()
    for name in ("alice", f"alice/{before + 2}"):
        with pytest.raises(KeyGone):
            deployment.ring.to_open(name)
