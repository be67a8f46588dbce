"""A small HTTP/1.1 client pool for model servers on this host: TCP or unix socket, no TLS. Parsing is httptools' (llhttp).

Why our own: the measured alternatives cost 2 to 20 times the CPU of the whole gateway (docs/adr/0003). What it guarantees:

- requests are built anew from a method, a path and a body; no client header reaches the model server;
- responses are bounded in header size and in what is buffered (reading pauses at ``HIGH_WATER`` bytes);
- a request is repeated only when a reused connection closed before a single byte of the response had come;
- a connection is reused only after a response that ended by its own framing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httptools

from wardstead.gateway.server.deadlines import Deadlines
from wardstead.kernel.errors import PeerError

HIGH_WATER: Final = 64 * 1024
AT_ONCE: Final = 16 * 1024
"""Handed on in one piece: what is made of it (events, findings, what goes out) takes some twenty times as much."""
MAX_HEAD_BYTES: Final = 32 * 1024

Started = Callable[[Callable[[Exception], None]], None]
"""Told, as soon as a request is on its way, how to interrupt it."""


class UpstreamUnreachable(PeerError):
    """No connection to the model server."""

    code = "upstream_unreachable"


class UpstreamTimeout(PeerError):
    """The model server did not answer in time."""

    code = "upstream_timeout"


class UpstreamProtocolError(PeerError):
    """What the model server sent is not HTTP, or ended in the middle."""

    code = "upstream_protocol"


class _ClosedEarly(UpstreamProtocolError):
    """The connection closed before any byte of the response."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model server listens: a unix socket path, or host and port. Times in seconds."""

    unix: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    authority: str = "model"
    bearer: str = ""
    connect_timeout_s: float = 5.0
    head_timeout_s: float = 300.0
    keep_alive_s: float = 20.0


class _Connection(asyncio.Protocol):
    """One connection and, while it serves a request, that request's response."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        self._loop = loop
        self._deadlines = deadlines
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self.idle_since = 0.0
        self.closed = False
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._reset()

    def _reset(self) -> None:
        self._pieces.clear()
        self._buffered = 0
        self._head_bytes = 0
        self._received = False
        self._paused = False
        self._error: Exception | None = None
        self.status = 0
        self._asked = False
        self.complete = False
        self.reusable = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # create_connection gives a full transport

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self.close()  # nobody asked: whatever it is, it must not become the next answer
            return
        self._received = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(UpstreamProtocolError("the model server's answer is not valid HTTP"))
        except PeerError as error:
            self._fail(error)
        else:
            self._bound_head(len(data))

    def _bound_head(self, size: int) -> None:
        # A head that never ends reaches no callback, so it is counted here as well.
        if not self.status:
            self._head_bytes += size
            if self._head_bytes > MAX_HEAD_BYTES:
                self._fail(UpstreamProtocolError("the model server's response head is too large"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed = True
        if not self.complete and self._error is None:
            kind = UpstreamProtocolError if self._received else _ClosedEarly
            self._error = kind("the model server closed the connection in the middle of its answer")
        self._wake()

    # httptools callbacks

    def on_message_begin(self) -> None:
        if not self._asked:
            raise UpstreamProtocolError("the model server sent more than one response")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise UpstreamProtocolError("the model server's response head is too large")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # 1xx are interim (RFC 9110 section 15.2)
            self.status = status
            self._wake()

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)
        self._buffered += len(data)
        if self._buffered > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self.status:
            self._asked = False
            self.complete = True
            self.reusable = self._parser.should_keep_alive() and not self.closed
            self._wake()

    # one request

    def send(self, request: bytes) -> None:
        """Begin a request on this (new or idle) connection."""
        self._reset()
        if self._transport is None or self._transport.is_closing():
            raise _ClosedEarly("the model server closed the connection")
        self._asked = True
        self._transport.write(request)

    async def head(self, timeout_s: float) -> int:
        """Wait for the status line and headers."""
        while not self.status:
            self._raise_failure()
            if not await self._wait(timeout_s):
                self.close()
                raise UpstreamTimeout(f"the model server sent no answer within {timeout_s:g} s")
        return self.status

    async def read(self, timeout_s: float) -> bytes | None:
        """What has come; ``b""`` at the end; ``None`` when nothing came in time. Raises ``PeerError``."""
        while not self._pieces:
            if self.complete:
                return b""
            self._raise_failure()
            if not await self._wait(timeout_s):
                return None
        data = self._take()
        self._buffered -= len(data)
        if self._paused and not self._pieces and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def _take(self) -> bytes:
        """The first pieces together, or the beginning of a large one."""
        first = self._pieces.popleft()
        if len(first) > AT_ONCE:
            self._pieces.appendleft(first[AT_ONCE:])
            return first[:AT_ONCE]
        taken, size = [first], len(first)
        while self._pieces and (size := size + len(self._pieces[0])) <= AT_ONCE:
            taken.append(self._pieces.popleft())
        return b"".join(taken) if len(taken) > 1 else first

    def interrupt(self, error: Exception) -> None:
        """Make whoever waits here raise ``error``, and close: the model server sees the disconnect and stops."""
        if self._error is None:
            self._error = error
        self.close()
        self._wake()

    def close(self) -> None:
        """Close at once, dropping what is buffered."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: PeerError) -> None:
        if self._error is None:
            self._error = error
        self.close()
        self._wake()

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(True)

    async def _wait(self, timeout_s: float) -> bool:
        """Wait until something happened (True) or the time is over (False)."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiter = waiter
        self._deadlines.set(self, timeout_s, self._time_out)
        try:
            return await waiter
        finally:
            self._deadlines.clear(self)
            self._waiter = None

    def _time_out(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(False)


class Reply:
    """A response whose head has arrived. Read it to the end, or close it."""

    __slots__ = ("_connection", "_pool", "_released", "status")

    def __init__(self, pool: Pool, connection: _Connection) -> None:
        self._pool = pool
        self._connection = connection
        self._released = False
        self.status = connection.status

    async def read(self, timeout_s: float) -> bytes | None:
        """The next bytes; ``b""`` at the end; ``None`` when nothing came within ``timeout_s``."""
        return await self._connection.read(timeout_s)

    def interrupt(self, error: Exception) -> None:
        """Make a pending ``read`` raise ``error`` and close the connection; nothing after ``release``, when it is another's."""
        if not self._released:
            self._connection.interrupt(error)

    def release(self) -> None:
        """Done with it: the connection is kept when its response ended by itself, else closed."""
        if not self._released:
            self._released = True
            self._pool.give_back(self._connection)


class Pool:
    """Connections to one model server: as many as there are exchanges under way, which the door bounds."""

    def __init__(self, target: Target) -> None:
        """``target`` says where and how long to wait."""
        self.target = target
        self._idle: list[_Connection] = []
        self._deadlines = Deadlines()
        self._prefix = f" HTTP/1.1\r\nhost: {target.authority}\r\n".encode()
        if target.bearer:
            self._prefix += f"authorization: Bearer {target.bearer}\r\n".encode()

    async def request(self, method: str, path: str, body: bytes, started: Started | None = None) -> Reply:
        """Send a request, wait for the head of its response. ``started`` is told how to interrupt the wait."""
        request = b"".join((
            method.encode(), b" ", path.encode(), self._prefix,
            b"content-type: application/json\r\ncontent-length: ", str(len(body)).encode(), b"\r\n\r\n", body,
        ))  # fmt: skip
        while True:
            reused = self._take_idle()
            connection = reused or await self._connect()
            if started is not None:
                started(connection.interrupt)
            try:
                connection.send(request)
                await connection.head(self.target.head_timeout_s)
            except _ClosedEarly:
                connection.close()
                if reused is None:
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return Reply(self, connection)

    def give_back(self, connection: _Connection) -> None:
        """Take a connection back: idle if its response is complete and it may be reused, else closed."""
        if connection.complete and connection.reusable and not connection.closed:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _take_idle(self) -> _Connection | None:
        oldest = asyncio.get_running_loop().time() - self.target.keep_alive_s
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        target = self.target
        connection = _Connection(loop, self._deadlines)
        try:
            async with asyncio.timeout(target.connect_timeout_s):
                if target.unix:
                    await loop.create_unix_connection(lambda: connection, target.unix)
                else:
                    await loop.create_connection(lambda: connection, target.host, target.port)
        except (OSError, TimeoutError) as error:
            raise UpstreamUnreachable(
                "the model server is not reachable", next_step="It is restarted by itself; try again in a few seconds"
            ) from error
        return connection
