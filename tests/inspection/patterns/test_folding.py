"""The view of a text is what it looks like, with a place in the text for each of its bytes."""

from __future__ import annotations

import itertools
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.patterns.folding import INVISIBLE_CHARACTERS, View, folded

ODD = st.sampled_from(
    [
        *"\x00\x1f\u200b\u00ad\ufe0f\u202e\u2060\u0434\u0430\uff14\u00a0\u2013\u00e9\ufb01\u2473\\nru0041",
        "\U000e0041",
        "\U0001f600",
        "\\u0042",
        "\\u{42}",
        "\\_",
        "&#x42",
        "&#0000066;",
        "\\u200b",
    ]
)
TEXT = st.lists(st.one_of(ODD, st.text(max_size=3)), max_size=40).map("".join)


@given(TEXT, st.lists(st.integers(0, 80), max_size=20))
def test_a_view_is_the_same_however_the_text_is_cut(text: str, cuts: list[int]) -> None:
    whole, view = View(text), View()
    for begin, end in itertools.pairwise([0, *sorted(cuts), len(text) + 80]):
        view.add(text[begin:end])
    view.close()
    assert (view.data, view.text) == (whole.data, whole.text)
    assert view.text == text.encode("utf-8", "replace")
    for at in range(len(whole.data) + 1):
        assert (view.place(at), view.end(at)) == (whole.place(at), whole.end(at))


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("ghp\\_a", b"ghp_a"), ("xoxb\\-1", b"xoxb-1"), ("\\u{41}B", b"AB"), ("\\u{110000}", b"\\u{110000}"), ("C&#x56", b"CV"),
        ("C&#86", b"CV"), ("C&#x", b"C&#x"), ("C\\", b"C\\"),
        ("&#000000065;K", b"AK"), ("&#x000000041", b"A"), (f"&#{'0' * 30};", f"&#{'0' * 30};".encode()),
        ("AK\x00IA\x1f", b"AKIA"), ("AK\\u0000IA", b"AKIA"), ("а\x01IA", b"aIA"), ("AK\x07\x1b[0m", b"AK\x07\x1b[0m"),
    ],
)  # fmt: skip
def test_what_is_escaped_is_seen_also_at_the_end(said: str, seen: bytes) -> None:
    assert View(said).data == seen
    each = View()
    for char in said:
        each.add(char)
    each.close()
    assert each.data == seen


SCRIPTS = st.text(st.sampled_from("аборт ж,Ωο身é１．\n"), max_size=30)


@given(st.lists(st.one_of(SCRIPTS, SCRIPTS.map(lambda one: one * 60), ODD), max_size=6).map("".join), st.integers(0, 4000))
def test_a_run_of_another_script_is_placed_as_its_characters_are(text: str, at: int) -> None:
    """Folded all together, or one by one: the same view, and the same places, also when the beginning is dropped."""
    whole, each = View(text), View()
    for char in text:
        each.add(char)
    each.close()
    for _ in range(2):
        assert (whole.data, whole.text) == (each.data, each.text)
        places = range(len(whole.data) + 1)
        assert [(whole.place(one), whole.end(one)) for one in places] == [(each.place(one), each.end(one)) for one in places]
        assert whole.drop(min(at, len(whole.data))) == each.drop(min(at, len(each.data)))


@given(TEXT, st.integers(0, 60))
def test_places_rise_and_stay_when_the_beginning_is_dropped(text: str, at: int) -> None:
    view = View(text)
    places = [view.place(one) for one in range(len(view.data) + 1)]
    ends = [view.end(one) for one in range(1, len(view.data) + 1)]
    assert places == sorted(places)
    assert places[-1] == len(view.text)
    assert all(begin < end for begin, end in zip(places, ends, strict=False))
    at, place = view.drop(min(at, len(view.data)))
    assert [view.place(one) + place for one in range(len(view.data) + 1)] == places[at:] or not at
    view.text.decode()


@given(st.text(st.characters(max_codepoint=127)))
def test_what_is_ascii_stays_in_its_place(text: str) -> None:
    view = View(text)
    unseen = sum(char < " " and char not in "\a\b\t\n\v\f\r\x0e\x0f\x1b" for char in text)
    assert len(view.data) == len(view.text) - unseen or re.search(r"\\[u_-]|&[#A-Za-z]", text)


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("\uff14\uff11\uff11\uff11", "4111"),
        ("\u0664\u0661 \u096a\u0967 \U0001d7d2", "41 41 4"),
        ("4\u200b1\u00ad1\ufeff1\ufe0f", "4111"),
        ("a\u00a0b\u2009c\u3000d", "a b c d"),
        ("1\u20132\u20143\u22124\u20115", "1-2-3-4-5"),
        ("\u0440\u0430\u0443\u0440\u0430l", "paypal"),
        ("\U0001d429\U0001d4b6\U0001d552", "paa"),
        ("\u1d18\u1d00ss", "pass"),
        ("\u202esecret\u202c", "secret"),
        ("\U000e0068\U000e0069", "hi"),
        ("\\u0041\\u200bB", "AB"),
        ("\ufb01n \u2460\u2469", "fin 110"),
        ("caf\u00e9 \u2116 1\u00aa", "caf\u00e9 \u2116 1\u00aa"),
        ("a\x9b31mb\x9d52;c;x\x9cc\x85d\x84\\u009b", "a\x1b[31mb\x1b]52;c;x\x1b\\c\nd\x1bD\x1b["),
        ("\u8eab\u4efd\u8bc1 \ud55c", "\u8eab\u4efd\u8bc1 \ud55c"),
    ],
)
def test_what_looks_alike_is_alike(text: str, looks: str) -> None:
    assert View(text).data.decode() == looks
    if "\\" not in text:
        assert folded(text) == looks


def test_every_decimal_digit_is_a_digit_and_nothing_is_folded_twice() -> None:
    for code in range(sys.maxunicode + 1):
        digit = unicodedata.decimal(chr(code), None)
        assert digit is None or folded(chr(code)) == str(digit)
        assert folded(folded(chr(code))) == folded(chr(code))


def test_no_more_than_so_many_in_a_row_vanish() -> None:
    text = "a" + "\u200b" * (INVISIBLE_CHARACTERS + 1) + "b"
    assert View(text).data == "a\u200bb".encode()
