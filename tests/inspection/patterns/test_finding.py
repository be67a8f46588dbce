"""What tells whether a pattern occurs says so wherever the pattern is found, and nowhere else."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.patterns.finding import finder, teller

PATTERNS = ["ab", "a|b{2}", r"\Aa", "a$", "^a|b$", r"\ba\b", "(?i)B", "(a)(b)?", "[^a]b", "a.b", r"b\z"]


def utf8() -> re2.Options:
    options = re2.Options()
    options.never_capture = True
    return options


@given(st.text(alphabet="aAbB \n\x00é\xff", max_size=12), st.sampled_from(PATTERNS))
def test_it_tells_what_is_found(text: str, pattern: str) -> None:
    for options, encoding in ((None, "latin-1"), (utf8(), "utf-8")):
        data = text.encode(encoding)
        assert teller(pattern, options)(data) is (finder(pattern, options)(data, 0)[0][0] >= 0)


def test_a_pattern_that_is_refused_is_refused() -> None:
    with pytest.raises(re2.error):
        teller("(")
