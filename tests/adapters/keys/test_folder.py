"""The keys folder: plain, sealed, plain again, another root key, and every interruption of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from tests.cuts import Cut, cut_after

from wardstead.adapters.keys import folder as module
from wardstead.adapters.keys.folder import CREDENTIALS, KNOWN, LEDGER, ROOT, WEIGHTS, KeyFolder
from wardstead.adapters.keys.handed import hand_over, handed, variable
from wardstead.adapters.keys.passphrase import Passphrase
from wardstead.adapters.store.keys.key_files import new_key, new_ledger_key
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.crypto.keyring import KeyRing, OtherRoot
from wardstead.crypto.roots import only
from wardstead.kernel.errors import ConfigurationError, IntegrityError

PROVIDER = Passphrase(lambda _what: b"correct horse battery", os.urandom)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardstead.adapters.keys.passphrase._MEMORY_KIB", 8192)
    monkeypatch.setattr("wardstead.adapters.keys.passphrase._ITERATIONS", 1)


def opened(path: Path) -> KeyFolder:
    return KeyFolder(path, os.urandom, lambda _sealed: PROVIDER, {})


@pytest.fixture
def made(tmp_path: Path) -> Path:
    keys = opened(tmp_path)
    keys.make(ROOT, new_key(os.urandom))
    keys.make(CREDENTIALS, new_key(os.urandom))
    keys.make(LEDGER, new_ledger_key("wardstead.local/test", os.urandom))
    SubjectKeys(tmp_path / "keys.db", keys.roots, os.urandom, create=True).close()
    return tmp_path


def said(path: Path) -> tuple[bytes, bytes, str, int]:
    keys = opened(path)
    return keys.root, keys.key(CREDENTIALS), keys.ledger().text(), keys.created_s


def test_sealed_keys_are_the_same_keys_and_nothing_plain_is_left(made: Path) -> None:
    os.utime(made / LEDGER, (1_700_000_000, 1_700_000_000))
    before = said(made)
    plain = [(made / name).read_bytes().strip() for name in (ROOT, CREDENTIALS, LEDGER)]
    opened(made).protect(PROVIDER)
    assert said(made) == before
    assert dict(opened(made).secrets) == {ROOT: True, CREDENTIALS: True, LEDGER: True}
    stored = b"".join(path.read_bytes() for path in made.iterdir())
    assert not any(secret in stored for secret in plain)
    assert opened(made).verifying() == opened(made).ledger().verifying
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in made.iterdir())
    opened(made).unprotect()
    assert said(made) == before
    assert not list(made.glob("*.sealed"))


def test_the_public_key_needs_nobody_who_opens(made: Path) -> None:
    verifying = opened(made).verifying()
    opened(made).protect(PROVIDER)

    def nobody(_sealed: object) -> Any:
        raise AssertionError("it was opened")

    assert KeyFolder(made, os.urandom, nobody, {}).verifying() == verifying
    assert KeyFolder(made, os.urandom, nobody, {}).protection is not None


def test_a_secret_that_is_made_later_is_sealed_from_the_first(made: Path) -> None:
    opened(made).protect(PROVIDER)
    key = new_key(os.urandom)
    opened(made).make(KNOWN, key)
    assert not (made / KNOWN).exists()
    assert opened(made).key(KNOWN).hex().encode() == key.strip()
    with pytest.raises(ConfigurationError, match="a key already"):
        opened(made).make(KNOWN, key)


def test_of_two_who_make_the_same_secret_at_once_one_does(made: Path) -> None:
    begun = Barrier(8)

    def make(_number: int) -> bytes:
        key = new_key(os.urandom)
        begun.wait()
        try:
            opened(made).make(KNOWN, key)
        except ConfigurationError:
            return b""
        return key

    with ThreadPoolExecutor(8) as pool:
        kept = [key for key in pool.map(make, range(8)) if key]
    assert kept == [(made / KNOWN).read_bytes()]


def test_a_sealed_secret_does_not_open_in_the_place_of_another(made: Path) -> None:
    opened(made).protect(PROVIDER)
    opened(made).make(KNOWN, new_key(os.urandom))
    (made / f"{CREDENTIALS}.sealed").write_bytes((made / f"{KNOWN}.sealed").read_bytes())
    with pytest.raises(IntegrityError, match="does not open"):
        opened(made).key(CREDENTIALS)


@pytest.mark.parametrize("provider", [None, PROVIDER], ids=["plain", "sealed"])
def test_another_root_key_opens_all_that_the_old_one_did(made: Path, provider: Passphrase | None) -> None:
    if provider is not None:
        opened(made).protect(provider)
    before, stood = said(made), opened(made)
    ring = KeyRing(stood.roots, SubjectKeys(made / "keys.db", stood.roots, os.urandom), os.urandom)
    sealed = ring.to_seal("alice").encrypt(bytes(12), b"text", None)
    new = opened(made).next_root()
    assert opened(made).next_root() == new, "it is made once"
    assert stood.roots() == [new.root, before[0]], "whoever runs has both"
    assert said(made) == before, "and what is made now lies under the old one"
    SubjectKeys(made / "keys.db", stood.roots, os.urandom).rewrap_root(before[0], new.root)
    ring.evict()
    assert ring.to_open("alice").decrypt(bytes(12), sealed, None) == b"text"
    with (made / "root.key").open("rb") if provider is None else nullcontext() as old:
        opened(made).settle(new.root)
        assert old is None or set(old.read()) == {0}, "the old one is overwritten"
    assert said(made) == (new.root, *before[1:])
    assert stood.roots() == [new.root]
    ring.evict()
    assert ring.to_open("alice").decrypt(bytes(12), sealed, None) == b"text"
    with pytest.raises(OtherRoot):
        KeyRing(only(before[0]), SubjectKeys(made / "keys.db", only(before[0]), os.urandom), os.urandom).to_open("alice")


def test_while_another_root_key_is_on_its_way_nobody_else_may_keep_it(made: Path) -> None:
    opened(made).next_root()
    for act in (lambda: opened(made).protect(PROVIDER), lambda: opened(made).unprotect()):
        with pytest.raises(ConfigurationError, match="taking the place"):
            act()


def _interrupted(monkeypatch: pytest.MonkeyPatch, at: int, act: Callable[[], object]) -> bool:
    """Whether ``act`` was cut at its ``at``-th durable step."""
    counted = cut_after(at)
    with monkeypatch.context() as patch:
        for name in ("write_durably", "_destroy"):
            patch.setattr(module, name, counted(getattr(module, name)))
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        try:
            act()
        except Cut:
            return True
    return False


@pytest.mark.parametrize("at", range(12))
def test_sealing_that_is_interrupted_loses_nothing_and_can_be_said_again(
    made: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = said(made)
    _interrupted(monkeypatch, at, lambda: opened(made).protect(PROVIDER))
    assert said(made)[:3] == before[:3]
    opened(made).protect(PROVIDER)
    assert said(made)[:3] == before[:3]
    assert all(opened(made).secrets.values())
    assert not opened(made).unfinished


@pytest.mark.parametrize("at", range(12))
def test_laying_open_that_is_interrupted_loses_nothing(made: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    before = said(made)
    opened(made).protect(PROVIDER)
    _interrupted(monkeypatch, at, lambda: opened(made).unprotect())
    assert said(made)[:3] == before[:3]
    opened(made).unprotect()
    assert said(made)[:3] == before[:3]


@pytest.mark.parametrize("provider", [None, PROVIDER], ids=["plain", "sealed"])
@pytest.mark.parametrize("at", range(6))
def test_a_rotation_that_is_interrupted_keeps_everything_open_and_is_ended_by_the_next(
    made: Path, monkeypatch: pytest.MonkeyPatch, at: int, provider: Passphrase | None
) -> None:
    if provider is not None:
        opened(made).protect(provider)
    before = said(made)

    def rotate() -> None:
        keys = opened(made)
        keys.settle(keys.next_root().root)

    cut = _interrupted(monkeypatch, at, rotate)
    assert said(made)[1:3] == before[1:3], "whatever was moved, both root keys are there"
    if cut:
        rotate()
    after = said(made)
    assert after[0] != before[0]
    assert after[1:3] == before[1:3]
    assert not opened(made).rotating


def test_a_key_is_handed_over_once_and_cannot_be_changed() -> None:
    handing = hand_over(WEIGHTS, bytes(range(32)))
    assert handed(WEIGHTS, handing.environment) == bytes(range(32))
    (descriptor,) = handing.descriptors
    with pytest.raises(OSError, match="not permitted"):
        os.pwrite(descriptor, b"x", 0)
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
    with pytest.raises(ConfigurationError, match="handed over"):
        handed(WEIGHTS, handing.environment)
    with pytest.raises(ConfigurationError, match="handed over"):
        handed(WEIGHTS, {variable(WEIGHTS): "three"})
    assert handed(WEIGHTS, {}) is None


def test_all_who_were_handed_the_root_key_have_the_one_that_takes_its_place_at_once(made: Path) -> None:
    handing = opened(made).handing()
    one, other = (KeyFolder(made, os.urandom, lambda _sealed: PROVIDER, handing.environment) for _ in range(2))
    assert one.handing() == handing, "children get what their parent got"
    old = one.root
    new = opened(made).next_root()
    assert other.roots() == (old,), "until somebody takes it"
    one.take_next(new, old)
    assert other.roots() == (new.root, old)
    one.settle(new.root)
    assert other.roots() == (new.root,)
    (descriptor,) = handing.descriptors
    assert not os.get_inheritable(descriptor)
    with pytest.raises(OSError, match="not permitted"):
        os.truncate(descriptor, 1)
    os.pwrite(descriptor, b"x", 5)
    with pytest.raises(ConfigurationError, match="handed over"):
        other.roots()
    os.close(descriptor)
