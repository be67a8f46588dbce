"""Secrets in texts: found wherever they stand, told by kind and place, never by what they are."""

from __future__ import annotations

import pickle
import re

import pytest
from bench.supply.families.disguised import tarred, zipped
from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.inner_texts import InnerTexts
from wardstead.supply.ports import Malformed, Secret
from wardstead.supply.rules import RULES
from wardstead.supply.scan import look
from wardstead.supply.secret_names import called
from wardstead.supply.secrets import secrets_in, secrets_inside
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


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("aws-access-key", "an AWS access key"),
        ("openai-key", "an OpenAI key"),
        ("github-token", "a GitHub token"),
        ("url-credentials", "URL credentials"),
        ("npm-token", "an npm token"),
        ("onesignal-key", "a OneSignal key"),
        ("jwt", "a JWT"),
        ("private-key", "a private key"),
    ],
)
def test_it_is_called_what_people_call_it(kind: str, words: str) -> None:
    assert called(kind) == words


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


@pytest.mark.parametrize(
    ("name", "data", "where"),
    [
        ("a.zip", zipped({"conf/app.ini": f"key = {WORD}".encode()}), "a.zip > conf/app.ini"),
        ("a.tar.gz", tarred({"x.json": b"{}", "card": WORD.encode()}, "w:gz"), "a.tar.gz > unpacked > card"),
        ("m.pkl", pickle.dumps({"token": WORD}), "m.pkl"),
        ("m.zip", zipped({"m.pkl": pickle.dumps([1, WORD])}), "m.zip > m.pkl"),
    ],
)
def test_those_inside_of_archives_and_pickles_are_told_where_they_stand(name: str, data: bytes, where: str) -> None:
    texts = InnerTexts()
    look(Memory(data, name), texts=texts)
    (found,) = secrets_inside(texts.found, Hunters())
    assert (found.rule, found.file, found.offset) == ("secret", where, None)
    assert WORD not in found.what


def test_what_is_set_aside_is_bounded() -> None:
    texts = InnerTexts()
    look(Memory(zipped({f"{number}.txt": b"a" * (700 << 10) for number in range(9)}), "a.zip"), texts=texts)
    assert 1 << 20 < sum(len(text) for _, text in texts.found) <= 2 << 20
