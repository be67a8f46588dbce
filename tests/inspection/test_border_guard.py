"""What reaches over from what a model thought into what it says, however that arrives."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import CANARY, INSPECTOR

from wardstead.inspection.borders import ACROSS
from wardstead.inspection.ports import ANSWER, Released
from wardstead.kernel.findings import Action

SECRETS = {
    "github-token": "ghp_" + "a1B2c3D4e5" * 3 + "0ymjdQ",
    "payment-card": "4111 1111 1111 1111",
    "email": "anna.example@example.org",
    "canary": CANARY,
}
TEXTS = st.text(alphabet="ab ,.\n14@é\u200b", max_size=30)


def passed(before: str, pieces: list[str]) -> Released:
    """All that it lets go of, together."""
    border = INSPECTOR.border(before, ANSWER)
    out = []
    for piece in pieces:
        out.append(border.feed(piece))
        if out[-1].action.stops:
            break
    else:
        out.append(border.finish())
    found = tuple(finding for one in out for finding in one.findings)
    return Released("".join(one.text for one in out), found, max(one.action for one in out))


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_it_is_taken_out_wherever_it_is_cut(kind: str, size: int) -> None:
    secret = SECRETS[kind]
    action = INSPECTOR.inspect(secret, ANSWER).action
    for at in range(1, len(secret)):
        said = f"{secret[at:]} that was it"
        released = passed(f"I think of {secret[:at]}", [said[start : start + size] for start in range(0, len(said), size)])
        if kind not in {one.type for one in released.findings}:
            # One part alone is as much of it as policy looks for: found where it stands.
            assert any(INSPECTOR.inspect(one, ANSWER).findings for one in (secret[:at], said)), (kind, at)
            continue
        found = next(one for one in released.findings if one.type == kind)
        assert found.combination == ACROSS
        assert said[found.start : found.end].strip() == secret[at:].strip()
        if action.replaces:
            assert released.text == f"[redacted:{kind}] that was it"
        elif action.stops:
            assert not released.text
        else:
            assert released.text == said


@given(TEXTS, TEXTS, st.sampled_from(sorted(SECRETS)), st.integers(0, 24), st.lists(st.integers(0, 60), max_size=6))
def test_it_is_the_same_however_it_is_cut(before: str, after: str, kind: str, at: int, cuts: list[int]) -> None:
    first, said = before + SECRETS[kind][:at], SECRETS[kind][at:] + after
    places = sorted({0, len(said), *(cut for cut in cuts if cut < len(said))})
    pieces = [said[start:end] for start, end in pairwise(places)]
    assert passed(first, pieces) == passed(first, [said])


def test_what_holds_nothing_waits_for_a_word_at_most_and_then_no_more() -> None:
    border = INSPECTOR.border("I have thought of everything.", ANSWER)
    assert border.feed("The").text == ""
    assert border.feed(" answer").text == "The answer"
    assert border.feed(" anna").text == " anna"


@pytest.mark.parametrize("before", ["", " \n"])
def test_behind_nothing_nothing_waits(before: str) -> None:
    assert INSPECTOR.border(before, ANSWER).feed("anna").text == "anna"


def test_white_space_around_the_border_hides_nothing_and_stays() -> None:
    released = passed("my card: 4111 1111 \n\n", ["\n", " \n", "1111 11", "11, thanks"])
    assert (released.text, released.action) == ("[redacted:payment-card], thanks", Action.REDACT)
    assert passed("done", ["\n\n", "Hello"]).text == "\n\nHello"
