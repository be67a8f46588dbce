"""Whether anything may reach over a place of a text: never no where the whole scan finds what does."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.inspection.reference import CANARY, INSPECTOR

from wardstead.inspection import borders
from wardstead.inspection.borders import Crossing, crossings, parts
from wardstead.inspection.ports import PROMPT

TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "0ymjdQ"
WORDS = st.sampled_from(
    [
        TOKEN, "4111 1111 1111 1111", "anna.example@example.org", CANARY, b64encode(TOKEN.encode()).decode(),
        TOKEN.encode().hex(), "\\u0034111 1111 1111 1111", "４１１１ 1111 1111 1111", "41\u200b11 1111 1111 1111\u200b",
        "4&#49;11 1111 1111 1111", "+44 20 7946 0958", "https://example.org/", "a", " ", ".", "\n", "\u200b", "\\", "&",
        "ё", "ﬁ", "the end. ", "4111", "1111 ",
    ]
)  # fmt: skip
TEXTS = st.lists(WORDS, min_size=1, max_size=12).map("".join)


@given(TEXTS, st.data())
@example("x 41\u200b11 1111 1111 1111\u200b y", None)
def test_what_reaches_over_a_place_is_never_missed(text: str, data: st.DataObject | None) -> None:
    (seen,) = INSPECTOR.patterns([text], PROMPT)
    places = range(1, len(text)) if data is None else [data.draw(st.integers(0, len(text)))]
    for place in places:
        if any(one.start < place < one.end for one in seen.findings):
            assert INSPECTOR.may_reach(text, [place])


@given(TEXTS, st.lists(st.integers(0, 400), min_size=2, max_size=6))
def test_several_places_are_asked_about_at_once_as_one_by_one(text: str, places: list[int]) -> None:
    inside = sorted({place % (len(text) + 1) for place in places})
    assert INSPECTOR.may_reach(text, inside) == any(INSPECTOR.may_reach(text, [place]) for place in inside)


def test_nothing_reaches_over_the_border_of_two_sentences() -> None:
    first, second = (
        "You are a careful assistant, and say when you do not know. ",
        "Please write to anna.example@example.org today.",
    )
    assert not INSPECTOR.may_reach(first + second, [len(first)])
    assert not INSPECTOR.may_reach(first + first + second, [len(first), 2 * len(first)])
    assert INSPECTOR.may_reach(first + second, [len(first) + second.index("@")])


@given(st.lists(st.lists(WORDS, max_size=5).map("".join), min_size=2, max_size=5), st.data())
def test_what_crosses_borders_is_the_same_where_it_is_asked_first(texts: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(texts[0])))
    texts = [texts[0][:at], texts[0][at:], *texts[1:]]
    chain = [part for number, text in enumerate(texts) for part in parts(number, text)]

    def found(*asked: object) -> list[Crossing]:
        return crossings(lambda joined: INSPECTOR.patterns(joined, PROMPT), [chain], *asked)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(borders, "_BRIEF", 0)
        assert found(INSPECTOR.may_reach) == found()
