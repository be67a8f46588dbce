"""A model server that misbehaves as its model name asks it to. Run: ``python -m tests.e2e.misbehaving PORT``."""

from __future__ import annotations

import asyncio
import json
import sys

CHUNK = (
    'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
)
LAST = (
    'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    "data: [DONE]\n\n"
)
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def stream_words(writer: asyncio.StreamWriter, count: int, delay_s: float) -> None:
    writer.write(SSE)
    for number in range(count):
        writer.write(chunked((CHUNK % f"word{number} ").encode()))
        await writer.drain()
        await asyncio.sleep(delay_s)
    writer.write(chunked(LAST.encode()) + b"0\r\n\r\n")
    await writer.drain()


async def answer(model: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if model == "hang":
        await reader.read()
    elif model == "garbage":
        writer.write(SSE + chunked((CHUNK % "fine ").encode()) + chunked(b"data: {not json at all\n\n") + b"0\r\n\r\n")
    elif model == "not-http":
        writer.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    elif model == "half-utf8":
        piece = (CHUNK % "fine \u00e9\u00e9\u00e9").encode()
        writer.write(SSE + chunked(piece[: piece.index(b"\xc3") + 1]) + b"0\r\n\r\n")
    elif model == "long-line":
        writer.write(SSE + chunked((CHUNK % "fine ").encode()))
        line = b"data: " + b"x" * 1_000_000
        for _ in range(1024):
            writer.write(chunked(line))
            await writer.drain()
    elif model == "early-close":
        writer.write(SSE + chunked((CHUNK % "fine ").encode()))
        await writer.drain()
    elif model == "http-500":
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops")
    elif model.startswith("flood"):
        await stream_words(writer, 3_000_000, 0)
    else:
        await stream_words(writer, 200, 0.02)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                body = json.dumps({"object": "list", "data": []}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                continue
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            await answer(body["model"], reader, writer)
            if body["model"] in {"early-close", "not-http", "hang", "half-utf8", "garbage", "long-line"}:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        print("closed by peer", flush=True)
    finally:
        writer.close()


async def main() -> None:
    listener = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
