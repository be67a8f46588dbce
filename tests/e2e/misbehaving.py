"""A model server that misbehaves as its model's name asks it to. Run: ``python -m tests.e2e.misbehaving PORT``.

``GET /record`` tells what it saw: for each request its model, its prompt, how many bytes of the answer were taken, and when
its peer left (``time.monotonic``, one clock for all processes of a machine).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

CHUNK = (
    'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
)
LAST = (
    'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    "data: [DONE]\n\n"
)
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
MEGABYTE = 1_000_000


@dataclass
class Visit:
    """A request, and what became of its answer."""

    model: str
    prompt: str
    sent: int = 0
    left: float | None = None
    """When the peer closed the connection before the answer had ended."""


@dataclass
class Peer:
    """The connection of one request."""

    visit: Visit
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write, and wait until the peer takes it."""
        self.writer.write(data)
        await self.writer.drain()
        self.visit.sent += len(data)

    async def chunk(self, data: bytes) -> None:
        """One piece of a chunked body (RFC 9112 section 7.1)."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def begin(self) -> None:
        """The head, and a first word."""
        await self.send(SSE)
        await self.chunk((CHUNK % "fine ").encode())

    async def end(self) -> None:
        """The proper end of the body."""
        await self.send(b"0\r\n\r\n")


async def fine(peer: Peer, words: int = 50) -> None:
    await peer.begin()
    for number in range(words):
        await peer.chunk((CHUNK % f"word{number} ").encode())
        await asyncio.sleep(0.02)
    await peer.chunk(LAST.encode())
    await peer.end()


async def brief(peer: Peer) -> None:
    await fine(peer, words=2)


async def hang(_peer: Peer) -> None:
    await asyncio.sleep(3600)


async def stall(peer: Peer) -> None:
    await peer.begin()
    await asyncio.sleep(3600)


async def garbage(peer: Peer) -> None:
    await peer.begin()
    await peer.chunk(b"data: {not json at all\n\n")
    await peer.end()


async def not_http(peer: Peer) -> None:
    await peer.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")


async def half_utf8(peer: Peer) -> None:
    await peer.begin()
    await peer.chunk((CHUNK % "half of an \u00e9: ").encode().replace(b"\xa9", b""))
    await peer.chunk(LAST.encode())
    await peer.end()


async def cut_utf8(peer: Peer) -> None:
    await peer.begin()
    piece = (CHUNK % "\u00e9").encode()
    await peer.chunk(piece[: piece.index(b"\xc3") + 1])
    await peer.end()


async def long_line(peer: Peer) -> None:
    await peer.begin()
    await peer.chunk(b"data: ")
    for _ in range(1000):
        await peer.chunk(b"x" * MEGABYTE)


async def long_head(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nx-long: ")
    for _ in range(1000):
        await peer.send(b"x" * MEGABYTE)


async def early_close(peer: Peer) -> None:
    await peer.begin()


async def http_500(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops")


async def flood(peer: Peer) -> None:
    await peer.begin()
    words = (CHUNK % "many words ").encode() * 500
    for _ in range(75 * MEGABYTE // len(words)):
        await peer.chunk(words)
    await peer.chunk(LAST.encode())
    await peer.end()


async def long(peer: Peer) -> None:
    """An ordinary answer of 22,000 characters."""
    await peer.begin()
    for _ in range(2000):
        await peer.chunk((CHUNK % "many words ").encode())
    await peer.chunk(LAST.encode())
    await peer.end()


BEHAVIOURS: dict[str, Callable[[Peer], Awaitable[None]]] = {
    "fine": fine,
    "long": long,
    "brief": brief,
    "hang": hang,
    "sleep": hang,
    "stall": stall,
    "garbage": garbage,
    "not-http": not_http,
    "half-utf8": half_utf8,
    "cut-utf8": cut_utf8,
    "long-line": long_line,
    "long-head": long_head,
    "early-close": early_close,
    "http-500": http_500,
    "flood": flood,
}
CLOSES = {"early-close", "not-http"}
RECORD: list[Visit] = []


async def answer(visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer as the model is named, until the peer leaves. Whether the connection may serve another request."""
    answering = asyncio.ensure_future(BEHAVIOURS[visit.model](Peer(visit, writer)))
    # Nobody sends a second request before the first is answered: whatever can be read is the end.
    leaving = asyncio.ensure_future(reader.read(1))
    await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
    if leaving.done() or answering.exception() is not None:
        visit.left = time.monotonic()
    answering.cancel()
    leaving.cancel()
    await asyncio.gather(answering, leaving, return_exceptions=True)
    return visit.left is None and visit.model not in CLOSES


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        going_on = True
        while going_on:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                body = json.dumps([asdict(visit) for visit in RECORD]).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                continue
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            RECORD.append(Visit(asked["model"], asked["messages"][-1]["content"]))
            going_on = await answer(RECORD[-1], reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    listener = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
