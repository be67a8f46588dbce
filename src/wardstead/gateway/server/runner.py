"""Performs what an exchange yields: the one place where the pipeline meets sockets, the journal and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from wardstead.gateway.pipeline.commands import (
    Abort,
    Body,
    CallModel,
    ClientGone,
    Command,
    CommitIntent,
    CommitOutcome,
    ReadBody,
    ReadModel,
    Refresh,
    Start,
)
from wardstead.gateway.pipeline.exchange import Exchange
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.server.pool import Started
from wardstead.kernel.errors import CallerError, PeerError
from wardstead.ledger.ports import Journal, Refusal

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class BodyTooLarge(CallerError):
    """More bytes than ``limits.body_bytes``."""

    code = "body_too_large"


class BodyTooSlow(CallerError):
    """The body did not arrive in time."""

    code = "request_timeout"


class ConnectionAborted(Exception):
    """Raised to the ASGI server so that it breaks the connection: the client must not take what it has for a whole answer."""


class UpstreamReply(Protocol):
    """A response whose head has arrived."""

    status: int

    async def read(self, timeout_s: float) -> bytes | None:
        """The next bytes; ``b""`` at the end; ``None`` when nothing came in time."""
        ...

    def interrupt(self, error: Exception) -> None:
        """Make a pending ``read`` raise ``error``."""
        ...

    def release(self) -> None:
        """Done with it."""
        ...


class Upstream(Protocol):
    """A model server."""

    async def request(self, method: str, path: str, body: bytes, started: Started | None = None) -> UpstreamReply:
        """Send a request; wait for the head of the response."""
        ...


class Worlds(Protocol):
    """Where the present snapshot comes from."""

    current: World

    async def refresh(self) -> World:
        """Load what has changed, then give the present world."""
        ...


class Runner:
    """One exchange being performed. ``gone`` ends it early: the client has left, or its time is over."""

    __slots__ = (
        "_body_timeout_s",
        "_gone",
        "_idle_ticks",
        "_interrupt",
        "_journal",
        "_keep_alive_s",
        "_loop",
        "_receive",
        "_reply",
        "_send",
        "_sending",
        "_upstreams",
        "_watch",
        "_worlds",
        "exchange",
        "task",
    )

    def __init__(
        self,
        exchange: Exchange,
        receive: Receive,
        send: Send,
        *,
        journal: Journal,
        worlds: Worlds,
        upstreams: dict[str, Upstream],
        body_timeout_s: float,
        keep_alive_s: float,
    ) -> None:
        """``receive`` and ``send`` are ASGI's. ``keep_alive_s``: how long a stream may be silent before a keep-alive."""
        self.exchange = exchange
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._send = send
        self._journal = journal
        self._worlds = worlds
        self._upstreams = upstreams
        self._body_timeout_s = body_timeout_s
        self._keep_alive_s = keep_alive_s
        self._reply: UpstreamReply | None = None
        self._interrupt: Callable[[Exception], None] | None = None
        self._watch: asyncio.Future[dict[str, Any]] | None = None
        self._gone = False
        self._sending = False
        self._idle_ticks = 0

    async def run(self) -> None:
        """Drive the exchange to its end. Raises ``ConnectionAborted`` where the connection must be broken."""
        road = self.exchange.run()
        try:
            command = next(road)
            while True:
                try:
                    result = await self._perform(command)
                except (PeerError, CallerError, ClientGone) as error:
                    command = road.throw(error)
                except asyncio.CancelledError:
                    if not self._gone or self.task is None:
                        raise
                    self.task.uncancel()
                    command = road.throw(ClientGone())
                else:
                    command = road.send(result)
        except StopIteration:
            return
        finally:
            if self._watch is not None:
                self._watch.cancel()
            if self._reply is not None:
                self._reply.release()

    def leave(self) -> None:
        """The client is gone, or the exchange has run too long: stop the model server, record what was delivered."""
        self._gone = True
        if self._interrupt is not None:
            self._interrupt(ClientGone())
        if self._sending and self.task is not None:
            self.task.cancel()

    async def _perform(self, command: Command) -> Any:  # noqa: PLR0911 -- one line per command, hottest first
        if isinstance(command, ReadModel):
            return await self._read_model()
        if isinstance(command, Refresh):
            # Inside a stream the world is looked at for each piece: a reference, not a query.
            return self._worlds.current if self._reply is not None else await self._worlds.refresh()
        if isinstance(command, Body):
            return await self._send_body(command)
        if isinstance(command, ReadBody):
            return await self._read_body(command.limit)
        if isinstance(command, CommitIntent):
            return await self._commit_intent(command)
        if isinstance(command, CallModel):
            return await self._call_model(command)
        if isinstance(command, CommitOutcome):
            return await self._commit_outcome(command)
        if isinstance(command, Start):
            return await self._send({"type": "http.response.start", "status": command.status, "headers": command.headers})
        if isinstance(command, Abort):
            raise ConnectionAborted(self.exchange.incoming.id)
        raise TypeError(command)

    async def _read_body(self, limit: int) -> bytes:
        message = await self._receive_in_time()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) and len(body) <= limit:
            return body
        pieces, size = [body], len(body)
        deadline = self._loop.time() + self._body_timeout_s
        while message.get("more_body", False) and size <= limit:
            if self._loop.time() > deadline:
                raise BodyTooSlow("the request's body did not arrive in time")
            message = await self._receive_in_time()
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
        if size > limit:
            raise BodyTooLarge(f"the request's body is larger than {limit} bytes")
        return b"".join(pieces)

    async def _receive_in_time(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._body_timeout_s):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow("the request's body did not arrive in time") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    async def _commit_intent(self, command: CommitIntent) -> Refusal | None:
        waiter: asyncio.Future[Refusal | None] = self._loop.create_future()
        self._journal.commit_intent(command.draft, directory_version=command.directory_version, done=waiter.set_result)
        return await asyncio.shield(waiter)

    async def _commit_outcome(self, command: CommitOutcome) -> Refusal | None:
        waiter: asyncio.Future[Refusal | None] = self._loop.create_future()
        self._journal.commit_outcome(command.draft, done=waiter.set_result)
        return await asyncio.shield(waiter)

    async def _call_model(self, command: CallModel) -> int:
        upstream = self._upstreams.get(command.model)
        if upstream is None:
            raise PeerError("no model server is configured for this model")
        self._watch_client()
        reply = await upstream.request("POST", command.path, command.body, self._remember)
        self._reply = reply
        self._interrupt = reply.interrupt
        self._check()
        return reply.status

    def _remember(self, interrupt: Callable[[Exception], None]) -> None:
        self._interrupt = interrupt
        if self._gone:
            interrupt(ClientGone())

    def _watch_client(self) -> None:
        # granian's receive() is a future already: no task is made for it on the hot path.
        self._watch = asyncio.ensure_future(self._receive())
        self._watch.add_done_callback(self._client_said)

    def _client_said(self, watch: asyncio.Future[dict[str, Any]]) -> None:
        if watch.cancelled():
            return
        if watch.exception() is None and watch.result()["type"] != "http.disconnect":
            self._watch_client()
        else:
            self.leave()

    def _check(self) -> None:
        if self._gone:
            raise ClientGone

    async def _read_model(self) -> bytes | None:
        if self._reply is None:
            raise PeerError("nothing was asked of the model server")
        self._check()
        data = await self._reply.read(self._keep_alive_s)
        if data is None:
            self._idle_ticks += 1
            if self._idle_ticks * self._keep_alive_s >= MAX_SILENCE_S:
                raise PeerError("the model server fell silent in the middle of its answer")
            return None
        self._idle_ticks = 0
        return data

    async def _send_body(self, command: Body) -> None:
        if command.more:
            self._check()
        self._sending = True
        try:
            await self._send({"type": "http.response.body", "body": command.data, "more_body": command.more})
        finally:
            self._sending = False


MAX_SILENCE_S = 120.0
