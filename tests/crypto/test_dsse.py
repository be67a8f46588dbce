"""Envelopes: opened by the key that signed, and by no other."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.crypto.dsse import open_envelope, pre_authentication, read_envelope, seal_envelope
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.errors import IntegrityError

KEY, OTHER = SigningKey("a.example/1", b"k" * 32), SigningKey("a.example/1", b"o" * 32)


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of the DSSE protocol document, version 1.0.0."""
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(max_size=200))
def test_what_was_sealed_comes_back(payload: bytes) -> None:
    assert open_envelope(seal_envelope(KEY, payload), KEY.verifying) == payload


def test_other_keys_types_and_contents_are_refused() -> None:
    sealed = seal_envelope(KEY, b"one")
    for wrong in (seal_envelope(OTHER, b"one"), seal_envelope(KEY, b"one", "text/plain")):
        with pytest.raises(IntegrityError):
            open_envelope(wrong, KEY.verifying)
    changed = {**json.loads(sealed), "payload": b64encode(b"two").decode()}
    with pytest.raises(IntegrityError, match="does not verify"):
        open_envelope(json.dumps(changed).encode(), KEY.verifying)


@given(st.binary(max_size=64) | st.sampled_from([b"{}", b"[]", b'{"payload":1}', b"[" * 50_000]))
def test_what_is_no_envelope_is_refused_as_such(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        read_envelope(data)
