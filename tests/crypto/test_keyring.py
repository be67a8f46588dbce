"""The hierarchy of keys: what is destroyed stays closed, what survives stays open."""

from __future__ import annotations

import os

import pytest

from wardstead.crypto.envelope import NONCE_SIZE, unwrap, wrap
from wardstead.crypto.keyring import (
    RANGE,
    EpochRetired,
    KeyEncryptionKey,
    KeyGone,
    KeyRing,
    KeyUnknown,
    SubjectKey,
    moved_subjects,
    new_kek,
    new_subject_key,
    open_kek,
)
from wardstead.crypto.roots import only
from wardstead.kernel.errors import IntegrityError

ROOT = bytes(range(32))


class Memory:
    """A key store that forgets when the test ends."""

    def __init__(self) -> None:
        self.keks = {1: new_kek(ROOT, 1, os.urandom)}
        self.keys: dict[str, SubjectKey] = {}
        self.looks = 0
        self.used = self.present = 0

    def current_kek(self) -> KeyEncryptionKey:
        return self.keks[max(self.keks)]

    def kek(self, epoch: int) -> KeyEncryptionKey:
        if epoch not in self.keks:
            raise EpochRetired("retired")
        return self.keks[epoch]

    def find(self, subject: str) -> SubjectKey | None:
        self.looks += 1
        return self.keys.get(subject)

    def add(self, key: SubjectKey) -> SubjectKey:
        return self.keys.setdefault(key.subject, key)

    def reserve(self, uses: int, most: int) -> int:
        if self.used + uses > most:
            self.present, self.used = self.present + 1, 0
        self.used += uses
        return self.present

    def era(self) -> int:
        return self.present


def test_a_subject_is_looked_up_once_and_has_one_key() -> None:
    store = Memory()
    ring = KeyRing(only(ROOT), store, os.urandom)
    sealed = ring.to_seal("alice").encrypt(bytes(12), b"text", None)
    assert ring.to_seal("alice") is ring.to_open("alice")
    assert store.looks == 1
    assert KeyRing(only(ROOT), store, os.urandom).to_open("alice").decrypt(bytes(12), sealed, None) == b"text"


def test_subjects_do_not_share_keys() -> None:
    ring = KeyRing(only(ROOT), Memory(), os.urandom)
    one, other = (ring.to_seal(name).encrypt(bytes(12), b"text", None) for name in ("alice", "bob"))
    assert one != other


def test_opening_makes_no_key() -> None:
    store = Memory()
    with pytest.raises(KeyUnknown):
        KeyRing(only(ROOT), store, os.urandom).to_open("nobody")
    assert not store.keys


def test_a_key_moved_to_another_subject_does_not_open() -> None:
    store = Memory()
    ring = KeyRing(only(ROOT), store, os.urandom)
    ring.to_seal("alice")
    store.keys["bob"] = SubjectKey("bob", 1, store.keys["alice"].wrapped)
    with pytest.raises(IntegrityError):
        ring.to_open("bob")


def test_a_rewrapped_key_is_the_same_key_and_an_old_copy_is_worth_nothing_once_its_epoch_is_gone() -> None:
    store = Memory()
    ring = KeyRing(only(ROOT), store, os.urandom)
    sealed = ring.to_seal("alice").encrypt(bytes(12), b"text", None)
    old = store.keys["alice"]
    store.keks[2] = new_kek(ROOT, 2, os.urandom)
    keks = [open_kek((ROOT,), store.keks[epoch]).key for epoch in (1, 2)]
    (store.keys["alice"],) = moved_subjects(keks[0], keks[1], 2, [old], os.urandom)
    del store.keks[1]
    ring.evict()
    assert ring.to_open("alice").decrypt(bytes(12), sealed, None) == b"text"
    store.keys["alice"] = old
    ring.evict()
    with pytest.raises(KeyGone):
        ring.to_open("alice")


def test_another_root_key_opens_nothing() -> None:
    store = Memory()
    KeyRing(only(ROOT), store, os.urandom).to_seal("alice")
    with pytest.raises(IntegrityError):
        KeyRing(only(bytes(32)), store, os.urandom).to_open("alice")
    with pytest.raises(IntegrityError):
        KeyRing(only(b"short"), store, os.urandom)
    assert new_subject_key(bytes(32), 1, "x", os.urandom).epoch == 1


def test_after_so_many_uses_a_subject_has_a_new_key_and_the_old_one_opens_what_it_sealed() -> None:
    store, context = Memory(), (b"context",)
    ring = KeyRing(only(ROOT), store, os.urandom, most=2 * RANGE)
    wrapped = [wrap(ring.to_seal("alice"), os.urandom(NONCE_SIZE), bytes(32), *context) for _ in range(3 * RANGE)]
    ciphers = {name: len(store.keys) for name in store.keys}
    assert sorted(ciphers) == ["alice", "alice/1"]
    fresh = KeyRing(only(ROOT), store, os.urandom)
    for one in (wrapped[0], wrapped[2 * RANGE - 1], wrapped[2 * RANGE], wrapped[-1]):
        assert fresh.unwrap("alice", one, *context) == bytes(32)
    for cipher, ones in ((fresh.to_open("alice"), wrapped[: 2 * RANGE]), (fresh.to_open("alice/1"), wrapped[2 * RANGE :])):
        assert [unwrap(cipher, one, *context) for one in ones] == [bytes(32)] * len(ones), "none is used more often"
    with pytest.raises(IntegrityError):
        fresh.unwrap("alice", wrapped[0], b"another")
    store.present = 3  # eras in which they said nothing
    assert KeyRing(only(ROOT), store, os.urandom).unwrap("alice", wrapped[-1], *context) == bytes(32)


def test_whoever_runs_takes_up_a_new_era_when_it_is_told_to_look() -> None:
    store = Memory()
    ring = KeyRing(only(ROOT), store, os.urandom)
    ring.to_seal("alice")
    store.present = 1
    ring.to_seal("alice")
    assert sorted(store.keys) == ["alice"]
    ring.evict()
    ring.to_seal("alice")
    assert sorted(store.keys) == ["alice", "alice/1"]
    used = store.used
    ring.evict()
    ring.to_seal("alice")
    assert store.used == used, "a look costs no reservation"


def test_processes_never_use_one_reservation_twice() -> None:
    store = Memory()
    for _ in range(4):
        KeyRing(only(ROOT), store, os.urandom, most=2 * RANGE).to_seal("alice")
    assert (store.present, store.used) == (1, 2 * RANGE)
