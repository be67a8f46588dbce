"""What many do at once at the console's doors: it is bounded, and what was taken is given back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from tests.console.conftest import token_in
from tests.console.fakes import PASSWORD, FakeServices

from wardstead.console.app import create_console
from wardstead.console.pages.overview import Overview
from wardstead.console.ports import MustChangePassword, OpenedSession
from wardstead.console.sessions import CSRF_COOKIE, SESSION_COOKIE
from wardstead.console.site import ConsoleSettings

Message = MutableMapping[str, Any]


class Slow(FakeServices):
    """Counts how many passwords are checked at the same time, each until it is told to go on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.go_on = threading.Event()
        self.lock = threading.Lock()
        self.checking = self.most = 0

    def sign_in(self, name: str, password: str) -> OpenedSession | MustChangePassword | None:
        with self.lock:
            self.checking += 1
            self.most = max(self.most, self.checking)
        self.go_on.wait(10)
        with self.lock:
            self.checking -= 1
        return super().sign_in(name, password)

    def change_password(self, name: str, current: str, new: str) -> OpenedSession | None:
        self.sign_in(name, current)
        return None


def visitor(console: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(console), base_url="https://localhost:8443")


async def signing_in(console: Starlette, path: str) -> int:
    async with visitor(console) as client:
        form = {"csrf": token_in((await client.get(path)).text), "name": "alice", "password": PASSWORD}
        return (await client.post(path, data={**form, "new": "x" * 12, "again": "x" * 12})).status_code


async def checking(services: Slow, many: int) -> None:
    while services.checking < many:
        await asyncio.sleep(0.01)


async def test_few_passwords_are_checked_at_once_and_few_wait_for_it() -> None:
    services = Slow()
    console = create_console(services, ConsoleSettings(password_checks=2, password_waiting=3))
    paths = ["/console/sign-in", "/console/password"] * 5
    asking = [asyncio.create_task(signing_in(console, path)) for path in paths]
    refused, _ = await asyncio.wait(asking, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    while len([one for one in asking if one.done()]) < 5:
        await asyncio.sleep(0.01)
    await asyncio.wait_for(checking(services, 2), timeout=5)
    async with visitor(console) as other:  # nobody else waits for them
        assert (await other.get("/console/sign-in")).status_code == 200
    services.go_on.set()
    statuses = await asyncio.gather(*asking)
    assert statuses.count(503) == 5
    assert {one.result() for one in refused} == {503}
    assert services.most == 2
    assert await signing_in(console, "/console/sign-in") == 303


def live_scope(services: FakeServices) -> dict[str, Any]:
    session = services._open("alice")
    cookie = f"{SESSION_COOKIE}={session.token}; {CSRF_COOKIE}={session.csrf}"
    return {
        "type": "http", "method": "GET", "path": "/console/live", "raw_path": b"/console/live", "query_string": b"",
        "root_path": "", "scheme": "https", "server": ("localhost", 8443), "http_version": "1.1",
        "headers": [(b"host", b"localhost:8443"), (b"cookie", cookie.encode())],
    }  # fmt: skip


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, int]]:
    """The counters of the console that is made next."""
    made: list[Overview] = []
    routes = Overview.routes

    def keep(overview: Overview) -> Any:
        made.append(overview)
        return routes(overview)

    monkeypatch.setattr(Overview, "routes", keep)
    return lambda: dict(made[0]._streams)


async def until_told(event: asyncio.Event) -> Message:
    await event.wait()
    return {"type": "http.disconnect"}


async def test_live_views_are_counted_when_they_are_let_in(streams: Callable[[], dict[str, int]]) -> None:
    services = FakeServices()
    console = create_console(services, ConsoleSettings(live_interval_s=0.01, live_limit_s=60, live_per_person=2))
    leave = asyncio.Event()
    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scopes = [live_scope(services) for _ in range(5)]
    views = [asyncio.create_task(console(scope, lambda: until_told(leave), send)) for scope in scopes]
    while len(statuses) < 5:
        await asyncio.sleep(0.001)
    assert sorted(statuses) == [200, 200, 429, 429, 429]
    leave.set()
    await asyncio.gather(*views, return_exceptions=True)
    assert streams() == {}


async def test_a_live_view_whose_client_left_before_it_began_is_not_counted_for_ever(
    streams: Callable[[], dict[str, int]],
) -> None:
    services = FakeServices()
    console = create_console(services, ConsoleSettings(live_interval_s=0.01, live_limit_s=60))

    async def send(_message: Message) -> None:
        raise OSError

    receive: Callable[[], Awaitable[Message]] = lambda: until_told(asyncio.Event())  # noqa: E731
    await asyncio.gather(console(live_scope(services), receive, send), return_exceptions=True)
    assert streams() == {}
