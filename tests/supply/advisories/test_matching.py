"""Whom an advisory concerns."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.advisories.advisory import Advisory, Affected, Range
from wardstead.supply.advisories.matching import Concerns, concerns, fixes
from wardstead.supply.packages.package import Package

NUMBERS = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda one: f"{one[0]}.{one[1]}")


def about(
    *events: tuple[str, str], ecosystem: str = "PyPI", name: str = "torch", versions: Sequence[str] = (), kind: str = "ECOSYSTEM"
) -> Advisory:
    ranges = (Range(kind, events),) if events else ()  # type: ignore[arg-type]
    return Advisory("A-1", "2026-01-01T00:00:00Z", (Affected(ecosystem, name, ranges, tuple(versions)),))


def torch(version: str, name: str = "torch", ecosystem: str = "PyPI") -> Package:
    return Package(ecosystem, name, version, "f")


@pytest.mark.parametrize(
    ("events", "yes", "no"),
    [
        ([("introduced", "0"), ("fixed", "2.6.0")], ["0.1", "2.5.1", "2.6.0rc1", "0.dev1"], ["2.6.0", "2.6", "3"]),
        ([("introduced", "1.0"), ("last_affected", "1.2")], ["1.0", "1.2", "1.2.0"], ["0.9", "1.2.1", "1.2.post1"]),
        ([("introduced", "1"), ("fixed", "2"), ("introduced", "3"), ("fixed", "4")], ["1.5", "3"], ["2", "2.9", "4", "0.1"]),
        ([("fixed", "2"), ("introduced", "1")], ["1"], ["2"]),
        ([("introduced", "0"), ("limit", "2")], ["1"], ["2"]),
    ],
)  # fmt: skip
def test_ranges_are_read_as_the_schema_says(events: list[tuple[str, str]], yes: list[str], no: list[str]) -> None:
    for version in yes:
        assert concerns(about(*events), torch(version)) is Concerns.YES, version
    for version in no:
        assert concerns(about(*events), torch(version)) is Concerns.NO, version


def test_listed_versions_count_beside_ranges_however_they_are_written() -> None:
    assert concerns(about(versions=["1.0"]), torch("1.0.0")) is Concerns.YES
    assert concerns(about(("introduced", "2"), versions=["1.0"]), torch("1.0")) is Concerns.YES
    assert concerns(about(versions=["odd"]), torch("odd")) is Concerns.YES


def test_names_compare_as_the_ecosystem_does() -> None:
    assert concerns(about(("introduced", "0"), name="Foo_Bar"), torch("1", "foo.bar")) is Concerns.YES
    assert concerns(about(("introduced", "0"), name="A", ecosystem="npm"), torch("1", "a", "npm")) is Concerns.NO


def test_a_release_of_a_distribution_is_its_own() -> None:
    one = about(("introduced", "0"), ("fixed", "3.0.1-1"), ecosystem="Debian:11", name="openssl")
    assert concerns(one, torch("2.0-1", "openssl", "Debian:11")) is Concerns.YES
    assert concerns(one, torch("2.0-1", "openssl", "Debian:12")) is Concerns.NO


def test_what_cannot_be_compared_is_undecided_and_never_unconcerned() -> None:
    fixed = about(("introduced", "0"), ("fixed", "2"))
    assert concerns(fixed, torch("")) is Concerns.UNDECIDED
    assert concerns(fixed, torch("nightly")) is Concerns.UNDECIDED
    assert concerns(about(("introduced", "0"), ("fixed", "main")), torch("1")) is Concerns.UNDECIDED
    assert concerns(about(("introduced", "0"), ecosystem="Plan 9", name="x"), torch("1", "x", "Plan 9")) is Concerns.UNDECIDED


def test_what_was_withdrawn_concerns_nobody() -> None:
    one = Advisory("A", "", about(("introduced", "0")).affected, withdrawn=True)
    assert concerns(one, torch("1")) is Concerns.NO


def test_fixes_are_those_behind_the_version_the_nearest_first() -> None:
    one = about(
        ("introduced", "0"), ("fixed", "1.5"), ("introduced", "2"), ("fixed", "2.3"), ("introduced", "3"), ("fixed", "3.1")
    )
    assert fixes(one, torch("2.1")) == ["2.3", "3.1"]


@given(st.lists(NUMBERS, min_size=2, max_size=6, unique_by=lambda one: tuple(map(int, one.split(".")))), NUMBERS, st.randoms())
def test_a_range_is_a_union_of_intervals_in_any_order_of_events(bounds: list[str], version: str, random: object) -> None:
    """The reference: between an ``introduced`` and the next ``fixed``."""

    def key(text: str) -> tuple[int, ...]:
        return tuple(map(int, text.split(".")))

    ordered = sorted(bounds, key=key)
    events = [("introduced" if number % 2 == 0 else "fixed", one) for number, one in enumerate(ordered)]
    expected = any(
        key(ordered[at]) <= key(version) and (at + 1 >= len(ordered) or key(version) < key(ordered[at + 1]))
        for at in range(0, len(ordered), 2)
    )
    random.shuffle(events)  # type: ignore[attr-defined]
    assert concerns(about(*events), torch(version)) is (Concerns.YES if expected else Concerns.NO)
    assert concerns(about(*events, ecosystem="npm", kind="SEMVER"), torch(version, ecosystem="npm")) is (
        Concerns.YES if expected else Concerns.NO
    )
