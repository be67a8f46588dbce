"""Whether this worker can do its work: asked by strangers, so it is cheap, and says nothing about what is served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

FRESH_S: Final = 1.0


class Health:
    """Asks the parts at most once a second, in a thread, however often it is asked itself."""

    def __init__(
        self, models: Sequence[Callable[[], bool]], ledger: Callable[[], bool], verified: Callable[[], bool | None]
    ) -> None:
        """All may block: a connection, a write to the disk. ``verified``: whether the ledger was, ``None`` before."""
        self._models, self._ledger, self._verified = models, ledger, verified
        self._lock = asyncio.Lock()
        self._asked_s = float("-inf")
        self._models_well = self._ledger_well = False
        self._unaltered: bool | None = None

    async def report(self, *, draining: bool) -> tuple[int, dict[str, Any]]:
        """Status and body. 503: send nothing here now. A model that is not ready is the models' matter: 200, ``degraded``.

        A ledger that was altered refuses nobody: ``verified`` says so to whoever watches, and the posture what and where.
        """
        async with self._lock:
            if time.monotonic() - self._asked_s > FRESH_S:
                self._models_well, self._ledger_well, self._unaltered = await asyncio.to_thread(self._ask)
                self._asked_s = time.monotonic()
        well = self._models_well and self._ledger_well
        state = "draining" if draining else "ok" if well else "degraded"
        body = {"status": state, "models": self._models_well, "ledger": self._ledger_well, "verified": self._unaltered}
        return (200 if self._ledger_well and not draining else 503), body

    def _ask(self) -> tuple[bool, bool, bool | None]:
        return all(well() for well in self._models), self._ledger(), self._verified()
