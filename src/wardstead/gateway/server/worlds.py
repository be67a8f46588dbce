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
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[World] | None = None
        self._looked_s = 0.0

    async def refresh(self) -> World:
        """The present world, as a look finds it that begins after this call: all who ask meanwhile share it."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._look())
        return await asyncio.shield(self._next)

    async def _look(self) -> World:
        async with self._one_at_a_time:
            # Strangers make us look as well: at most one look in MIN_LOOK_S.
            await asyncio.sleep(self._looked_s + MIN_LOOK_S - time.monotonic())
            self._next = None
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
            except Exception:
                log.exception("the directory could not be loaded")
