"""A schema that would keep a model server busy for ever is refused; those that people write are not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.gateway.protocol.fields import BadField
from wardstead.gateway.protocol.schemas import MAX_EXPANSION, check_schema, expansion


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^((((a{0,1000}){0,1000}){0,1000}){0,1000}){0,1000}$"},
        {"type": "string", "pattern": "^(ab[c-e]{1,200}){99}$"},
        {"type": "string", "pattern": "(" * 300 + "a" + ")" * 300},
        {"properties": {"x": {"items": {"pattern": "a{99999}"}}}},
        {"anyOf": [{"pattern": "([a]{500}){500}"}]},
        {"type": "string", "pattern": "(a{500}){500,}"},
        {"type": "string", "maxLength": 2_000_000_000},
        {"type": "array", "minItems": 100_000},
        {"enum": [""] * 100_000},
    ],
)
def test_what_multiplies_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadField):
        check_schema(schema, "here")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "maxLength": 64},
        {"type": "string", "pattern": r"^\(?[0-9]{3}\)?[-. ]?([0-9]{3}[-. ]?[0-9]{4}){1,3}$"},
        {"properties": {"pattern": {"type": "string"}, "maxLength": {"maximum": 10**12}}, "required": ["pattern"]},
        {"properties": {"properties": {"type": "object", "properties": {"x": {}}}}},
        {"type": "string", "pattern": "a{,5}{b}[]{9}]"},
    ],
)
def test_what_people_write_is_taken(schema: dict[str, Any]) -> None:
    check_schema(schema, "here")


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_nested_repeats_multiply(a: int, b: int, c: int) -> None:
    assert expansion(f"((x{{{a}}}y){{0,{b}}}){{{c},{c}}}") == (a + 1) * b * c


@given(st.text(alphabet="ab(){}[]|,\\0123456789^$*+?", max_size=40))
def test_any_pattern_has_an_expansion(pattern: str) -> None:
    assert expansion(pattern) >= 0
    assert expansion(pattern) <= MAX_EXPANSION or "{" in pattern
