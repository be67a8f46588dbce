"""Where code stands in Markdown."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.content.regions import code_of, regions

PIECES = st.sampled_from(["```", "```py\n", "~~~", "\n", "`", "``", "a", " ", "text\n", "> ", "- ", "````", "é"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no code", []),
        ("```python\nx = 1\n```\nafter", [("x = 1\n", "python")]),
        ("```\nopen to the end", [("open to the end", "")]),
        ("~~~ {.sh}\na\n~~~", [("a\n", "sh")]),
        ("````md\n```\ninner\n```\n````", [("```\ninner\n```\n", "md")]),
        ("use `a` and ``b`c``", [("a", ""), ("b`c", "")]),
        ("a ` alone", []),
        ("- item\n  ```js\n  x()\n  ```", [("  x()\n", "js")]),
        ("``` not `a` fence\n", [("a", "")]),
    ],
)
def test_fences_and_backticks_are_code(text: str, code: list[tuple[str, str]]) -> None:
    assert [(text[one.start : one.end], one.language) for one in code_of(text)] == code


@given(st.lists(PIECES, max_size=40).map("".join))
def test_regions_are_in_order_and_do_not_overlap(text: str) -> None:
    found = regions(text)
    assert all(one.start < one.end for one in found)
    assert all(left.end <= right.start for left, right in itertools.pairwise(found))
    left_out = "".join(text[a.end : b.start] for a, b in itertools.pairwise(found))
    assert not any(char == "a" or char == "é" for char in left_out if "```" not in text and "~~~" not in text)


@pytest.mark.parametrize("unit", ["`", "` ``", "`a``b```c", "```\n", "> ", "~~~\n```\n", "`" * 50 + "\n"])
def test_no_text_takes_more_than_its_length(unit: str) -> None:
    def seconds(times: int) -> float:
        text = unit * times
        begin = time.perf_counter()
        regions(text)
        return time.perf_counter() - begin

    seconds(100)
    assert seconds(40_000) < 2
