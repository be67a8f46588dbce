"""The connection pool against servers that misbehave: it answers or raises a typed error, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardstead.gateway.pipeline.commands import ClientGone
from wardstead.gateway.server.pool import (
    AT_ONCE,
    HIGH_WATER,
    Pool,
    Target,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from wardstead.kernel.errors import PeerError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(tmp_path: Path, serve: Serve, **target: float) -> AsyncIterator[Pool]:
    path = str(tmp_path / "model.sock")
    listener = await asyncio.start_unix_server(serve, path)
    pool = Pool(Target(unix=path, **target))  # type: ignore[arg-type]
    try:
        yield pool
    finally:
        pool.close()
        listener.close()


async def request_head(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def whole(pool: Pool) -> tuple[int, bytes]:
    reply = await pool.request("POST", "/v1/x", b"{}")
    pieces = []
    while piece := await reply.read(1):
        pieces.append(piece)
    reply.release()
    return reply.status, b"".join(pieces)


def replies(*answers: bytes, close: bool = False) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                await request_head(reader)
                writer.write(answer)
                await writer.drain()
            if not close:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    return serve


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


async def test_a_connection_is_reused_after_a_complete_answer(tmp_path: Path) -> None:
    async with server(tmp_path, replies(OK, OK)) as pool:
        assert await whole(pool) == (200, b"hello")
        assert len(pool._idle) == 1
        assert await whole(pool) == (200, b"hello")


async def test_a_stale_connection_is_replaced_before_the_first_byte(tmp_path: Path) -> None:
    async with server(tmp_path, replies(OK, close=True)) as pool:
        assert await whole(pool) == (200, b"hello")
        await asyncio.sleep(0.01)
        assert await whole(pool) == (200, b"hello")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 30_000 + b"\r\n",
    ],
    ids=["nothing", "garbage", "short body", "broken chunk", "bad chunk size", "endless header", "too many headers"],
)
async def test_a_broken_answer_is_a_typed_error(tmp_path: Path, answer: bytes) -> None:
    async with server(tmp_path, replies(answer, close=True)) as pool:
        with pytest.raises(UpstreamProtocolError):
            await whole(pool)


async def test_an_absent_server_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UpstreamUnreachable):
        await whole(Pool(Target(unix=str(tmp_path / "none.sock"))))


async def test_a_silent_server_times_out(tmp_path: Path) -> None:
    async with server(tmp_path, replies(b""), head_timeout_s=0.05) as pool:
        with pytest.raises(UpstreamTimeout):
            await whole(pool)


async def test_interrupting_closes_the_connection_and_wakes_the_reader(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await reader.read()
        closed.set()

    async with server(tmp_path, serve) as pool:
        reply = await pool.request("POST", "/", b"{}")
        assert await reply.read(1) == b"hello"
        asyncio.get_running_loop().call_soon(reply.interrupt, ClientGone())
        with pytest.raises(ClientGone):
            await reply.read(5)
        reply.release()
        await asyncio.wait_for(closed.wait(), 1)
        assert not pool._idle


async def test_a_large_piece_is_handed_on_in_small_ones_and_all_of_it(tmp_path: Path) -> None:
    body = bytes(number % 251 for number in range(300_000))
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with server(tmp_path, replies(head + body)) as pool:
        reply, pieces = await pool.request("POST", "/v1/x", b"{}"), list[bytes]()
        while piece := await reply.read(5):
            pieces.append(piece)
        reply.release()
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= AT_ONCE


async def test_reading_pauses_when_nobody_takes_the_answer(tmp_path: Path) -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 75000000\r\n\r\n")
        while sent < 75_000_000:
            writer.write(b"x" * 10_000)
            await writer.drain()
            sent += 10_000

    async with server(tmp_path, serve) as pool:
        reply = await pool.request("POST", "/", b"{}")
        await asyncio.sleep(0.3)
        assert sent < 5_000_000
        assert reply._connection._buffered < HIGH_WATER + 512 * 1024
        reply.interrupt(ClientGone())
        reply.release()


@settings(max_examples=60, deadline=None)
@given(answer=st.binary(max_size=400) | st.builds(lambda tail: OK[:-5] + tail, st.binary(max_size=40)))
def test_arbitrary_bytes_answer_or_raise_a_peer_error(answer: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    async def run() -> None:
        async with server(tmp_path_factory.mktemp("s"), replies(answer, close=True), head_timeout_s=1) as pool:
            try:
                status, _ = await whole(pool)
            except PeerError:
                return
            assert 200 <= status < 1000

    asyncio.run(run())


@pytest.mark.parametrize("cut", [False, True])
async def test_an_answer_that_nobody_asked_for_is_never_the_next_one(tmp_path: Path, cut: bool) -> None:
    """Response splitting: a second response behind the first, in the same segment or a later one."""
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    stray = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(first if cut else first + stray)
        await writer.drain()
        if cut:
            await asyncio.sleep(0.02)
            writer.write(stray)
        await reader.read()
        writer.close()

    async with server(tmp_path, serve) as pool:
        for _ in range(3):
            assert await whole(pool) == (200, b"{}")
            await asyncio.sleep(0.05)
