"""Secrets in texts: found wherever they stand, told by kind and place, never by what they are."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.ports import Malformed, Secret
from wardstead.supply.rules import RULES
from wardstead.supply.secrets import secrets_in
from wardstead.supply.sources import Memory

WORD = "hunter2hunter2"


class Hunters:
    """Knows one secret."""

    def in_text(self, text: str) -> list[Secret]:
        return [Secret("word", len(text[: one.start()].encode())) for one in re.finditer(WORD, text)]


class Crashing:
    def in_text(self, text: str) -> list[Secret]:
        raise Malformed(f"nothing can be said of {len(text)} characters")


def places(data: bytes) -> list[int | None]:
    found = secrets_in(Memory(data, "a.json"), Hunters())
    assert all(one.rule == "secret" and WORD not in one.what for one in found)
    return [one.offset for one in found]


@given(st.integers(0, 3 << 20), st.sampled_from(["a", "é", "字", "😀"]))
def test_each_is_found_once_at_its_byte(before: int, letter: str) -> None:
    filling = letter * (before // len(letter.encode()))
    assert places(f"{filling}{WORD}{filling}".encode()) == [len(filling.encode())]


def test_what_is_no_text_is_not_searched() -> None:
    assert not places(b"\x00\x01" + WORD.encode())
    assert not places(b"\xff" * 100 + WORD.encode())


def test_utf_16_is_text_whose_places_are_not_known() -> None:
    assert places(f"x{WORD}".encode("utf-16")) == [None]


def test_bytes_that_are_no_text_further_on_hide_nothing() -> None:
    assert places(b"a" * 5000 + b"\xff" * 10 + WORD.encode()) == [None]


def test_where_it_cannot_be_said_it_is_not_clean() -> None:
    (finding,) = secrets_in(Memory(b"text", "a.json"), Crashing())
    assert RULES[finding.rule].severity == "block"
