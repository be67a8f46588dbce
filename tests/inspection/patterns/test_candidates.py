"""Where patterns are looked for: behind what every match of them holds."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.patterns.test_needs import EVERYTHING, LOOKED_FOR

from wardstead.inspection.patterns.candidates import _GATE_OF
from wardstead.inspection.patterns.catalogue import ENCODED, Detector
from wardstead.inspection.patterns.encoded import rows_of_keys
from wardstead.inspection.patterns.needs import GATES, Need

IN_ROWS = [one for one in EVERYTHING if one.category == ENCODED and not one.marked and _GATE_OF.get(one.need) is Need.RUN]


@given(st.sampled_from(LOOKED_FOR), st.data())
def test_a_match_opens_the_gate_that_its_pattern_is_behind(one: Detector, data: st.DataObject) -> None:
    match = data.draw(st.from_regex(re.compile(one.pattern.encode()), fullmatch=True))
    assert re.search(GATES[_GATE_OF[one.need]].encode(), match, re.DOTALL), (one.id, match)


@given(st.sampled_from(IN_ROWS), st.data(), st.binary(max_size=8))
def test_a_run_that_is_looked_for_in_rows_of_keys_lies_in_one(one: Detector, data: st.DataObject, other: bytes) -> None:
    run = data.draw(st.from_regex(re.compile(one.pattern.encode()), fullmatch=True))
    assert any(run.rstrip(b"=") in row for row in rows_of_keys(other + run + other)), (one.id, run)


def test_a_row_is_as_long_as_it_is_and_no_shorter_than_sixteen_characters() -> None:
    assert rows_of_keys(b"a" * 15 + b" " + b"b" * 16 + b"==" + b"c" * 5000 + b"." + b"d" * 15) == [b"b" * 16, b"c" * 5000]
