"""Time is an argument: the core never reads a clock. Times are milliseconds since the epoch, UTC; text is RFC 3339."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

DAY_MS: Final = 86_400_000
Clock = Callable[[], int]
Entropy = Callable[[int], bytes]
APART_MS: Final = 60_000
"""So far clocks of several gateways may be apart, and so exactly it is recorded how late it is."""


@dataclass(frozen=True, slots=True)
class KnownTime:
    """How late it is at least, as it is recorded. ``accepted``: how often somebody said that what was recorded is wrong."""

    latest_ms: int
    accepted: int = 0


def rfc3339(time_ms: int) -> str:
    """``2026-11-23T12:34:56.789Z``: UTC with milliseconds."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}Z"


def day_of(time_ms: int) -> str:
    """The day of a moment, in UTC: ``2026-11-23``."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
