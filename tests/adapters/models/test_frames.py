"""Frames: what was sent arrives, whatever arrives is an answer or ``Broken``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.adapters.models.frames import LONGEST, Answer, Broken, Job, WireSpan, packed, receive, send, unpacked

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SEEN = st.builds(WireSpan, TEXT, st.integers(-(2**31), 2**31), st.integers(-(2**31), 2**31), st.floats(allow_nan=False))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    yield ends
    for end in ends:
        os.close(end)


@given(st.builds(Answer, st.integers(0, 2**31), st.lists(st.lists(SEEN, max_size=4), max_size=4), TEXT))
def test_an_answer_comes_back_as_it_was(answer: Answer) -> None:
    assert unpacked(packed(answer)[4:], Answer) == answer


@given(st.binary(max_size=200))
def test_whatever_bytes_there_are_they_are_an_answer_or_none(body: bytes) -> None:
    for kind in (Answer, Job):
        try:
            read = unpacked(body, kind)
        except Broken:
            continue
        assert isinstance(read, kind)


def test_a_frame_goes_through_a_pipe(pipe: tuple[int, int]) -> None:
    out, into = pipe
    deadline_s = time.monotonic() + 10
    send(into, packed(Job(7, ["x" * 1000])), deadline_s)
    assert unpacked(receive(out, deadline_s), Job) == Job(7, ["x" * 1000])


def test_nobody_waits_beyond_the_deadline(pipe: tuple[int, int]) -> None:
    out, into = pipe
    began_s = time.monotonic()
    with pytest.raises(Broken, match="too long"):
        receive(out, began_s + 0.2)
    with pytest.raises(Broken, match="too long"):
        send(into, b"x" * (1 << 20), time.monotonic() + 0.2)  # nobody reads
    assert time.monotonic() - began_s < 5


def test_an_end_in_the_middle_is_seen() -> None:
    out, into = os.pipe()
    os.write(into, b"\x00\x00\x00\x09half")
    os.close(into)
    with pytest.raises(Broken, match="ended"):
        receive(out, time.monotonic() + 5)
    os.close(out)


def test_nobody_at_the_other_end_is_seen() -> None:
    out, into = os.pipe()
    os.close(out)
    with pytest.raises(Broken, match="ended"):
        send(into, b"x", time.monotonic() + 5)
    os.close(into)


def test_a_length_beyond_the_limit_is_not_read(pipe: tuple[int, int]) -> None:
    out, into = pipe
    os.write(into, (LONGEST + 1).to_bytes(4, "big"))
    with pytest.raises(Broken, match="no answer"):
        receive(out, time.monotonic() + 5)
    with pytest.raises(Broken, match="too much"):
        packed(Job(1, ["x" * (LONGEST + 1)]))
