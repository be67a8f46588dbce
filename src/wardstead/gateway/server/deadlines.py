"""Many time limits that almost never pass, for the price of a dictionary entry each.

A timer of the event loop costs as much as parsing a request's head, and an exchange needs four. These are looked at
together, every ``TICK_S``, so each may pass that much late.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)
TICK_S: Final = 0.025


class Deadlines:
    """Time limits on the running event loop. The clock ticks only while there is one."""

    __slots__ = ("_pending", "_ticking")

    def __init__(self) -> None:
        self._pending: dict[object, tuple[float, Callable[[], None]]] = {}
        self._ticking = False

    def set(self, owner: object, after_s: float, passed: Callable[[], None]) -> None:
        """Call ``passed`` once ``after_s`` seconds are over, unless ``clear(owner)`` comes first. One limit for each owner."""
        self._pending[owner] = (time.monotonic() + after_s, passed)
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def clear(self, owner: object) -> None:
        """The limit was kept."""
        self._pending.pop(owner, None)

    def _tick(self) -> None:
        now = time.monotonic()
        over = [(owner, passed) for owner, (at, passed) in self._pending.items() if at <= now]
        for owner, _ in over:
            del self._pending[owner]
        self._ticking = bool(self._pending)
        if self._ticking:
            asyncio.get_running_loop().call_later(TICK_S, self._tick)
        for _, passed in over:
            try:
                passed()
            except Exception:
                log.exception("a time limit could not be enforced")
