"""What a piece of work costs by itself: other processes on the machine can only make a figure worse."""

from __future__ import annotations

import time
from collections.abc import Callable


def cpu_us(work: Callable[[], object], times: int, *, rounds: int) -> float:
    """The CPU time of one call, in microseconds: the least of the rounds."""
    work()
    best = float("inf")
    for _ in range(rounds):
        before = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - before) / times * 1e6)
    return best
