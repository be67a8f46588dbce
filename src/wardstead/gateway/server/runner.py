"""Performs what an exchange yields: the one place where the pipeline meets sockets, the journal and time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from wardstead.gateway.pipeline.commands import (
    Abort,
    Body,
    CallModel,
    ClientGone,
    Command,
    CommitIntent,
    CommitOutcome,
    Compute,
    Extract,
    FindKept,
    FindRelease,
    OpenKept,
    ReadBody,
    ReadModel,
    Recall,
    Refresh,
    Start,
)
from wardstead.gateway.pipeline.exchange import Exchange
from wardstead.gateway.pipeline.kept import KeptDocument, OpenedDocument
from wardstead.gateway.pipeline.life import UNCONCLUDED
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.server.bodies import BodyBrokenOff, BodyTooLarge, BodyTooSlow
from wardstead.gateway.server.deadlines import Deadlines
from wardstead.gateway.server.doors import Crowd, Doors
from wardstead.gateway.server.ports import (
    FindReleased,
    KeptDocuments,
    Memory,
    ReadDocument,
    Receive,
    Send,
    Upstream,
    UpstreamReply,
    Worlds,
)
from wardstead.gateway.server.unread import discard
from wardstead.gateway.server.workshop import Workshop
from wardstead.inspection.extraction import Extracted
from wardstead.kernel.errors import PeerError
from wardstead.kernel.ids import PrincipalId
from wardstead.ledger.ports import Journal, Refusal, Remembered

WATCH_AFTER_S: Final = 0.05
"""A client that leaves is looked for once the model has taken this long: most plain answers are over by then."""


class ConnectionAborted(Exception):
    """Raised to the ASGI server so that it breaks the connection: the client must not take what it has for a whole answer."""


class Runner:
    """One exchange being performed. ``gone`` ends it early: the client has left, or its time is over."""

    __slots__ = (
        "_crowd",
        "_deadlines",
        "_doors",
        "_expired",
        "_gone",
        "_interrupt",
        "_journal",
        "_kept",
        "_loop",
        "_memory",
        "_person",
        "_read",
        "_readers",
        "_receive",
        "_releases",
        "_reply",
        "_send",
        "_sending",
        "_silent_s",
        "_unread",
        "_upstreams",
        "_watch",
        "_workshop",
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
        memory: Memory,
        upstreams: dict[str, Upstream],
        deadlines: Deadlines,
        crowd: Crowd,
        workshop: Workshop,
        readers: Workshop,
        read: ReadDocument,
        releases: FindReleased,
        kept: KeptDocuments,
        doors: Doors,
    ) -> None:
        """``receive`` and ``send`` are ASGI's. ``read`` reads a document; it is called in the ``readers``' threads."""
        self.exchange = exchange
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._send = send
        self._journal = journal
        self._worlds = worlds
        self._memory = memory
        self._upstreams = upstreams
        self._deadlines = deadlines
        self._crowd = crowd
        self._workshop = workshop
        self._readers = readers
        self._read = read
        self._releases = releases
        self._kept = kept
        self._doors = doors
        self._person: PrincipalId | None = None
        self._reply: UpstreamReply | None = None
        self._interrupt: Callable[[Exception], None] | None = None
        self._watch: asyncio.Future[dict[str, Any]] | None = None
        self._expired = False
        self._gone = False
        self._sending = False
        self._silent_s = 0.0
        self._unread = True

    async def run(self) -> None:
        """Drive the exchange to its end. Raises ``ConnectionAborted`` where the connection must be broken."""
        road = self.exchange.run()
        try:
            command = next(road)
            while True:
                # Inside a stream the world is looked at for each piece: a reference, not a query.
                while type(command) is Refresh and self._reply is not None:
                    command = road.send(self._worlds.current)
                try:
                    result = await _PERFORM[type(command)](self, command)
                except ConnectionAborted:
                    raise
                except Exception as error:  # noqa: BLE001 -- whatever failed, the road ends with a record of it
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
            self._end()

    def _end(self) -> None:
        # INVARIANT: the connection may serve another exchange from now on; whoever leaves late must not interrupt that one.
        self._interrupt = None
        self._deadlines.clear(self)
        if self._person is not None:
            self._crowd.leave(self._person)
        if self._watch is not None:
            self._watch.cancel()
        if self._reply is not None:
            self._reply.release()
        exchange = self.exchange
        if exchange.state in UNCONCLUDED and exchange.identity is not None:
            self._journal.abandon(exchange.incoming.id, exchange.identity.principal.subject)

    def leave(self) -> None:
        """The client is gone, or the exchange has run too long: stop the model server, record what was delivered."""
        self._gone = True
        if self._interrupt is not None:
            self._interrupt(ClientGone())
        if self._sending and self.task is not None:
            self.task.cancel()

    async def _refresh(self, _command: Refresh) -> World:
        if self.exchange.identity is not None:
            return await self._worlds.refresh()
        with self._crowd.stranger():
            return await self._worlds.refresh()

    async def _start(self, command: Start) -> None:
        if self._unread:
            await discard(self._receive)
        await self._send({"type": "http.response.start", "status": command.status, "headers": command.headers})

    async def _abort(self, _command: Abort) -> None:
        raise ConnectionAborted(self.exchange.incoming.id)

    async def _read_body(self, command: ReadBody) -> bytes:
        self._join_crowd()
        limit = command.limit
        message = await self._receive_in_time()
        body: bytes = message.get("body", b"")
        if not self._unread and len(body) <= limit:
            return body
        pieces, size = [body], len(body)
        deadline = self._loop.time() + self._doors.body_timeout_s
        while self._unread and size <= limit:
            if self._loop.time() > deadline:
                self._unread = False
                raise BodyTooSlow("the request's body did not arrive in time")
            message = await self._receive_in_time()
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
        if size > limit:
            raise BodyTooLarge(f"the request's body is larger than {limit} bytes")
        return b"".join(pieces)

    async def _compute(self, command: Compute) -> Any:
        self._deadlines.set(self, WATCH_AFTER_S, self._watch_client)
        try:
            check = _nothing if command.owed else self._check
            made = await self._workshop.do(self._person or PrincipalId(""), command.work, check)
        finally:
            self._deadlines.clear(self)
        check()
        return made

    async def _extract(self, command: Extract) -> list[Extracted]:
        person = self._person or PrincipalId("")
        self._deadlines.set(self, WATCH_AFTER_S, self._watch_client)
        try:
            return [
                await self._readers.do(person, functools.partial(self._read, one.data, one.name), self._check)
                for one in command.documents
            ]
        finally:
            self._deadlines.clear(self)

    def _join_crowd(self) -> None:
        """Whose exchange this is is known now; their body is not read yet."""
        identity = self.exchange.identity
        if identity is not None and self._person is None:
            self._crowd.enter(identity.principal.id)
            self._person = identity.principal.id

    async def _receive_in_time(self) -> dict[str, Any]:
        self._deadlines.set(self, self._doors.body_timeout_s, self._expire)
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if not self._expired or self.task is None:
                raise
            self.task.uncancel()
            self._unread = False
            raise BodyTooSlow("the request's body did not arrive in time") from None
        finally:
            self._deadlines.clear(self)
        if message["type"] == "http.disconnect":
            # Gone, or its chunks are malformed: servers tell us the same. Whoever still listens gets a clear answer.
            self._unread = False
            raise BodyBrokenOff("the request's body broke off, or is not well-formed")
        self._unread = message.get("more_body", False)
        return message

    def _expire(self) -> None:
        if self.task is not None:
            self._expired = True
            self.task.cancel()

    async def _recall(self, command: Recall) -> Remembered:
        if command.fresh:
            return await asyncio.to_thread(self._memory.look, command.claim)
        return self._memory.known(command.claim)

    async def _find_kept(self, command: FindKept) -> list[KeptDocument | None]:
        return await asyncio.to_thread(self._kept.find, command.refs)

    async def _open_kept(self, command: OpenKept) -> list[OpenedDocument]:
        person = self._person or PrincipalId("")
        opened: list[OpenedDocument] = await self._readers.do(
            person, functools.partial(self._kept.open, command.refs), self._check
        )
        return opened

    async def _find_release(self, command: FindRelease) -> str:
        return await asyncio.to_thread(self._releases, command.owner, command.digest)

    async def _commit_intent(self, command: CommitIntent) -> Refusal | None:
        waiter: asyncio.Future[Refusal | None] = self._loop.create_future()
        done = functools.partial(_tell, waiter)
        self._journal.commit_intent(
            command.draft, directory_version=command.directory_version, done=done, passage=command.passage
        )
        return await waiter

    async def _commit_outcome(self, command: CommitOutcome) -> Refusal | None:
        waiter: asyncio.Future[Refusal | None] = self._loop.create_future()
        self._journal.commit_outcome(command.draft, done=functools.partial(_tell, waiter), passage=command.passage)
        return await waiter

    async def _call_model(self, command: CallModel) -> int:
        upstream = self._upstreams.get(command.model)
        if upstream is None:
            raise PeerError("no model server is configured for this model")
        self._deadlines.set(self, WATCH_AFTER_S, self._watch_client)
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
        if self._watch is not None:
            return
        # granian's receive() is a future already: no task is made for it on the hot path.
        self._watch = asyncio.ensure_future(self._receive())
        self._watch.add_done_callback(self._client_said)

    def _client_said(self, watch: asyncio.Future[dict[str, Any]]) -> None:
        if watch.cancelled():
            return
        self._watch = None
        if watch.exception() is None and watch.result()["type"] != "http.disconnect":
            self._watch_client()
        else:
            self.leave()

    def _check(self) -> None:
        if self._gone:
            raise ClientGone

    async def _read_model(self, _command: ReadModel) -> bytes | None:
        if self._reply is None:
            raise PeerError("nothing was asked of the model server")
        self._check()
        wait_s = min(self._doors.keep_alive_s, self._doors.silence_timeout_s)
        data = await self._reply.read(wait_s)
        if data is None:
            self._silent_s += wait_s
            if self._silent_s >= self._doors.silence_timeout_s:
                raise PeerError("the model server fell silent in the middle of its answer")
            return None
        self._silent_s = 0.0
        return data

    async def _send_body(self, command: Body) -> None:
        if command.more:
            self._check()
        # A client that reads nothing holds the model server's slot: it has so long for each piece.
        self._deadlines.set(self.exchange, self._doors.send_timeout_s, self.leave)
        self._sending = True
        try:
            await self._send({"type": "http.response.body", "body": command.data, "more_body": command.more})
        finally:
            self._sending = False
            self._deadlines.clear(self.exchange)


def _nothing() -> None:
    """Where it does not matter whether the client is still there."""


def _tell(waiter: asyncio.Future[Refusal | None], refusal: Refusal | None) -> None:
    # The exchange may have been cancelled meanwhile; its entry is written all the same.
    if not waiter.done():
        waiter.set_result(refusal)


_PERFORM: Final[dict[type[Command], Callable[[Runner, Any], Awaitable[Any]]]] = {
    ReadBody: Runner._read_body,
    Compute: Runner._compute,
    Extract: Runner._extract,
    Recall: Runner._recall,
    FindKept: Runner._find_kept,
    OpenKept: Runner._open_kept,
    FindRelease: Runner._find_release,
    CommitIntent: Runner._commit_intent,
    CallModel: Runner._call_model,
    ReadModel: Runner._read_model,
    Refresh: Runner._refresh,
    CommitOutcome: Runner._commit_outcome,
    Start: Runner._start,
    Body: Runner._send_body,
    Abort: Runner._abort,
}
