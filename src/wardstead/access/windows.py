"""Windows of time: from a time of day to another, on some days, by the clock on the wall of some place.

A window is open when a clock on the wall shows a time within it. So where a clock is put back, an hour that it shows twice
counts twice; an hour that it leaps over never comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

DAYS: Final[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]] = (
    "mon", "tue", "wed", "thu", "fri", "sat", "sun",
)  # fmt: skip
MINUTES_A_DAY: Final = 1440
_DAY: Final = timedelta(days=1)
_HORIZON: Final = 8
"""Days that are looked ahead: a week and one, as windows repeat weekly."""
_LAST_MS: Final = 253_370_764_800_000
"""The year 9999: beyond it there are no dates."""


@dataclass(frozen=True, slots=True)
class Span:
    """``begin_min`` and ``end_min``: minutes since midnight; it ends on the next day where the end is not later.

    ``days``: those on which it begins, 0 for Monday.
    """

    zone: ZoneInfo
    days: frozenset[int]
    begin_min: int
    end_min: int

    def is_open(self, now_ms: int) -> bool:
        """Whether the clock on the wall shows a time within it."""
        shown = datetime.fromtimestamp(_within(now_ms) // 1000, self.zone)
        minute, day = shown.hour * 60 + shown.minute, shown.weekday()
        if self.begin_min < self.end_min:
            return day in self.days and self.begin_min <= minute < self.end_min
        began_today = day in self.days and minute >= self.begin_min
        return began_today or ((day - 1) % 7 in self.days and minute < self.end_min)

    def moments_ms(self, now_ms: int) -> Iterator[int]:
        """Later moments at which it may open or close, in no order: all of the next eight days."""
        now = datetime.fromtimestamp(_within(now_ms) // 1000, UTC)
        for day in range(_HORIZON):
            start, end = now + day * _DAY, now + (day + 1) * _DAY
            offsets = [(start, self._offset(start))]
            if offsets[0][1] != self._offset(end):
                change = self._change(start, end)
                offsets.append((change, self._offset(change)))
                yield _ms(change)
            for (begins, offset), ends in zip(offsets, [*(at for at, _ in offsets[1:]), end], strict=True):
                yield from self._boundaries(begins, ends, offset)

    def _boundaries(self, begins: datetime, ends: datetime, offset: timedelta) -> Iterator[int]:
        """What the clock shows between two moments, over which its distance from UTC stays the same."""
        midnight = (begins + offset).replace(hour=0, minute=0, second=0, microsecond=0)
        while (first := midnight - offset) <= ends:
            for minute in (self.begin_min, self.end_min):
                moment = first + timedelta(minutes=minute)
                if begins <= moment <= ends:
                    yield _ms(moment)
            midnight += _DAY

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.zone).utcoffset() or timedelta()

    def _change(self, start: datetime, end: datetime) -> datetime:
        """The second at which the clock is put forward or back, somewhere between."""
        before, seconds = self._offset(start), int((end - start).total_seconds())
        low, high = 0, seconds
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(start + timedelta(seconds=middle)) == before else (low, middle)
        return start + timedelta(seconds=high)


@dataclass(frozen=True, slots=True)
class Window:
    """A named window: open while one of its spans is."""

    name: str
    spans: tuple[Span, ...]

    def is_open(self, now_ms: int) -> bool:
        """Whether it is open at a time in milliseconds since the epoch."""
        return any(span.is_open(now_ms) for span in self.spans)

    def changes_ms(self, now_ms: int) -> int:
        """The first moment after ``now_ms`` at which it opens or closes; where there is none in eight days, the end of them."""
        now, horizon = self.is_open(now_ms), _within(now_ms) + _HORIZON * 86_400_000
        later = {moment for span in self.spans for moment in span.moments_ms(now_ms) if moment > now_ms}
        return next((moment for moment in sorted(later) if self.is_open(moment) != now), horizon)


def _within(now_ms: int) -> int:
    return min(max(now_ms, 0), _LAST_MS)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Moment:
    """The windows that are open from ``since_ms`` until before ``until_ms``."""

    names: frozenset[str]
    since_ms: int
    until_ms: int | None


class OpenWindows:
    """Which of some windows are open, worked out once for as long as it stays so."""

    __slots__ = ("_last", "_windows")

    def __init__(self, windows: Iterable[Window]) -> None:
        self._windows = tuple(windows)
        self._last = Moment(frozenset(), 1, 0)

    def at(self, now_ms: int) -> Moment:
        """What is open at a time, and until when."""
        last = self._last
        if last.since_ms <= now_ms and (last.until_ms is None or now_ms < last.until_ms):
            return last
        until = min((one.changes_ms(now_ms) for one in self._windows), default=None)
        self._last = last = Moment(frozenset(one.name for one in self._windows if one.is_open(now_ms)), now_ms, until)
        return last
