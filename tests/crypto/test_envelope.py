"""Envelopes open with their key, in their context, unchanged; and in no other way."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from wardstead.crypto.envelope import content_key, open_sealed, padded_size, seal, unwrap, wrap
from wardstead.kernel.errors import IntegrityError

KEY = content_key(bytes(range(32)))
NONCE = bytes(12)


@given(st.binary(max_size=5000), st.lists(st.binary(max_size=20), max_size=3))
def test_what_was_sealed_opens(content: bytes, context: list[bytes]) -> None:
    assert open_sealed(KEY, KEY.commitment, NONCE, seal(KEY, NONCE, content, *context), *context) == content


@given(st.lists(st.binary(max_size=4), max_size=3), st.lists(st.binary(max_size=4), max_size=3))
def test_no_other_context_opens_it(context: list[bytes], other: list[bytes]) -> None:
    if context == other:
        return
    sealed = seal(KEY, NONCE, b"content", *context)
    with pytest.raises(IntegrityError):
        open_sealed(KEY, KEY.commitment, NONCE, sealed, *other)


@given(st.integers(0, 511 + 16), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, difference: int) -> None:
    sealed = bytearray(seal(KEY, NONCE, b"content"))
    sealed[position] ^= difference
    with pytest.raises(IntegrityError):
        open_sealed(KEY, KEY.commitment, NONCE, bytes(sealed))


def test_another_key_does_not_open_it_and_does_not_fit_the_commitment() -> None:
    sealed, other = seal(KEY, NONCE, b"content"), content_key(bytes(32))
    assert other.commitment != KEY.commitment
    for key, commitment in ((other, KEY.commitment), (other, other.commitment), (KEY, other.commitment)):
        with pytest.raises(IntegrityError):
            open_sealed(key, commitment, NONCE, sealed)


@given(st.integers(0, 1 << 29))
def test_padding_is_monotone_idempotent_and_adds_at_most_an_eighth(size: int) -> None:
    padded = padded_size(size)
    assert padded >= size
    assert padded_size(padded) == padded
    assert padded <= padded_size(size + 1)
    assert padded <= max(512, size * 1.125)


def test_lengths_near_each_other_look_the_same() -> None:
    assert len({len(seal(KEY, NONCE, bytes(size))) for size in range(500)}) == 1


def test_a_wrapped_key_opens_in_its_context_alone() -> None:
    cipher, key = AESGCM(bytes(32)), os.urandom(32)
    wrapped = wrap(cipher, os.urandom(12), key, b"subject", b"one")
    assert unwrap(cipher, wrapped, b"subject", b"one") == key
    for arguments in ((wrapped, b"subject", b"two"), (wrapped, b"subjectone"), (wrapped[:-1], b"subject", b"one"), (b"",)):
        with pytest.raises(IntegrityError):
            unwrap(cipher, *arguments)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(IntegrityError):
        content_key(b"short")
