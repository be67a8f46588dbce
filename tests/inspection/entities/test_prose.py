"""Every phrase finds its examples and not its counter-examples; files fail closed; what is found are whole characters."""

from __future__ import annotations

from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.entities.prose import Phrase, ProseDetector, load_phrases
from wardstead.kernel.errors import ConfigurationError

FOLDER = files("wardstead.catalogues") / "prose"
PHRASES = load_phrases({one.name: one.read_text("utf-8") for one in FOLDER.iterdir() if one.name.endswith(".yaml")})
DETECTOR = ProseDetector(PHRASES)
CASES = [(one, text, True) for one in PHRASES for text in one.entry.examples]
CASES += [(one, text, False) for one in PHRASES for text in one.entry.counter_examples]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"), CASES, ids=lambda value: value.entry.id if isinstance(value, Phrase) else None
)
def test_a_phrase_finds_its_examples_alone(phrase: Phrase, text: str, expected: bool) -> None:
    assert bool(list(phrase.matches(text.encode()))) is expected


def found(text: str) -> list[tuple[str, str]]:
    return [(one.type, text[one.start : one.end]) for one in DETECTOR.detect([text])[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dear Dr. Åsa Öberg,\n", [("person", "Dr. Åsa Öberg")]),
        (
            "She lives at Övre Långgatan 4, 411 05 Göteborg.",
            [("postal-address", "Övre Långgatan 4, 411 05 Göteborg"), ("location", "Göteborg")],
        ),
        ("A 47-year-old man came on 12 March 2024.", [("age", "47-year-old"), ("date", "12 March 2024")]),
        ("😀 see https://example.com/a?b=c.", [("url", "https://example.com/a?b=c")]),
        ("Nothing here is about anybody.", []),
    ],
)
def test_what_is_found_is_whole_and_said_once(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@given(
    st.lists(
        st.sampled_from([*(text for one in PHRASES for text in one.entry.examples), "ß", " ", "\n", "é, ", "😀"]), max_size=6
    )
)
def test_spans_lie_in_the_text_in_order_and_those_of_a_type_apart(parts: list[str]) -> None:
    text = "".join(parts)
    spans = DETECTOR.detect([text])[0]
    assert all(0 <= one.start < one.end <= len(text) for one in spans)
    assert [one.start for one in spans] == sorted(one.start for one in spans)
    for kind in DETECTOR.types:
        of_kind = [one for one in spans if one.type == kind]
        assert all(left.end <= right.start for left, right in pairwise(of_kind))


def one_phrase(pattern: str, more: str = "", parts: str = "{}") -> str:
    entry = f"id: bad, type: bad, category: xx, source: xyz, pattern: '{pattern}', examples: [a]{more}"
    return f"version: 1\nparts: {parts}\npatterns:\n  - {{{entry}}}\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (one_phrase("("), "refused"),
        (one_phrase("(a)(b)"), "at most one"),
        (one_phrase("<<nobody>>"), "does not have"),
        (one_phrase("a", ", validator: nobody"), "no validator"),
        (one_phrase("a", ", surprise: 1"), "surprise"),
        (one_phrase("a") + one_phrase("b").split("patterns:\n")[1], "two patterns"),
        ("version: 1\n", "patterns"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        load_phrases({"file.yaml": text})
    assert caught.value.where.startswith("file.yaml")


def test_a_part_stands_for_its_pattern_in_parts_after_it_and_in_patterns() -> None:
    parts = "{digit: '[0-9]', two: '<<digit>><<digit>>'}"
    phrase = load_phrases({"file.yaml": one_phrase("x<<two>>", parts=parts)})[0]
    assert list(phrase.matches(b"x1 x12")) == [(3, 6)]


@given(
    st.lists(st.sampled_from([*(text for one in PHRASES for text in one.entry.examples), " ", "\n", "é, "]), max_size=4).map(
        "".join
    )
)
def test_the_scans_for_all_miss_none_of_them(text: str) -> None:
    data = text.encode()
    looked_for = [*DETECTOR._others.of(data), *DETECTOR._with_digits.of(data)]
    for phrase in PHRASES:
        assert phrase in looked_for or not list(phrase.matches(data)), phrase.entry.id
