"""Where long computations are done: in threads of their own, and one at a time for each person."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wardstead.kernel.ids import PrincipalId

THREADS: Final = 2
"""So many compute at a time."""
MOST_THREADS: Final = 8
"""So many there are, with those that wait."""
LOOK_S: Final = 0.25
_IDLE_SHARE: Final = 0.1
_HAS_CLOCKS: Final = hasattr(time, "pthread_getcpuclockid")
"""Where there are none, nobody lends a place."""


class _Job:
    """Work in a thread, and how much of the processor it had when it was last looked at."""

    __slots__ = ("clock", "used_s", "waits")

    def __init__(self) -> None:
        self.clock: int | None = None
        self.used_s = 0.0
        self.waits = False

    def run(self, work: Callable[[], Any]) -> Any:
        self.clock = time.pthread_getcpuclockid(threading.get_ident()) if _HAS_CLOCKS else None
        try:
            return work()
        finally:
            self.clock = None


class Workshop:
    """Threads for what takes long. What answers health, receipts and sign-ins has other threads, and never waits for these.

    A thread that does not compute but waits, for a model that is being loaded, say, lends its place while others want one: so
    what loads for a minute holds up nobody else. All but the work is done in the event loop's thread.
    """

    def __init__(self, name: str = "compute") -> None:
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix=name)
        self._jobs: set[_Job] = set()
        self._queue: deque[tuple[asyncio.Future[None], _Job]] = deque()
        self._looks = False
        self._places: dict[PrincipalId, tuple[asyncio.Lock, int]] = {}

    async def do(self, person: PrincipalId, work: Callable[[], Any], check: Callable[[], None]) -> Any:
        """What ``work`` returns. ``check`` is called when its turn has come: what it raises, nobody waits for any more."""
        async with self._turn(person):
            job = await self._place()
            try:
                check()
                return await asyncio.get_running_loop().run_in_executor(self._threads, job.run, work)
            finally:
                self._jobs.discard(job)
                self._next()

    async def _place(self) -> _Job:
        """A place to compute at, when it is there."""
        job = _Job()
        if not self._queue and self._has_room():
            self._jobs.add(job)
            return job
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[None] = loop.create_future()
        self._queue.append((mine, job))
        if not self._looks:
            self._looks = True
            loop.call_later(LOOK_S, self._look)
        try:
            await mine
        except asyncio.CancelledError:
            self._jobs.discard(job)
            self._next()
            raise
        return job

    def _has_room(self) -> bool:
        return len(self._jobs) < MOST_THREADS and sum(not job.waits for job in self._jobs) < THREADS

    def _next(self) -> None:
        """Let those in the queue have the places there are."""
        while self._queue and self._has_room():
            first, job = self._queue.popleft()
            if not first.done():
                self._jobs.add(job)
                first.set_result(None)

    def _look(self) -> None:
        """While some want a place: which of those that have one only wait."""
        for job in self._jobs:
            job.waits = self._is_idle(job)
        self._next()
        self._looks = bool(self._queue)
        if self._looks:
            asyncio.get_running_loop().call_later(LOOK_S, self._look)

    @staticmethod
    def _is_idle(job: _Job) -> bool:
        clock = job.clock
        if clock is None:
            return False
        try:
            used_s = time.clock_gettime(clock)
        except OSError:  # the thread has ended meanwhile
            return False
        before_s, job.used_s = job.used_s, used_s
        return before_s > 0 and used_s - before_s < _IDLE_SHARE * LOOK_S

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
