"""Who computes has a place; who only waits lends it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from wardstead.gateway.server.workshop import THREADS, Workshop
from wardstead.kernel.ids import PrincipalId


def nothing() -> None:
    """Nobody went away."""


def computing(until: threading.Event, running: list[str], name: str) -> None:
    running.append(name)
    while not until.is_set():
        sum(range(2_000))


async def begun(running: list[str], count: int) -> None:
    async with asyncio.timeout(20):
        while len(running) < count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("waiting", [THREADS, 2 * THREADS])
def test_those_that_wait_for_a_model_hold_up_nobody(waiting: int) -> None:
    async def run() -> None:
        workshop, loaded, running = Workshop(), threading.Event(), list[str]()

        def loading() -> None:
            running.append("loading")
            loaded.wait(30)

        loads = [asyncio.create_task(workshop.do(PrincipalId(f"p{at}"), loading, nothing)) for at in range(waiting)]
        await begun(running, THREADS)
        async with asyncio.timeout(20):
            assert await workshop.do(PrincipalId("other"), lambda: "done", nothing) == "done"
        assert not loaded.is_set()
        loaded.set()
        await asyncio.gather(*loads)
        workshop.close()

    asyncio.run(run())


def test_those_that_compute_keep_their_places() -> None:
    async def run() -> None:
        workshop, over, running = Workshop(), threading.Event(), list[str]()
        tasks = [
            asyncio.create_task(workshop.do(PrincipalId(f"p{at}"), partial(computing, over, running, f"p{at}"), nothing))
            for at in range(THREADS + 2)
        ]
        await begun(running, THREADS)
        await asyncio.sleep(0.1)
        assert running == [f"p{at}" for at in range(THREADS)]
        over.set()
        await asyncio.gather(*tasks)
        assert len(running) == THREADS + 2
        workshop.close()

    asyncio.run(run())


def test_who_gave_up_while_waiting_takes_no_place() -> None:
    async def run() -> None:
        workshop, over, running = Workshop(), threading.Event(), list[str]()
        tasks = [
            asyncio.create_task(workshop.do(PrincipalId(f"p{at}"), partial(computing, over, running, f"p{at}"), nothing))
            for at in range(THREADS + 1)
        ]
        await begun(running, THREADS)
        tasks[-1].cancel()
        over.set()
        assert [isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [
            *[False] * THREADS,
            True,
        ]
        async with asyncio.timeout(20):
            work: list[Callable[[], int]] = [lambda: 1, lambda: 2, lambda: 3]
            assert await asyncio.gather(*[workshop.do(PrincipalId("q"), one, nothing) for one in work]) == [1, 2, 3]
        workshop.close()

    asyncio.run(run())


def test_what_a_check_raises_frees_the_place() -> None:
    def gone() -> None:
        raise ConnectionError

    async def run() -> None:
        workshop = Workshop()
        for _ in range(THREADS + 1):
            with pytest.raises(ConnectionError):
                await workshop.do(PrincipalId("p"), lambda: None, gone)
        began = time.monotonic()
        assert await workshop.do(PrincipalId("p"), lambda: "done", nothing) == "done"
        assert time.monotonic() - began < 10
        workshop.close()

    asyncio.run(run())
