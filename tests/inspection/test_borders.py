"""A secret that is cut over several texts is found, wherever it is cut, and enough of it is taken out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import CANARY, INSPECTOR

from wardstead.inspection.borders import ACROSS, REACH, Crossing, crossings
from wardstead.inspection.ports import PROMPT

SECRETS = {
    "github-token": "ghp_" + "a1B2c3D4e5" * 3 + "0ymjdQ",
    "payment-card": "4111 1111 1111 1111",
    "email": "anna.example@example.org",
    "canary": CANARY,
}
AROUND = st.text(alphabet="ab ,.\n", max_size=20)


def found(texts: list[str]) -> list[Crossing]:
    return crossings(lambda joined: INSPECTOR.patterns(joined, PROMPT), texts)


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
