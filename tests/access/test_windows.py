"""Windows of time: by the clock on the wall, over midnight, and where clocks are put forward and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardstead.access.rules import load_rules
from wardstead.access.windows import OpenWindows, Span, Window

MINUTE = 60_000
BERLIN = ZoneInfo("Europe/Berlin")
STARTS = ("2026-03-07T12:00", "2026-03-28T12:00", "2026-04-04T00:00", "2026-10-03T00:00", "2026-10-24T12:00", "2026-10-31T12:00")


def window(text: str) -> Window:
    return load_rules(f"version: 1\nwindows:\n  w: {text}\n", "access.yaml").windows["w"]


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1000


def test_a_window_opens_at_its_first_minute_and_closes_before_its_last() -> None:
    office = window("{zone: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: '08:00', to: '18:00'}")
    opens, closes = at("2026-11-25T08:00", "Europe/Berlin"), at("2026-11-25T18:00", "Europe/Berlin")
    assert not office.is_open(opens - 1)
    assert office.is_open(opens)
    assert office.is_open(closes - 1)
    assert not office.is_open(closes)
    assert office.changes_ms(opens - 1) == opens
    assert office.changes_ms(opens) == closes
    friday = at("2026-11-27T18:00", "Europe/Berlin")
    assert office.changes_ms(friday) == at("2026-11-30T08:00", "Europe/Berlin"), "it opens again on Monday"


def test_a_window_that_crosses_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = window("{zone: UTC, days: [fri], from: '22:00', to: '06:00'}")
    assert night.is_open(at("2026-11-27T22:00"))
    assert night.is_open(at("2026-11-28T05:59"))
    assert not night.is_open(at("2026-11-27T05:00"))
    assert not night.is_open(at("2026-11-28T22:30"))
    assert night.changes_ms(at("2026-11-27T23:00")) == at("2026-11-28T06:00")


def test_spans_that_touch_are_one_window() -> None:
    both = window("[{zone: UTC, from: '08:00', to: '12:00'}, {zone: UTC, from: '12:00', to: '18:00'}]")
    assert both.changes_ms(at("2026-11-25T09:00")) == at("2026-11-25T18:00")


def test_a_window_that_is_always_open_has_a_far_boundary() -> None:
    always = window("{zone: UTC, from: '00:00', to: '24:00'}")
    now = at("2026-11-25T09:00")
    assert always.is_open(now)
    assert always.changes_ms(now) == now + 8 * 86_400_000


def test_an_hour_that_the_clock_leaps_over_never_comes() -> None:
    """Europe/Berlin, 29 March 2026: 01:59:59 is followed by 03:00:00."""
    inside = window("{zone: Europe/Berlin, days: [sun], from: '02:15', to: '02:45'}")
    day = at("2026-03-29T00:00", "Europe/Berlin")
    assert not any(inside.is_open(day + minute * MINUTE) for minute in range(23 * 60))
    into = window("{zone: Europe/Berlin, days: [sun], from: '01:00', to: '02:30'}")
    leap = at("2026-03-29T01:00")
    assert into.is_open(leap - 1)
    assert not into.is_open(leap)
    assert into.changes_ms(leap - MINUTE) == leap, "it closes with the leap"


def test_an_hour_that_the_clock_shows_twice_counts_twice() -> None:
    """Europe/Berlin, 25 October 2026: after 02:59:59 it is 02:00:00 again."""
    twice = window("{zone: Europe/Berlin, from: '02:15', to: '02:45'}")
    first, second = at("2026-10-25T00:15"), at("2026-10-25T01:15")
    assert twice.is_open(first)
    assert not twice.is_open(first + 30 * MINUTE)
    assert twice.is_open(second)
    assert twice.changes_ms(first) == first + 30 * MINUTE
    assert twice.changes_ms(first + 30 * MINUTE) == second
    late = window("{zone: Europe/Berlin, from: '01:00', to: '02:30'}")
    back = at("2026-10-25T01:00")
    assert not late.is_open(back - 1)
    assert late.is_open(back), "by the clock on the wall it is 02:00 again"
    assert late.changes_ms(back - 20 * MINUTE) == back


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
def test_the_boundary_is_the_next_minute_at_which_it_changes(zone: str) -> None:
    """Minute by minute over the days on which clocks change, also by half an hour (Lord Howe)."""
    spans = (
        Span(ZoneInfo(zone), frozenset({6, 0}), 90, 150), Span(ZoneInfo(zone), frozenset(range(7)), 1410, 60),
    )  # fmt: skip
    one = Window("w", spans)
    for start in STARTS:
        now = at(start)
        end = now + 36 * 60 * MINUTE
        while now < end:
            expected = next(
                (now + step * MINUTE for step in range(1, 12 * 1440) if one.is_open(now + step * MINUTE) != one.is_open(now)),
                None,
            )
            assert one.changes_ms(now) == expected
            now = expected or end


SPANS = st.builds(
    Span,
    st.sampled_from([BERLIN, ZoneInfo("UTC"), ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")]),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
).filter(lambda span: span.begin_min != span.end_min)


@settings(max_examples=60)
@given(st.lists(SPANS, min_size=1, max_size=3), st.integers(at("2025-01-01"), at("2030-01-01")), st.data())
def test_nothing_changes_before_the_boundary(spans: list[Span], now: int, data: st.DataObject) -> None:
    one = Window("w", tuple(spans))
    change = one.changes_ms(now)
    assert change > now
    between = data.draw(st.lists(st.integers(now, change - 1), max_size=20))
    assert {one.is_open(each) for each in between} <= {one.is_open(now)}
    if change < now + 8 * 86_400_000:
        assert one.is_open(change) != one.is_open(now)


def test_a_clock_that_shows_nonsense_raises_nothing() -> None:
    one = window("{zone: Europe/Berlin, from: '08:00', to: '12:00'}")
    for now in (-(10**18), 0, 10**18):
        assert one.is_open(now) in {True, False}
        assert isinstance(one.changes_ms(now), int)


@given(st.lists(st.integers(0, 14 * 1440), min_size=1, max_size=40))
def test_what_is_remembered_is_what_is_open(minutes: list[int]) -> None:
    windows = [window("{zone: Europe/Berlin, from: '08:00', to: '12:00'}"), Window("v", (Span(BERLIN, frozenset({2}), 600, 60),))]
    remembered = OpenWindows(windows)
    start = at("2026-10-20T00:00")
    for minute in minutes:
        now = start + int(timedelta(minutes=minute).total_seconds() * 1000)
        found = remembered.at(now)
        assert found.names == {one.name for one in windows if one.is_open(now)}
        assert found.until_ms is not None
        assert found.since_ms <= now < found.until_ms
    assert OpenWindows([]).at(start).names == frozenset()
