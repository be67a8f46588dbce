"""The worker's snapshot stays present, whatever happens, and however many ask for it."""

from __future__ import annotations

import asyncio
import dataclasses

from tests.gateway.playbook import world

from wardstead.access.ports import Directory
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.server.worlds import WorldHolder


class Store:
    """A directory's version, and how often it was looked at."""

    def __init__(self) -> None:
        self.version, self.looks, self.broken = 1, 0, False

    def load(self) -> World:
        return dataclasses.replace(world(), directory=Directory(self.version))

    def look(self) -> int:
        self.looks += 1
        if self.broken:
            raise RuntimeError("the disk is gone")
        return self.version


async def test_many_who_ask_at_once_share_a_look_that_begins_after_they_asked() -> None:
    store = Store()
    worlds = WorldHolder(store.load, store.look)
    first = [asyncio.ensure_future(worlds.refresh()) for _ in range(256)]
    await asyncio.gather(*first)
    assert store.looks == 1
    under_way = asyncio.ensure_future(worlds.refresh())
    while store.looks == 1:
        await asyncio.sleep(0)
    store.version = 2
    late = await asyncio.gather(*(worlds.refresh() for _ in range(256)))
    await under_way
    assert {one.directory.version for one in late} == {2}
    assert store.looks <= 3


async def test_the_watch_outlives_a_broken_store() -> None:
    store = Store()
    worlds = WorldHolder(store.load, store.look, every_s=0.001)
    store.broken = True
    watch = asyncio.ensure_future(worlds.watch())
    while store.looks < 2:
        await asyncio.sleep(0.001)
    store.broken, store.version = False, 2
    while worlds.current.directory.version != 2:
        await asyncio.sleep(0.001)
    assert not watch.done()
    watch.cancel()
