"""Keeps the worker's snapshot present: polls one number, and loads a new world when it has changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from wardstead.gateway.pipeline.world import World
from wardstead.kernel.errors import WardsteadError

log = logging.getLogger(__name__)
MIN_LOOK_S = 0.01


class WorldHolder:
    """``current`` is replaced as a whole; whoever holds the old one finishes with it, or is told that it is stale."""

    def __init__(self, load: Callable[[], World], version: Callable[[], int], *, every_s: float = 0.2) -> None:
        """``load`` and ``version`` read the database and run in a thread. Loads the first world at once."""
        self.current = load()
        self._load = load
        self._version = version
        self._every_s = every_s
        self._lock = asyncio.Lock()
        self._looked_s = 0.0

    async def refresh(self) -> World:
        """The present world, loaded anew if the directory has a newer version."""
        async with self._lock:
            # Strangers make us look as well: at most one look in MIN_LOOK_S, for all that wait.
            await asyncio.sleep(self._looked_s + MIN_LOOK_S - time.monotonic())
            self._looked_s = time.monotonic()
            version = await asyncio.to_thread(self._version)
            if version != self.current.directory.version:
                self.current = await asyncio.to_thread(self._load)
            return self.current

    async def watch(self) -> None:
        """Refresh for ever. A failure keeps the old world: every intent is still checked against the database's version."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.refresh()
            except WardsteadError as error:
                log.warning("the directory could not be loaded", extra={"fields": error.diagnostics()})
