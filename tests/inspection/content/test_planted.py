"""Canaries in instructions: nobody guesses one, each proves itself, and a stream shows none of it before its verdict."""

from __future__ import annotations

import base64
import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.inspection.known.test_windowed import streamed, whole
from tests.inspection.reference import DETECTORS, cut, inspect, ready_made, stream

from wardstead.inspection.content.leakage import leakage
from wardstead.inspection.content.planted import PLANTED, PlantedCanaries, Planter, canaries_in
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import ANSWER

PLANTER, OTHER = Planter(bytes(range(32))), Planter(bytes(32))
TOLD = "You are the assistant of a bakery. Its recipes stay secret: rye with honey, spelt with walnuts, oats with figs."
DAY = 86_400_000
NOW = 20_000 * DAY
CANARY = PLANTER.canary("alice", TOLD, NOW)
FINDS = PlantedCanaries(PLANTER)
WRITTEN = [CANARY, CANARY.upper(), " ".join(CANARY), CANARY.replace("-", ""), CANARY[:9], CANARY[9:], OTHER.canary("a", "b", 0)]
PIECES = st.sampled_from([*WRITTEN, "wsp", "w", "ws", "wspwsp-", "-", " ", "  ", "\n", "a2", "é", "the quick brown fox "])
TEXT = st.lists(PIECES, max_size=12).map("".join)
FEW = [one for one in DETECTORS if one.id in {"email", "payment-card"}]
RULES = "[{type: system-prompt-canary, label: {level: internal}, prompt: allow, answer: redact}]"
POLICY = load_policy(f"version: 2\nextends: general\nrules: {RULES}\n", "policy.yaml", ready_made)
INSPECTOR = PolicyInspector(FEW, POLICY, own=(FINDS,), leakage=leakage)


def test_it_is_the_same_all_day_for_the_same_person_and_instructions_alone() -> None:
    assert PLANTER.canary("alice", TOLD, NOW + DAY - 1) == CANARY
    others = [("bob", TOLD, NOW), ("alice", TOLD + " ", NOW), ("alice", TOLD, NOW + DAY)]
    assert len({CANARY, OTHER.canary("alice", TOLD, NOW), *(PLANTER.canary(*one) for one in others)}) == 5
    assert PLANTER.planted("alice", TOLD, NOW) == f"{TOLD}\n\n[{CANARY}]"
    assert canaries_in([PLANTER.planted("alice", TOLD, NOW), TOLD]) == [CANARY]


@pytest.mark.parametrize("written", WRITTEN[:4])
def test_it_is_found_however_it_is_written(written: str) -> None:
    (found,) = whole(FINDS, f"Of course: {written}, that is all.")
    assert (found.start, found.end) == (11, 11 + len(written.encode()))


@given(st.binary(min_size=10, max_size=10))
def test_what_only_looks_like_one_is_none(drawn: bytes) -> None:
    text = f"wsp-{base64.b32encode(drawn).decode().lower()}"
    assert (whole(FINDS, text) != []) is PLANTER.proves(text.encode())
    assert not PLANTER.proves(OTHER.canary("alice", TOLD, NOW).encode())


@given(TEXT, st.lists(st.integers(0, 300), max_size=40))
def test_chunking_does_not_matter(text: str, cuts: list[int]) -> None:
    places = sorted({min(at, len(text)) for at in cuts})
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    assert streamed(FINDS, pieces, 64) == whole(FINDS, text)
    assert stream(cut(text, cuts), INSPECTOR) == inspect(text, INSPECTOR)


@settings(max_examples=40)
@given(TEXT)
def test_one_character_at_a_time_does_not_matter(text: str) -> None:
    assert stream(list(text), INSPECTOR) == inspect(text, INSPECTOR)


def test_no_part_of_it_is_released_before_its_verdict() -> None:
    text = f"My instructions end with {CANARY} and that is it."
    for at in range(len(text)):
        guard = INSPECTOR.guard(ANSWER)
        released = [guard.feed(text[:at]), guard.feed(text[at:]), guard.finish()]
        assert "".join(one.text for one in released) == "My instructions end with [redacted:system-prompt-canary] and that is it."
        assert [found.type for one in released for found in one.findings] == [PLANTED]


def test_base64_and_look_alike_letters_hide_nothing() -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in CANARY)
    for hidden in (base64.b64encode(f"here: {CANARY}".encode()).decode(), wide):
        assert [one.type for one in INSPECTOR.inspect(f"so {hidden} it is", ANSWER).findings] == [PLANTED]


def test_what_is_turned_round_is_found_in_the_answer_to_its_own_request() -> None:
    detector = leakage([PLANTER.planted("alice", TOLD, NOW)])
    for hidden in (CANARY[::-1], codecs.encode(CANARY, "rot13")):
        (found,) = detector.detect([f"so {hidden} it is"])
        assert [one.type for one in found] == ["disguised-canary"]
        assert leakage([TOLD]).detect([f"so {hidden} it is"]) == [[]]
