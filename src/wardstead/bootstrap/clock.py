"""How late it is, for this process: never behind what is recorded, whatever becomes of the machine's clock."""

from __future__ import annotations

import threading
import time
from typing import Final

from wardstead.kernel.clock import APART_MS, Clock, KnownTime


class Ratchet:
    """A ``Clock`` that never goes back. Safe for threads.

    While the clock on the wall is behind the latest moment known by more than ``APART_MS``, time goes on from there as the
    monotonic clock counts; behind by less, it stands still until the wall has caught up. So what has ended by time stays ended,
    and what is to end does.
    """

    __slots__ = ("_accepted", "_latest_ms", "_lock", "_monotonic_ms", "_since_ms", "wall_ms")

    def __init__(self, wall_ms: Clock, monotonic_ms: Clock) -> None:
        """``wall_ms``: what the machine's clock says. ``monotonic_ms`` counts on, whatever it is set to, while it sleeps, too."""
        self.wall_ms, self._monotonic_ms, self._lock = wall_ms, monotonic_ms, threading.Lock()
        self._latest_ms, self._since_ms, self._accepted = wall_ms(), monotonic_ms(), -1

    def __call__(self) -> int:
        """How late it is."""
        with self._lock:
            return self._now_ms()

    def learn(self, known: KnownTime) -> None:
        """It is at least as late as that, unless it is only as much later as clocks may be apart.

        Only what was accepted since the last time takes time back.
        """
        with self._lock:
            now_ms = self._now_ms()
            if known.accepted < self._accepted:
                return
            if known.accepted > self._accepted >= 0 or known.latest_ms > now_ms + APART_MS:
                self._latest_ms, self._since_ms = known.latest_ms, self._monotonic_ms()
            self._accepted = known.accepted

    def known(self) -> KnownTime:
        """What it knows, for others to learn. Of one moment: else a time that was taken back comes again as the accepted one."""
        with self._lock:
            return KnownTime(self._now_ms(), self._accepted)

    def behind_ms(self) -> int:
        """How far the clock on the wall is behind."""
        return max(0, self() - self.wall_ms())

    def _now_ms(self) -> int:
        """With the lock."""
        wall_ms, since_ms = self.wall_ms(), self._monotonic_ms()
        passed_ms = self._latest_ms + since_ms - self._since_ms
        self._latest_ms = passed_ms if wall_ms < passed_ms - APART_MS else max(wall_ms, self._latest_ms)
        self._since_ms = since_ms
        return self._latest_ms


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _elapsed_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


CLOCK: Final = Ratchet(_wall_ms, _elapsed_ms)
"""One for a process, as the machine has one clock."""
