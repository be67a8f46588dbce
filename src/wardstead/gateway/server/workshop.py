"""Where long computations are done: in threads of their own, and one at a time for each person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wardstead.kernel.ids import PrincipalId

THREADS: Final = 2


class Workshop:
    """Threads for what takes long. What answers health, receipts and sign-ins has other threads, and never waits for these."""

    def __init__(self, name: str = "compute") -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
        self._places: dict[PrincipalId, tuple[asyncio.Lock, int]] = {}

    async def do(self, person: PrincipalId, work: Callable[[], Any], check: Callable[[], None]) -> Any:
        """What ``work`` returns. ``check`` is called when its turn has come: what it raises, nobody waits for any more."""
        async with self._turn(person):
            check()
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @asynccontextmanager
    async def _turn(self, person: PrincipalId) -> AsyncIterator[None]:
        lock, waiting = self._places.get(person, (asyncio.Lock(), 0))
        self._places[person] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._places.pop(person)
            if waiting > 1:
                self._places[person] = (lock, waiting - 1)

    def close(self) -> None:
        """Let go of the threads; what they do now, they finish."""
        self._threads.shutdown(wait=False, cancel_futures=True)
