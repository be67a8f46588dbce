"""The label lattice, over any order of levels: properties, and what becomes of names that are not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels, UnknownLevel, join_all

NAMES = st.from_regex("[a-z][a-z0-9-]{0,8}", fullmatch=True)
COMPARTMENTS = st.frozensets(st.sampled_from(["personal", "payment", "health", "mine"]))


@st.composite
def some_levels(draw: st.DrawFn) -> Levels:
    return Levels(("public", *draw(st.lists(NAMES.filter(lambda name: name != "public"), unique=True, max_size=6))))


@st.composite
def labels(draw: st.DrawFn, count: int) -> tuple[Levels, list[Label]]:
    """Of one deployment; names that it does not know among them, as they are stored."""
    levels = draw(some_levels())
    names = st.sampled_from([*levels.names, "gone-by"])
    return levels, [levels.stored(draw(names), draw(COMPARTMENTS)) for _ in range(count)]


@given(labels(3))
def test_labels_are_a_lattice(drawn: tuple[Levels, list[Label]]) -> None:
    _, (a, b, c) = drawn
    assert a.dominates(a)
    assert a.dominates(PUBLIC)
    assert a.join(b) == b.join(a)
    assert a.join(b.join(c)) == a.join(b).join(c) == join_all([a, b, c])
    assert a.join(b).dominates(a)
    assert a.join(b).dominates(b)
    if a.dominates(b) and b.dominates(c):
        assert a.dominates(c)
    if a.dominates(b) and b.dominates(a):
        assert a == b
    if c.dominates(a) and c.dominates(b):
        assert c.dominates(a.join(b)), "it is the least"


@given(labels(1))
def test_names_mean_what_they_did_after_they_were_stored(drawn: tuple[Levels, list[Label]]) -> None:
    levels, (one,) = drawn
    assert levels.decode(one.encode()) == one
    document = one.document()
    assert levels.stored(document["level"], document["compartments"]) == one


@given(labels(2), NAMES, st.integers(0, 6))
def test_another_level_among_them_changes_no_flow_of_what_is_stored(drawn: tuple[Levels, list[Label]], new: str, at: int) -> None:
    levels, stored = drawn
    if new in {*levels.names, "gone-by"}:
        return
    at = 1 + min(at, len(levels.names) - 1)
    wider = Levels((*levels.names[:at], new, *levels.names[at:]))
    before, after = stored, [wider.stored(one.level.name, one.compartments) for one in stored]
    assert before[0].dominates(before[1]) == after[0].dominates(after[1])


@given(some_levels(), NAMES, COMPARTMENTS)
def test_a_name_that_is_not_known_denies(levels: Levels, name: str, compartments: frozenset[str]) -> None:
    if name in levels.names:
        return
    assert levels.clearance(name, compartments) == PUBLIC
    data = levels.stored(name, compartments)
    assert not any(levels.label(one, compartments).dominates(data) for one in levels.names)
    with pytest.raises(UnknownLevel):
        levels.label(name)


def test_levels_of_one_rank_with_other_names_do_not_dominate_each_other() -> None:
    mine = Levels(("public", "official", "secret"))
    assert not mine.label("secret").dominates(STANDARD.label("confidential"))
    assert not STANDARD.label("confidential").dominates(mine.label("secret"))


def test_an_alias_is_read_as_its_level_and_never_written() -> None:
    levels = Levels(("public", "official", "secret"), {"restricted": "secret"})
    assert levels.stored("restricted", ["personal"]) == levels.label("secret", ["personal"])
    assert levels.clearance("restricted", []).encode() == b"secret;"


def test_a_misspelt_level_is_told_what_it_may_be() -> None:
    with pytest.raises(UnknownLevel) as caught:
        STANDARD.label("confidental")
    assert caught.value.why == "did you mean 'confidential'? the levels are public, internal, confidential, restricted"


@pytest.mark.parametrize(
    ("names", "aliases"),
    [
        ((), {}),
        (("internal",), {}),
        (("internal", "public"), {}),
        (("public", "a", "a"), {}),
        (("public", "A b"), {}),
        (("public", "a"), {"b": "c"}),
        (("public", "a"), {"a": "public"}),
        (("public", "a"), {"b;": "a"}),
    ],
)
def test_what_is_no_order_of_levels_is_refused(names: tuple[str, ...], aliases: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Levels(names, aliases)


@given(some_levels())
def test_colours_rise_with_the_levels(levels: Levels) -> None:
    tones = [levels.quarter(levels.level(name)) for name in levels.names]
    assert tones == sorted(tones)
    assert tones[0] == 0
    assert set(tones) <= {0, 1, 2, 3}
    assert len(tones) == 1 or tones[-1] == 3
