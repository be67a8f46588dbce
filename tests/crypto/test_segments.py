"""What is sealed in segments opens as it was, and no other way."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardstead.crypto import segments
from wardstead.crypto.segments import HEADER_SIZE, open_segments, plain_size, seal_segments
from wardstead.kernel.errors import IntegrityError

KEY = bytes(range(32))


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Segments of 16 bytes, so that a short text has many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SEGMENT", 16)
        patch.setattr(segments, "SEALED_SEGMENT", 32)
        yield


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def sealed(content: bytes) -> bytes:
    return b"".join(seal_segments(KEY, cut(content, 16), os.urandom))


def opened(data: bytes, key: bytes = KEY) -> bytes:
    return b"".join(open_segments(key, data[:HEADER_SIZE], cut(data[HEADER_SIZE:], 32)))


@given(st.binary(max_size=200))
def test_it_opens_as_it_was(content: bytes) -> None:
    data = sealed(content)
    assert opened(data) == content
    assert plain_size(len(data)) == len(content)


@settings(max_examples=300)
@given(st.binary(min_size=1, max_size=120), st.data())
def test_any_byte_that_is_changed_is_found(content: bytes, data: st.DataObject) -> None:
    altered = bytearray(sealed(content))
    at = data.draw(st.integers(0, len(altered) - 1))
    altered[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(IntegrityError):
        opened(bytes(altered))


@given(st.binary(min_size=17, max_size=120), st.data())
def test_segments_that_are_cut_off_doubled_or_moved_are_found(content: bytes, data: st.DataObject) -> None:
    whole = sealed(content)
    header, parts = whole[:HEADER_SIZE], cut(whole[HEADER_SIZE:], 32)
    at = data.draw(st.integers(0, len(parts) - 1))
    other = data.draw(st.integers(0, len(parts) - 1).filter(lambda number: number != at))
    swapped = list(parts)
    swapped[at], swapped[other] = swapped[other], swapped[at]
    for altered in (parts[:at], [*parts[: at + 1], *parts[at:]], swapped, [*parts, parts[-1]], parts[at + 1 :]):
        with pytest.raises(IntegrityError):
            opened(header + b"".join(altered))


def test_neither_another_key_nor_the_parts_of_another_file_fit() -> None:
    one, other = sealed(b"a" * 40), sealed(b"a" * 40)
    with pytest.raises(IntegrityError):
        opened(one, bytes(32))
    with pytest.raises(IntegrityError):
        opened(one[:HEADER_SIZE] + other[HEADER_SIZE:])
    for short in (b"", one[: HEADER_SIZE - 1], one[:HEADER_SIZE], b"GGUF" + one[4:]):
        with pytest.raises(IntegrityError):
            opened(short)


def test_a_segment_s_number_is_bounded() -> None:
    with pytest.raises(IntegrityError, match="more segments"):
        segments._nonce(bytes(7), 1 << 32, last=False)
