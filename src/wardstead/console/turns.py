"""A few at a time: what takes a thread and much memory for a while must not take all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from wardstead.kernel.errors import WardsteadError

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """Does a few things at a time, in threads. Whoever waits holds no thread; when too many wait, the rest are refused."""

    def __init__(self, at_once: int, waiting: int, busy: Callable[[], WardsteadError]) -> None:
        """``waiting``: how many may, beside those whose turn it is; ``busy`` makes the error for the others."""
        self._turn = asyncio.Semaphore(at_once)
        self._asked, self._most, self._busy = 0, at_once + waiting, busy

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``work`` in a thread when it is its turn. Raises what ``busy`` makes."""
        async with self.turn():
            return await run_in_threadpool(work, *args, **kwargs)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it. Raises what ``busy`` makes."""
        if self._asked >= self._most:
            raise self._busy()
        self._asked += 1
        try:
            async with self._turn:
                yield
        finally:
            self._asked -= 1
