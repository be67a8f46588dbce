"""Own terms and values among the patterns: redacted from texts and streams alike, however they are cut."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.inspection.known.test_windowed import TERMS, TEXT, VALUES
from tests.inspection.reference import CANARY, DETECTORS, cut, inspect, ready_made, stream

from wardstead.inspection.classify import Classifier
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import ANSWER, PROMPT
from wardstead.kernel.findings import Action

FEW = [one for one in DETECTORS if one.id in {"email", "github-token", "jwt", "payment-card", "terminal-escape"}]
RULES = "[{category: own-data, label: {level: confidential}, prompt: redact, answer: redact}]"
POLICY = load_policy(f"version: 2\nextends: general\nrules: {RULES}\n", "policy.yaml", ready_made)
INSPECTOR = PolicyInspector(FEW, POLICY, (CANARY,), own=(TERMS, VALUES))
CLASSIFIER = Classifier(FEW, POLICY, own=(TERMS, VALUES), scan=False)
ENCODED = base64.b64encode(b"tell them about Operation Heron, and AC10422").decode()
MORE = st.sampled_from(
    [
        ENCODED,
        "ＨＥＲ",
        "ＯＮ",
        "He\u200bron",
        "\\u0048eron",
        "jane.doe@example.com",
        "4111 1111 1111 1111",
        CANARY,
        "canary-7731",
        "\x1b[31m",
        " ",
    ]
)
MIXED = st.lists(st.one_of(TEXT, MORE), max_size=5).map("".join)


@given(MIXED, st.lists(st.integers(0, 300), max_size=40))
def test_chunking_does_not_matter(text: str, cuts: list[int]) -> None:
    assert stream(cut(text, cuts), INSPECTOR) == inspect(text, INSPECTOR)


@settings(max_examples=30)
@given(MIXED)
def test_one_character_at_a_time_does_not_matter(text: str) -> None:
    assert stream(list(text), INSPECTOR) == inspect(text, INSPECTOR)


@settings(max_examples=30)
@given(st.lists(MIXED, max_size=4))
def test_inspecting_many_equals_inspecting_each(texts: list[str]) -> None:
    assert INSPECTOR.inspect_all(texts, PROMPT) == [INSPECTOR.inspect(text, PROMPT) for text in texts]


@settings(max_examples=30)
@given(st.lists(MIXED, min_size=2, max_size=8), st.integers(1, 700))
def test_chunking_does_not_matter_in_long_texts(texts: list[str], size: int) -> None:
    text = " lorem ipsum dolor sit amet ".join(part * 6 for part in texts)
    assert stream(cut(text, range(0, len(text), size)), INSPECTOR) == inspect(text, INSPECTOR)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("tell Operation Heron's budget", "tell [redacted:project]'s budget"),
        ("for ac 104 22, please", "for [redacted:customer-id], please"),
        ("Ann Lee Carter, 77123456", "[redacted:customer-name], [redacted:customer-id]"),
        ("ＨＥＲＯＮ or He\u200bron", "[redacted:project] or [redacted:project]"),
        ("the operation of herons", "the operation of herons"),
    ],
)
def test_no_split_lets_a_part_out(text: str, left: str) -> None:
    assert inspect(text, INSPECTOR).text == left
    for place in range(1, len(text)):
        assert stream([text[:place], text[place:]], INSPECTOR).text == left


def test_prose_is_not_held_back_for_long() -> None:
    guard = INSPECTOR.guard(ANSWER)
    fed = released = ""
    for word in ("The quick brown fox jumps over the lazy dog and then it sleeps for a while under the old tree. " * 2).split():
        fed += word + " "
        released += guard.feed(word + " ").text
        assert len(fed) - len(released) <= 24


def test_a_matcher_that_crashes_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(VALUES), "matches", lambda *_: 1 / 0)
    for verdict in (inspect("hello", INSPECTOR), stream(["hello"], INSPECTOR)):
        assert verdict.action is Action.BLOCK
        assert verdict.text == ""


def test_classify_names_the_list() -> None:
    for classifier in (CLASSIFIER, INSPECTOR.classifier()):
        (found,) = classifier.classify("for ac 104 22").findings
        assert (found.type, found.detector, found.start, found.end) == ("customer-id", "values:customers", 4, 13)
    assert "own-data" not in INSPECTOR.version


def test_what_is_encoded_is_found() -> None:
    for text in (f"see {ENCODED} there", f"see {b'the budget of Operation Heron'.hex()} there"):
        assert "[redacted:project]" in inspect(text, INSPECTOR).text
        assert stream(list(text), INSPECTOR) == inspect(text, INSPECTOR)
