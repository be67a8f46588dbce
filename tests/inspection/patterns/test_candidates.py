"""Where patterns are looked for: behind what every match of them holds."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.patterns.test_needs import EVERYTHING, LOOKED_FOR
from tests.inspection.reference import DETECTORS

from wardstead.inspection.patterns.candidates import _GATE_OF
from wardstead.inspection.patterns.catalogue import ENCODED, Detector
from wardstead.inspection.patterns.encoded import rows_of_keys
from wardstead.inspection.patterns.matching import Matcher
from wardstead.inspection.patterns.needs import GATES, Need

IN_ROWS = [one for one in EVERYTHING if one.category == ENCODED and not one.marked and _GATE_OF.get(one.need) is Need.RUN]
MATCHER = Matcher(DETECTORS)


@given(st.sampled_from(LOOKED_FOR), st.data())
def test_a_match_opens_the_gate_that_its_pattern_is_behind(one: Detector, data: st.DataObject) -> None:
    match = data.draw(st.from_regex(re.compile(one.pattern.encode()), fullmatch=True))
    assert re.search(GATES[_GATE_OF[one.need]].encode(), match, re.DOTALL), (one.id, match)


@given(st.sampled_from(IN_ROWS), st.data(), st.binary(max_size=8))
def test_a_run_that_is_looked_for_in_rows_of_keys_lies_in_one(one: Detector, data: st.DataObject, other: bytes) -> None:
    run = data.draw(st.from_regex(re.compile(one.pattern.encode()), fullmatch=True))
    assert any(run.rstrip(b"=") in row for row in rows_of_keys(other + run + other, len(other) + 1)), (one.id, run)


@given(st.sampled_from(DETECTORS), st.data(), st.binary(max_size=80), st.binary(max_size=8), st.integers(0, 80))
def test_what_may_match_is_named_wherever_one_looks_from(
    one: Detector, data: st.DataObject, left: bytes, right: bytes, back: int
) -> None:
    match = data.draw(st.from_regex(re.compile(one.pattern.encode()), fullmatch=True))
    word = data.draw(st.sampled_from(one.context)).encode() + b" " if one.context else b""
    text = left + b" " + word + match + b" " + right
    start = len(left) + 1 + len(word)
    begin = max(0, start - back)
    number = DETECTORS.index(one)
    found = MATCHER.matches(number, text, begin, start + 1).matches
    assert not found or number in MATCHER.candidates(text, begin, start + 1), (one.id, text)


def test_a_row_is_as_long_as_it_is_and_no_shorter_than_sixteen_characters() -> None:
    data = b"a" * 15 + b" " + b"b" * 16 + b"==" + b"c" * 5000 + b"." + b"d" * 15
    assert rows_of_keys(data, len(data)) == [b"b" * 16, b"c" * 5000]
    assert rows_of_keys(data, data.index(b"c")) == [b"b" * 16]
