"""Detectors that need a whole text: when they run, what their failure means, and what they do to a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import DETECTORS, ready_made
from tests.inspection.test_policy import SMALL

from wardstead.inspection.content.leakage import leakage
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import ANSWER, PROMPT, Direction, Origin, Span, TakesLong
from wardstead.inspection.stream_guards import next_look
from wardstead.kernel.errors import ConfigurationError, DetectorOverwhelmed
from wardstead.kernel.findings import Action


@dataclass
class Words:
    """Finds each of its words, everywhere it stands; fails over BROKEN."""

    words: Mapping[str, str]
    marks: bool = False
    slow: bool = False
    cuts: bool = False
    id: str = "words"
    version: str = "1"
    origins: frozenset[Origin] = frozenset({Origin.USER})
    directions: frozenset[Direction] = frozenset(Direction)
    asked: list[list[str]] = field(default_factory=list)

    @property
    def types(self) -> Mapping[str, str]:
        return dict.fromkeys(self.words.values(), "extra")

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        self.asked.append(list(texts))
        if any("BROKEN" in text for text in texts):
            raise RuntimeError("no model")
        return [
            [
                Span(kind, at, at + len(word), 0.5)
                for word, kind in self.words.items()
                for at in range(len(text))
                if text.startswith(word, at)
            ]
            for text in texts
        ]


def policy(extra: str, more: str = "") -> str:
    return f"""
version: 2
rules:
  - {{category: who, label: {{level: public}}, prompt: allow, answer: allow}}
  - {{category: what, label: {{level: confidential}}, prompt: allow, answer: allow}}
  - {{category: extra, {extra}}}
{more}
"""


def inspector(detector: Words, extra: str, more: str = "") -> PolicyInspector:
    return PolicyInspector(SMALL, load_policy(policy(extra, more), "p", ready_made), text_detectors=[detector])


REDACTS = "label: {level: internal}, prompt: redact, answer: redact"
BLOCKS = "label: {level: internal}, prompt: block, answer: block"
NOTHING = "label: {level: public}, prompt: allow, answer: allow"


def test_a_place_that_it_finds_is_treated_like_a_pattern_in_characters_of_the_text() -> None:
    verdict = inspector(Words({"Zoë": "name"}), REDACTS).inspect("é N1 Zoë 𝒳 Zoë", PROMPT)
    assert verdict.text == "é N1 [redacted:name] 𝒳 [redacted:name]"
    assert [(one.type, one.start, one.end, one.score) for one in verdict.findings] == [
        ("person", 2, 4, 1.0), ("name", 5, 8, 0.5), ("name", 11, 14, 0.5),
    ]  # fmt: skip


def test_a_mark_stops_the_text_and_takes_nothing_out_of_it() -> None:
    verdict = inspector(Words({"ignore": "attack"}, marks=True), BLOCKS).inspect("please ignore it", PROMPT)
    assert (verdict.text, verdict.action) == ("", Action.BLOCK)
    with pytest.raises(ConfigurationError, match="nothing can be taken out") as refused:
        inspector(Words({"ignore": "attack"}, marks=True), REDACTS)
    assert refused.value.where == "p:6: rules[2]"


def test_a_mark_that_an_extended_policy_takes_out_is_told_with_the_rule_there() -> None:
    policies = {"mine": policy(REDACTS)}
    with pytest.raises(ConfigurationError) as refused:
        PolicyInspector(
            SMALL,
            load_policy("version: 1\nextends: mine\n", "own", lambda name: (policies[name], name)),
            text_detectors=[Words({"ignore": "attack"}, marks=True)],
        )
    assert refused.value.where == "mine:6: rules[2]"


def test_it_sees_the_texts_of_the_origins_that_it_wants_in_their_order() -> None:
    words = Words({"x": "letter"})
    origins = [Origin.SYSTEM, Origin.USER, Origin.TOOL, Origin.USER]
    verdicts = inspector(words, REDACTS).inspect_all(["x1", "x2", "x3", "x4"], PROMPT, origins=origins)
    assert words.asked == [["x2", "x4"]]
    assert [one.text for one in verdicts] == ["x1", "[redacted:letter]2", "x3", "[redacted:letter]4"]


def test_it_does_not_run_where_nothing_would_come_of_it() -> None:
    words = Words({"x": "letter"}, slow=True)
    quiet = inspector(words, NOTHING)
    assert quiet.inspect("x", PROMPT).findings == ()
    assert not words.asked
    assert not quiet.is_slow(PROMPT)


def test_one_that_matters_in_a_combination_alone_runs_where_the_others_were_found() -> None:
    together = """
combinations:
  - {id: both, of: [{type: letter}, {type: illness}], label: {level: restricted}, prompt: redact, answer: allow}
"""
    words = Words({"x": "letter"}, slow=True)
    lazy = inspector(words, NOTHING, together)
    assert lazy.inspect("x and N1", PROMPT).text == "x and N1"
    assert not words.asked
    assert lazy.inspect("x and I1", PROMPT).text == "x and [redacted:illness]"
    assert words.asked == [["x and I1"]]
    assert lazy.is_slow(PROMPT)


@pytest.mark.parametrize(("when", "runs"), [("always", True), ("combined", False), ("never", False)])
def test_the_policy_says_when_a_slow_one_runs(when: str, runs: bool) -> None:
    words = Words({"x": "letter"}, slow=True)
    found = inspector(words, REDACTS, f"slow_detectors: {{words: {when}}}")
    assert found.is_slow(PROMPT) == runs
    assert found.inspect("x", PROMPT).text == ("[redacted:letter]" if runs else "x")
    quick = inspector(Words({"x": "letter"}), REDACTS, f"slow_detectors: {{words: {when}}}")
    assert quick.inspect("x", PROMPT).text == "[redacted:letter]"


@pytest.mark.parametrize(("when", "asked"), [("always", [["Good morning."]]), ("combined", []), ("never", [])])
def test_what_looks_at_every_text_gets_ready_beforehand(when: str, asked: list[list[str]]) -> None:
    words = Words({"x": "letter"}, slow=True)
    inspector(words, REDACTS, f"slow_detectors: {{words: {when}}}").warm()
    assert words.asked == asked


def test_whoever_cannot_wait_for_a_slow_one_is_told_before_anything_is_done() -> None:
    words = Words({"x": "letter"}, slow=True)
    together = """
combinations:
  - {id: both, of: [{type: letter}, {type: illness}], label: {level: restricted}, prompt: redact, answer: redact,
     directions: [prompt]}
"""
    lazy = inspector(words, NOTHING, together)
    assert lazy.inspect_all(["x and N1"], PROMPT, patient=False)[0].text == "x and N1"
    with pytest.raises(TakesLong):
        lazy.inspect_all(["x and I1"], PROMPT, patient=False)
    assert not words.asked
    assert not lazy.is_slow(ANSWER), "in answers the combination does not count"
    assert lazy.inspect("x and I1", ANSWER).text == "x and I1"


@pytest.mark.parametrize(("text", "action"), [("BROKEN", Action.FLAG), ("BROKEN N1", Action.FLAG), ("BROKEN I1", Action.BLOCK)])
def test_a_failed_verdict_flags_what_is_public_and_denies_what_is_above(text: str, action: Action) -> None:
    for flow in (PROMPT, ANSWER):
        verdict = inspector(Words({"x": "letter"}), REDACTS).inspect(text, flow)
        assert verdict.findings[-1].type == "detector-failed"
        assert verdict.action is action
        assert verdict.text == ("" if action is Action.BLOCK else text)


def test_what_was_taken_out_counts_where_a_detector_fails() -> None:
    """A card was redacted, so what is left is public; but the text was not, and nobody knows what else was in it."""
    redacted = "- {type: illness, label: {level: restricted}, prompt: redact, answer: redact}"
    text = policy(REDACTS).replace("rules:", f"rules:\n  {redacted}")
    found = PolicyInspector(SMALL, load_policy(text, "p", ready_made), text_detectors=[Words({"x": "letter"}, cuts=True)])
    for verdict in (found.inspect("BROKEN I1", PROMPT), found.inspect("BROKEN I1", ANSWER)):
        assert (verdict.action, verdict.text) == (Action.BLOCK, "")
    assert stream(found, "I1 BROKEN " * 40, 7)[1] is Action.BLOCK


def test_nobody_gets_the_milder_answer_to_a_failure_by_writing_more() -> None:
    class Small(Words):
        def detect(self, texts: Sequence[str]) -> list[list[Span]]:
            if sum(map(len, texts)) > 100:
                raise DetectorOverwhelmed("too long")
            return super().detect(texts)

    found = inspector(Small({"x": "letter"}, cuts=True), REDACTS)
    assert found.inspect("BROKEN", PROMPT).action is Action.FLAG
    assert found.inspect("y" * 101, PROMPT).action is Action.BLOCK
    assert stream(found, "y" * 300, 50)[1] is Action.BLOCK


@given(st.lists(st.sampled_from(["N1", "I1", "Zo", "Ann", " ", ". "]), max_size=12).map("".join), st.integers(1, 5))
def test_a_stream_comes_to_what_the_whole_does_where_places_combine(text: str, size: int) -> None:
    together = """
combinations:
  - {id: both, of: [{type: name}, {type: illness}], label: {level: restricted}, prompt: flag, answer: flag}
  - {id: two, of: [{type: name, count: 2}], label: {level: confidential}, prompt: flag, answer: flag}
"""
    found = COMBINING.setdefault("found", inspector(Words({"Zo": "name", "Ann": "name"}), NOTHING, together))
    whole, guard = found.inspect(text, ANSWER), found.guard(ANSWER)
    released = [guard.feed(text[at : at + size]) for at in range(0, len(text), size)] + [guard.finish()]
    assert "".join(one.text for one in released) == whole.text
    assert (guard.label, max(one.action for one in released)) == (whole.label, whole.action)


COMBINING: dict[str, PolicyInspector] = {}


def test_the_policy_may_deny_over_every_failure() -> None:
    strict = inspector(Words({"x": "letter"}), REDACTS, "failures: {public: block}")
    assert strict.inspect("BROKEN", PROMPT).action is Action.BLOCK


@pytest.mark.parametrize("span", [Span("letter", 0, 99), Span("letter", 3, 1), Span("other", 0, 1), Span("letter", -1, 1)])
def test_a_span_that_cannot_be_is_a_failed_verdict(span: Span) -> None:
    class Liar(Words):
        def detect(self, texts: Sequence[str]) -> list[list[Span]]:
            return [[span] for _ in texts]

    verdict = inspector(Liar({"x": "letter"}), REDACTS).inspect("some I1", PROMPT)
    assert (verdict.action, verdict.findings[-1].type) == (Action.BLOCK, "detector-failed")


def stream(found: PolicyInspector, text: str, size: int) -> tuple[str, Action, tuple[tuple[str, Action], ...]]:
    guard = found.guard(ANSWER)
    released = [guard.feed(text[at : at + size]) for at in range(0, len(text), size)] + [guard.finish()]
    findings = tuple((finding.type, finding.action) for one in released for finding in one.findings)
    return "".join(one.text for one in released), max(one.action for one in released), findings


@given(st.integers(0, 9000), st.lists(st.integers(1, 3000), min_size=2, max_size=4))
def test_where_a_stream_is_cut_does_not_depend_on_its_pieces(place: int, sizes: list[int]) -> None:
    text = "a " * (place // 2) + "LOOP" + " b" * 3000
    found = inspector(Words({"LOOP": "loop"}, marks=True), BLOCKS)
    outcomes = {stream(found, text, size) for size in sizes}
    assert len(outcomes) == 1
    released, action, findings = outcomes.pop()
    assert (action, findings) == (Action.BLOCK, (("loop", Action.BLOCK),))
    seen = place // 2 * 2 + 4
    assert len(released) <= next_look(seen - 1)
    assert text.startswith(released)


def test_what_would_be_taken_out_of_a_stream_holds_it_until_it_is_whole() -> None:
    found = inspector(Words({"Zoë": "name"}), REDACTS)
    guard = found.guard(ANSWER)
    assert guard.feed("This is Z").text == guard.feed("oë. ").text == ""
    assert guard.finish().text == "This is [redacted:name]. "


def test_what_cuts_does_not_hold() -> None:
    found = inspector(Words({"<script>": "active"}, cuts=True), REDACTS)
    guard = found.guard(ANSWER)
    assert guard.feed("some text <script> ").text == "some text <script> "
    last = guard.finish()
    assert last.action is Action.BLOCK


def test_what_a_model_was_told_is_found_in_its_answers_alone() -> None:
    text = "version: 2\nextends: general\nrules: [{type: system-prompt, label: {level: internal}, prompt: allow, answer: block}]"
    found = PolicyInspector(DETECTORS, load_policy(text, "p", ready_made), leakage=leakage)
    told = "Never offer customers of the northern region a discount above twelve percent without the written consent of finance."
    knows = found.told([told])
    for whole in (knows.inspect(f"Well: {told}", ANSWER), knows.inspect(f"Well: {told.upper()}", ANSWER)):
        assert (whole.action, whole.text) == (Action.BLOCK, "")
    assert stream(knows, f"Well: {told}" + " and so on" * 300, 7)[1] is Action.BLOCK
    assert knows.inspect("Our discounts are listed on the website.", ANSWER).action is Action.ALLOW
    assert found.inspect(told, ANSWER).action is Action.ALLOW
    assert found.told([]) is found
    assert knows.version == found.version


def test_a_failure_in_the_middle_of_a_stream_counts_once() -> None:
    released, action, findings = stream(inspector(Words({"x": "letter"}, cuts=True), REDACTS), "BROKEN " * 400, 50)
    assert (released, action, findings) == ("BROKEN " * 400, Action.FLAG, (("detector-failed", Action.FLAG),))
