"""What a pattern is said to need is in every match of it: else a text that has none of that would not be searched for it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import DETECTORS

from wardstead.inspection.patterns.catalogue import Detector
from wardstead.inspection.patterns.encoded import encodings
from wardstead.inspection.patterns.needs import GATES, Need, has_mark, need
from wardstead.inspection.patterns.pattern import parse

EVERYTHING = (*DETECTORS, *(run.looks for run in encodings(DETECTORS)))
LOOKED_FOR = [one for one in EVERYTHING if one.need not in {Need.NOTHING, Need.SPACED, Need.MARKUP}]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"[0-9]{9}", Need.NUMBER),
        (r"(?:[0-9]{3}[ -]?){3}", Need.NUMBER),
        (r"[0-9]{4}[ -]{1,4}[0-9]{5}", Need.NUMBER),
        (r"[0-9]{4}[ -]{1,5}[0-9]{5}", Need.DIGIT),
        (r"[0-9]{4}[A-Z][0-9]{5}", Need.DIGIT),
        (r"[0-9]{4}[A-Z][0-9]{6}", Need.DIGITS),
        (r"[0-9]{4}[0-9A-Z -][0-9]{5}", Need.DIGIT),
        (r"[0-9]{4}[0-9 -][0-9]{5}", Need.NUMBER),
        (r"[0-9]{8}(?:[0-9]|x)", Need.DIGITS),
        (r"[0-9]{8}(?:[0-9]|[ ][0-9]{2})", Need.NUMBER),
        (r"[0-9]{0,20}a", Need.NOTHING),
        (r"[0-9]{1,20}a", Need.DIGIT),
        (r"(?:[0-9]a){9}", Need.RUN),
        (r"(?:[0-9]a){7}", Need.DIGIT),
        (r"(?:[0-9]-?){6,12}", Need.DIGITS),
        (r"(?i)[a-z]{24}", Need.WORD),
        (r"[a-f0-9]{8}(?:[a-f0-9]{4}){4}", Need.WORD),
        (r"[a-f0-9]{8}(?:-[a-f0-9]{4}){4}", Need.RUN),
        (r"[a-z]{1,9}@[a-z]{2,9}", Need.AT),
        (r"[0-9a-f]{1,4}:[0-9a-f]{0,4}:", Need.COLONS),
        (r"[0-9a-f]{1,4}:[0-9a-f]{0,5}:", Need.NOTHING),
    ],
)
def test_what_a_pattern_needs(pattern: str, expected: Need) -> None:
    assert need(parse(pattern, "here")) is expected


@pytest.mark.parametrize(
    ("pattern", "marked"),
    [
        (r"ghp_[0-9]{9}", True),
        (r"gh[pousr]_[0-9]{9}", True),
        (r"(?:ghp|gho)_[0-9]{9}", True),
        (r"(?:ghp|go)[0-9]{9}", False),
        (r"g[a-g]p_x", True),
        (r"g[a-g]p_[0-9]", False),
        (r"ab(?:c|d)?e", True),
        (r"ab(?:[0-9]|d)?e", False),
        (r"ab[0-9]?e", False),
        (r"x{3,9}", True),
        (r"x{2,9}", False),
    ],
)
def test_a_mark_is_three_given_characters_in_a_row(pattern: str, marked: bool) -> None:
    assert has_mark(parse(pattern, "here")) is marked


@given(st.sampled_from(LOOKED_FOR), st.data())
def test_every_match_holds_what_its_pattern_needs(one: Detector, data: st.DataObject) -> None:
    match = data.draw(st.from_regex(re.compile(one.pattern.encode()), fullmatch=True))
    assert re.search(GATES[one.need].encode(), match, re.DOTALL), (one.id, match)
