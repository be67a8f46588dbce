"""The new root key reaches those who have the old one, and nobody who reads what lay between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.crypto import roots
from wardstead.crypto.roots import NewRoot, Receiver, hand_to, root_id
from wardstead.kernel.errors import IntegrityError

OLD, THEIRS = bytes(range(32)), bytes(32)
NEW = NewRoot(bytes(range(32, 64)), b"the file of the new one")


def test_whoever_asks_with_the_old_one_is_given_the_new_one() -> None:
    receiver = Receiver(OLD, "1")
    sealed = hand_to(OLD, "1", receiver.request, NEW)
    assert receiver.take(sealed) == NEW
    assert NEW.root not in sealed
    assert NEW.file not in sealed
    with pytest.raises(IntegrityError, match="does not open"):
        Receiver(OLD, "1").take(sealed)  # the old root key alone opens nothing that was written down


def test_whoever_has_not_the_old_one_is_given_nothing() -> None:
    request = Receiver(OLD, "1").request
    for old, rotation, asked in ((THEIRS, "1", request), (OLD, "2", request), (OLD, "1", b""), (OLD, "1", request[:-1])):
        with pytest.raises(IntegrityError, match="asks for"):
            hand_to(old, rotation, asked, NEW)


def test_whoever_has_not_the_old_one_gives_nothing() -> None:
    receiver = Receiver(OLD, "1")
    public = receiver.request[32:]  # it is no secret: anybody can seal to it
    request = roots._tag(THEIRS, b"request", roots._context("1"), public) + public
    with pytest.raises(IntegrityError, match="comes from"):
        receiver.take(hand_to(THEIRS, "1", request, NEW))


@given(st.binary(max_size=2000))
def test_anything_else_is_no_root_key(sealed: bytes) -> None:
    with pytest.raises(IntegrityError):
        Receiver(OLD, "1").take(sealed)


def test_ids_tell_root_keys_apart_and_say_nothing_of_them() -> None:
    assert len({root_id(OLD), root_id(THEIRS), root_id(NEW.root)}) == 3
    assert bytes.fromhex(root_id(OLD)) not in OLD
