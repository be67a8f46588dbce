"""Medical terms: what is one, what only ends like one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wardstead.inspection.entities import medical
from wardstead.inspection.entities.medical import MEDICAL_TERM, MedicalTerms, is_medical, medical_terms
from wardstead.inspection.ports import Span


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in medical_terms(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He has hypertension and takes lisinopril.", ["hypertension", "lisinopril"]),
        ("Diagnosed with type 2 diabetes last May", ["type 2 diabetes"]),
        ("metformin 500 mg twice daily", ["metformin", "500 mg twice"]),
        ("After the appendectomy she had an infection", ["appendectomy"]),
        ("history of a heart attack; on warfarin", ["heart attack", "warfarin"]),
        ("Alzheimer's runs in the family", ["Alzheimer's"]),
        ("HIV positive since 2011", ["HIV"]),
        ("Sie ist schwanger und hat Bluthochdruck", ["schwanger", "Bluthochdruck"]),
        ("atorvastatin, omeprazole and sertraline", ["atorvastatin", "omeprazole", "sertraline"]),
        ("PNEUMONIA was ruled out", ["PNEUMONIA"]),
    ],
)
def test_terms_are_found(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The diploma from Oklahoma smelled of a fine aroma in April",
        "sympathy, empathy and telepathy; nostalgia for academia and Bohemia",
        "a dichotomy between microscopy and spectroscopy",
        "def hiv(aids): return aids  # names in small letters",
        "The Great Depression hit the stock market; a telegram from Ukraine",
        "photosynthesis, osmosis, hypnosis, diagnosis and metamorphosis",
        "Thomas Caine won a trophy and moved to Malaysia",
    ],
)
def test_what_only_ends_alike_is_none(text: str) -> None:
    assert found(text) == []


@given(st.text())
def test_terms_lie_in_the_text_in_order_and_apart(text: str) -> None:
    end = 0
    for span in medical_terms(text):
        assert end <= span.start < span.end <= len(text)
        end = span.end


@given(st.lists(st.sampled_from(["asthma", "the", "heart attack", "of", "insulin", "\n", "é", "😀"])))
def test_a_term_is_found_wherever_it_stands(words: list[str]) -> None:
    assert found(" ".join(words)) == [word for word in words if word in {"asthma", "heart attack", "insulin"}]


PARTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["asthma", "carcinoma", "omeprazole", "COPD", "copd", "heart attack", "20 mg daily", "épilepsie", "\u212aanker"]
        ),
        st.sampled_from([" ", "'s", "’s", "'", "’", "_", "é", "a", "\u0301", "-", ".", "1"]),
        st.characters(),
    ),
    max_size=8,
)


@example("carcinoma\U00031350", str)  # a letter since Unicode 15: RE2 knows it, Python 3.11 does not
@given(PARTS.map("".join), st.sampled_from([str, str.upper, str.lower, str.title]))
def test_the_hint_misses_no_term(text: str, written: Callable[[str], str]) -> None:
    text = written(text)
    assert medical.medical_terms(text) == word_by_word(text)


def word_by_word(text: str) -> list[Span]:
    """The same without hints."""
    phrases = [Span(MEDICAL_TERM, *match.span()) for match in medical._PHRASES.finditer(text)]
    words = [match.span() for match in medical._WORD.finditer(text) if is_medical(match.group())]
    free = [(a, b) for a, b in words if not any(one.start < b and a < one.end for one in phrases)]
    return sorted([*phrases, *(Span(MEDICAL_TERM, *place, 0.9) for place in free)], key=lambda span: span.start)


def test_it_declares_what_it_finds() -> None:
    detector = MedicalTerms()
    assert {span.type for spans in detector.detect(["asthma", ""]) for span in spans} == set(detector.types)
    assert is_medical("Nephritis")
    assert not is_medical("nephew")
