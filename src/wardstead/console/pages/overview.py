"""The Overview: what protects this deployment and what does not, and the exchanges as they happen."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field, replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wardstead.console import road
from wardstead.console.pages.rows import rows
from wardstead.console.ports import Posture
from wardstead.console.sessions import Visitor
from wardstead.console.site import HOME, Site
from wardstead.isolation.posture import State, overall
from wardstead.kernel.errors import CallerError, WardsteadError

LIVE_ROWS = 12
_KEEP_ALIVE_S = 15.0
_HEADLINES = {
    State.GREEN: "Everything that should protect this deployment does.",
    State.AMBER: "This deployment is protected; {amber} of {all} protections could be better.",
    State.RED: "{red} of {all} protections {do} not hold.",
}


class TooManyStreams(CallerError):
    """This person has as many live views open as one may have."""

    code = "quota_exceeded"


class _Counted(StreamingResponse):
    """A stream that says when it is over, also when it never began: then its generator would not."""

    def __init__(self, events: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream; charset=utf-8")
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


@dataclass(frozen=True, slots=True)
class Overview:
    """The page and its live events."""

    site: Site
    _streams: Counter[str] = field(default_factory=Counter)

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route(HOME, self.show, methods=["GET"]), Route("/console/live", self.live, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """The page."""
        who = await self.site.visit(request)
        posture = await run_in_threadpool(self.site.services.posture)
        everything = self.site.sees_everything(who)
        return await self.site.page(
            who,
            "overview.html",
            at="overview",
            state=overall(posture.checks),
            headline=_headline(posture),
            posture=posture if everything else _without_evidence(posture),
            pictures=(road.wide(posture.checks), road.tall(posture.checks)),
            everything=everything,
            words=road.WORDS,
            models=await run_in_threadpool(self.site.services.models, who.identity),
            rows=await rows(self.site, who, before=None, limit=LIVE_ROWS),
        )

    async def live(self, request: Request) -> Response:
        """Server-sent events (WHATWG HTML section 9.2): the newest rows, whenever they have changed."""
        who = await self.site.visit(request)
        person = who.identity.principal.id
        if self._streams[person] >= self.site.settings.live_per_person:
            raise TooManyStreams("you have too many live views open", next_step="Close one of them")
        self._streams[person] += 1
        return _Counted(self._events(who), lambda: self._leave(person))

    def _leave(self, person: str) -> None:
        self._streams[person] -= 1
        if not self._streams[person]:
            del self._streams[person]

    async def _events(self, who: Visitor) -> AsyncIterator[bytes]:
        settings = self.site.settings
        end = time.monotonic() + settings.live_limit_s
        said_at, before = 0.0, b""
        yield b"retry: 3000\n\n"
        while True:
            try:
                data = await self._snapshot(who)
            except WardsteadError:
                # Signed out, or the store does not answer: the browser comes back by itself and is told.
                return
            now = time.monotonic()
            if data != before:
                before, said_at = data, now
                yield b"event: rows\ndata: " + data + b"\n\n"
            elif now - said_at > _KEEP_ALIVE_S:
                said_at = now
                yield b": still here\n\n"
            if now >= end:
                return
            await asyncio.sleep(settings.live_interval_s)

    async def _snapshot(self, who: Visitor) -> bytes:
        # A session may end while somebody watches: it is looked at again for each event.
        identity = await self.site.services.identify(who.token, who.csrf)
        newest = await rows(self.site, replace(who, identity=identity), before=None, limit=LIVE_ROWS)
        return json.dumps([asdict(row) for row in newest], separators=(",", ":")).encode()


def _headline(posture: Posture) -> str:
    states = [check.state for check in posture.checks]
    red, amber = states.count(State.RED), states.count(State.AMBER)
    worst = overall(posture.checks)
    return _HEADLINES[worst].format(red=red, amber=amber, all=len(states), do="does" if red == 1 else "do")


def _without_evidence(posture: Posture) -> Posture:
    """Evidence says how to attack what does not hold: it is for those who look after the deployment."""
    return replace(posture, checks=tuple(replace(check, evidence="", next_step="") for check in posture.checks))
