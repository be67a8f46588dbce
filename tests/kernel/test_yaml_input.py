"""YAML that somebody wrote: typed, or an error that names file, line and key."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import read_yaml


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int = 1


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: Literal["allow", "redact"]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    words: tuple[Word, ...] = ()


def test_what_fits_is_read() -> None:
    assert read_yaml("name: x\ninner: {size: 3}\n", "f.yaml", Outer) == Outer("x", Inner(3))


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("name: x\nname: y\n", "f.yaml:2", "twice"),
        ("name: x\ninner:\n  size: 1\n  size: 2\n", "f.yaml:4", "twice"),
        ("name: x\n\nsurprise: 1\n", "f.yaml:3: surprise", "unknown key"),
        ("name: x\nmany:\n  - size: 1\n  - size: many\n", "f.yaml:4: many[1].size", "Expected `int`"),
        ("name: x\nwords:\n  - {action: allow}\n  - action: redcat\n", "f.yaml:4: words[1].action", "one of allow, redact"),
        ("name: [\n", "f.yaml:2", "expected"),
        ("? [a]\n: b\n", "f.yaml:1", "a key is a word"),
        ("name: !!python/object:os.system {}\n", "f.yaml:1", "constructor"),
        ("", "f.yaml:1", "Expected `object`"),
        ("[" * 5000, "f.yaml", "nests too deeply"),
        ("[" * 50_000 + "]" * 50_000, "f.yaml", "nests too deeply"),
    ],
)
def test_what_does_not_fit_is_named(text: str, where: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_yaml(text, "f.yaml", Outer)
    assert refused.value.where.startswith(where)
    assert what in f"{refused.value.what}, {refused.value.why}"


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_a_typed_error(text: str) -> None:
    try:
        found = read_yaml(text, "f.yaml", Outer)
    except ConfigurationError:
        return
    assert isinstance(found, Outer)
