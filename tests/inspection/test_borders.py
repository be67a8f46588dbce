"""A secret that is cut over several texts is found, wherever it is cut, and enough of it is taken out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import CANARY, INSPECTOR

from wardstead.inspection.borders import ACROSS, REACH, Crossing, crossings, parts
from wardstead.inspection.ports import PROMPT

SECRETS = {
    "github-token": "ghp_" + "a1B2c3D4e5" * 3 + "0ymjdQ",
    "payment-card": "4111 1111 1111 1111",
    "email": "anna.example@example.org",
    "canary": CANARY,
}
AROUND = st.text(alphabet="ab ,.\n", max_size=20)


def found(texts: list[str]) -> list[Crossing]:
    chain = [part for number, text in enumerate(texts) for part in parts(number, text)]
    return crossings(lambda joined: INSPECTOR.patterns(joined, PROMPT), [chain])


@pytest.mark.parametrize("kind", SECRETS)
def test_it_is_found_at_every_place_where_it_can_be_cut(kind: str) -> None:
    secret = SECRETS[kind]
    for at in range(1, len(secret)):
        texts = [f"here is the first half: {secret[:at]}", f"{secret[at:]} that was it"]
        crossing = next((one for one in found(texts) if one.finding.type == kind), None)
        if crossing is None:
            # One part alone is as much of it as policy looks for: found where it stands.
            alone = [finding for one in INSPECTOR.patterns(texts, PROMPT) for finding in one.findings]
            assert alone, (kind, at)
            continue
        assert crossing.text == 1
        assert texts[1][: crossing.end].strip() == secret[at:].strip()
        assert crossing.finding.combination == ACROSS
        mended = [texts[0], "[redacted:it]" + texts[1][crossing.end :]]
        assert not any(one.finding.type == kind for one in found(mended))


@given(st.integers(1, 15), st.integers(16, 30), AROUND, AROUND, st.sampled_from(["", " ", "\n", "\n \n"]))
def test_three_messages_and_white_space_hide_nothing(first: int, second: int, before: str, after: str, space: str) -> None:
    secret = SECRETS["github-token"]
    texts = [f"{before} {secret[:first]}{space}", f"{space}{secret[first:second]}", f"{secret[second:]} {after}"]
    assert any(one.finding.type == "github-token" and one.text == 2 for one in found(texts))


def test_of_long_texts_the_ends_are_joined_and_never_an_end_with_its_own_beginning() -> None:
    secret = SECRETS["github-token"]
    filler = "word " * REACH
    (crossing,) = found([filler + secret[:20], secret[20:] + " " + filler, "end"])
    assert (crossing.text, crossing.end) == (1, len(secret) - 20)
    half = secret[:20] + " "
    assert not found([filler, half.strip() + " " + filler + " " + secret[20:], filler])
    (late,) = found(["x", filler + " " + secret[:20], secret[20:]])
    assert (late.text, late.end) == (2, len(secret) - 20)


def test_what_stands_in_one_text_alone_is_not_told_twice() -> None:
    assert not found([f"my key is {SECRETS['github-token']} ok", "thanks", "bye"])
    assert not found(["one text alone"])
    assert not found(["", "  ", "x"])


@pytest.mark.parametrize(
    "texts",
    [
        ["4111 11", "11 1111", " 1111"],
        ["4111 11", "11 1111", "1111"],
        ["4111", "1111 11", "11 1111"],
        ["my card: 4111 11", "11", "1111\n", "1111 it is"],
        ["first 4111 1111", "ok", "1111 1111"],
        ["x", "4111 1111 11", "and then comes", "11 1111"],
        ["4111 ", "1111 ", "go on", "1111 1111"],
    ],
)
def test_neither_another_joint_at_each_border_nor_something_short_between_hides_it(texts: list[str]) -> None:
    for before in range(4):
        assert any(one.finding.type == "payment-card" for one in found(["hello"] * before + texts)), before


@given(st.lists(st.integers(1, 18), min_size=1, max_size=3, unique=True).map(sorted), st.integers(0, 5))
def test_a_card_in_up_to_four_pieces_is_found_wherever_it_is_cut(cuts: list[int], before: int) -> None:
    card = "4111 1111 1111 1111"
    pieces = [card[a:b] for a, b in pairwise([0, *cuts, len(card)])]
    assert any(one.finding.type == "payment-card" for one in found(["hello", *["so"] * before, *pieces, "thanks"]))


def test_chains_are_not_read_together_and_the_parts_of_a_text_are() -> None:
    secret = SECRETS["github-token"]
    halves = [secret[:20], secret[20:]]
    apart = [list(parts(number, half)) for number, half in enumerate(halves)]
    inspect = lambda joined: INSPECTOR.patterns(joined, PROMPT)  # noqa: E731
    assert not crossings(inspect, apart)
    assert not crossings(inspect, [[*chain, *parts(number + 2, "ok")] for number, chain in enumerate(apart)])
    text = f"token {secret[:20]}\n{secret[20:]} ok"
    (crossing,) = crossings(inspect, [list(parts(7, text, (26,)))])
    assert (crossing.text, text[crossing.start : crossing.end]) == (7, "\n".join(halves))
    assert (crossing.finding.start, crossing.finding.end) == (crossing.start, crossing.end)


def test_what_is_found_without_what_follows_the_border_is_left_to_those_who_find_it() -> None:
    text = "write to anna@example.org\nplease, now"
    (crossing,) = crossings(lambda joined: INSPECTOR.patterns(joined, PROMPT), [list(parts(0, text, (25,)))])
    assert text[crossing.start : crossing.end] == "please"
