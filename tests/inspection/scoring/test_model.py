"""The file of a model is what was written, or is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.scoring.features import FEATURES
from wardstead.inspection.scoring.model import BadModel, Head, Header, read_model, write_model

HEAD = Head(type="a", bias=0.5, scale=0.01, slope=1.0, intercept=0.0, threshold=0.5)
HEADER = Header(name="n", version="1", category="c", features=FEATURES, bits=8, heads=(HEAD,))
FILE = write_model(HEADER, np.arange(-128, 128).astype(np.int8)[None, :])


def test_what_was_written_is_read() -> None:
    model = read_model(FILE, "here")
    assert model.header == HEADER
    assert model.table[0, 0] == pytest.approx(-1.28)
    assert model.table[0, 255] == pytest.approx(1.27)


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_one_altered_byte_is_seen(place: int, change: int) -> None:
    altered = bytearray(FILE)
    altered[place] ^= change
    with pytest.raises(BadModel) as caught:
        read_model(bytes(altered), "here")
    assert caught.value.where == "here"


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda rest: FILE[:12] + rest))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(BadModel):
        read_model(data, "here")


@pytest.mark.parametrize(
    "header",
    [
        Header(name="n", version="1", category="c", features="others", bits=8, heads=(HEAD,)),
        Header(name="n", version="1", category="c", features=FEATURES, bits=9, heads=(HEAD,)),
        Header(name="n", version="1", category="c", features=FEATURES, bits=40, heads=(HEAD,)),
        Header(name="n", version="1", category="c", features=FEATURES, bits=8, heads=()),
        Header(name="n", version="1", category="c", features=FEATURES, bits=8, heads=(HEAD, HEAD)),
    ],
    ids=["other features", "wrong size", "too large", "no head", "twice the same"],
)
def test_what_the_header_promises_must_hold(header: Header) -> None:
    with pytest.raises(BadModel):
        read_model(write_model(header, np.zeros((1, 256), np.int8)), "here")


def test_a_threshold_lies_between_never_and_always() -> None:
    for threshold in (0.0, 1.0, -1.0):
        head = Head(type="a", bias=0.5, scale=0.01, slope=1.0, intercept=0.0, threshold=threshold)
        header = Header(name="n", version="1", category="c", features=FEATURES, bits=8, heads=(head,))
        with pytest.raises(BadModel):
            read_model(write_model(header, np.zeros((1, 256), np.int8)), "here")
