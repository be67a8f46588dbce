"""Chunking does not matter: what is released equals a plain reference of the whole text, however it is cut."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardstead.inspection.catalogue import CONTEXT_BYTES, WINDOW_BYTES, Detector, load_catalogue
from wardstead.inspection.inspector import PatternInspector
from wardstead.inspection.policy import load_policy
from wardstead.inspection.ports import Direction
from wardstead.kernel.findings import Action

CATALOGUES = files("wardstead.catalogues")
DETECTORS = load_catalogue((CATALOGUES / "detectors/patterns.yaml").read_text(), "patterns.yaml")
POLICY = load_policy((CATALOGUES / "policies/classification.yaml").read_text(), "classification.yaml")
CANARY = "canary-7731-xyzzy"
INSPECTOR = PatternInspector(DETECTORS, POLICY, (CANARY,))

EXAMPLES = [example for one in DETECTORS for example in (*one.examples, *one.counter_examples)] + [CANARY]
FRAGMENTS = st.sampled_from(EXAMPLES).flatmap(lambda text: st.integers(1, len(text)).map(lambda end: text[:end]))
GLUE = st.sampled_from([" ", "", "\n", ".", ",", "é", "𝒳", "-", "1", "@", "SSN ", "born ", "x" * 70])
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEXTS = st.lists(st.one_of(st.sampled_from(EXAMPLES), FRAGMENTS, GLUE, ANYTHING), max_size=14)
TEXT = TEXTS.map("".join)


def reference(text: str) -> tuple[str, list[tuple[str, int, int]], Action]:
    """The verdict by Python's own engine, one pattern after another over the whole text: slow, plain, and independent."""
    data = text.encode()
    spans: list[tuple[int, int, int]] = []
    everything = INSPECTOR.matcher.detectors
    for number, detector in enumerate(everything):
        at = 0
        pattern = re.compile(detector.pattern.encode())
        while (match := pattern.search(data, at)) is not None:
            if is_real(detector, data, match.start(), match.end()):
                spans.append((match.start(), match.end(), number))
                at = max(match.end(), match.start() + 1)
            else:
                at = match.start() + 1
    out, findings, worst, done = b"", [], Action.ALLOW, 0
    while spans:
        spans.sort()
        group = [spans.pop(0)]
        while spans and spans[0][0] < max(end for _, end, _ in group):
            group.append(spans.pop(0))
        start, end = group[0][0], max(end for _, end, _ in group)
        actions = []
        for begin, finish, number in group:
            detector = everything[number]
            overlong = detector.overlong and finish - begin >= detector.width
            treatment = POLICY.treatment(detector.type, detector.category)
            actions.append((Action.BLOCK if overlong else treatment.answer, finish - begin, -number))
            findings.append((detector.type, len(data[:begin].decode()), len(data[:finish].decode())))
        strictest = max(actions)
        worst = max(worst, strictest[0])
        if strictest[0] is Action.ALLOW:
            continue
        out += data[done:start]
        if strictest[0] is Action.BLOCK:
            return out.decode(), findings, worst
        out += f"[redacted:{everything[-strictest[2]].type}]".encode()
        done = end
    return (out + data[done:]).decode(), findings, worst


def is_real(detector: Detector, data: bytes, start: int, end: int) -> bool:
    left = data[max(0, start - CONTEXT_BYTES) : start].lower()
    if detector.context and not any(word in left for word in detector.context):
        return False
    return detector.validator is None or detector.validator(data[start:end])


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({min(place, len(text)) for place in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def stream(pieces: list[str]) -> tuple[str, list[tuple[str, int, int]], Action]:
    guard = INSPECTOR.guard(Direction.ANSWER)
    released = [guard.feed(piece) for piece in pieces] + [guard.finish()]
    findings = [(f.type, f.start, f.end) for one in released for f in one.findings]
    return "".join(one.text for one in released), findings, max(one.action for one in released)


@given(TEXT)
def test_the_verdict_on_a_whole_text_equals_the_plain_reference(text: str) -> None:
    verdict = INSPECTOR.inspect(text, Direction.ANSWER)
    assert (verdict.text, [(f.type, f.start, f.end) for f in verdict.findings], verdict.action) == reference(text)


@given(TEXT, st.lists(st.integers(0, 400), max_size=60))
def test_chunking_does_not_matter(text: str, cuts: list[int]) -> None:
    assert stream(cut(text, cuts)) == reference(text)


@settings(max_examples=40)
@given(TEXT)
def test_one_character_at_a_time_does_not_matter(text: str) -> None:
    assert stream(list(text)) == reference(text)


@pytest.mark.parametrize("detector", [one for one in DETECTORS if one.examples], ids=lambda one: one.type)
def test_no_split_of_an_example_lets_a_part_of_it_out(detector: Detector) -> None:
    for example in detector.examples:
        text = f"so: {example} and on"
        for place in range(1, len(text)):
            assert stream([text[:place], text[place:]]) == reference(text)


@settings(max_examples=60)
@given(TEXT)
def test_what_is_released_early_is_never_part_of_a_match(text: str) -> None:
    """However much has arrived, what was released is a beginning of the final text."""
    final, _, _ = reference(text)
    guard = INSPECTOR.guard(Direction.ANSWER)
    released = ""
    for char in text:
        released += guard.feed(char).text
        assert final.startswith(released)


@settings(max_examples=40)
@given(TEXT, st.integers(0, 3))
def test_what_is_held_back_is_bounded(text: str, copies: int) -> None:
    guard = INSPECTOR.guard(Direction.ANSWER)
    given_bytes = released_bytes = 0
    for char in text * (copies + 1) + "a" * (2 * WINDOW_BYTES):
        given_bytes += len(char.encode())
        step = guard.feed(char)
        if step.action is Action.BLOCK:
            return
        released_bytes += len(step.text.encode())
    assert given_bytes - released_bytes < WINDOW_BYTES + len(text.encode()) * (copies + 1)


@given(st.lists(TEXT, max_size=5))
def test_inspecting_many_equals_inspecting_each(texts: list[str]) -> None:
    assert INSPECTOR.inspect_all(texts, Direction.PROMPT) == [INSPECTOR.inspect(text, Direction.PROMPT) for text in texts]


def test_a_token_too_long_for_its_pattern_is_cut_not_let_through() -> None:
    verdict = INSPECTOR.inspect("my key is xoxb-" + "a1" * 500 + " end", Direction.ANSWER)
    assert verdict.action is Action.BLOCK
    assert verdict.text == "my key is "


def test_a_detector_that_crashes_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    inspector = PatternInspector(DETECTORS, POLICY)
    monkeypatch.setattr(inspector.matcher, "candidates", lambda _data: 1 / 0)
    assert inspector.inspect("hello", Direction.PROMPT).action is Action.BLOCK
    assert inspector.inspect_all(["hello", "you"], Direction.PROMPT)[0].findings[0].type == "detector-failed"
    guard = inspector.guard(Direction.ANSWER)
    assert guard.feed("hello ").action is Action.BLOCK
    assert guard.feed("more").text == ""
