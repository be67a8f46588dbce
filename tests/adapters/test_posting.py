"""Whoever is asked over HTTP keeps nobody waiting, and fills nobody's memory."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException

import pytest

from wardstead.adapters.posting import Answer, TooLong, post
from wardstead.adapters.witnesses import ask_witness
from wardstead.ledger.witnessing import Reply

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
Say = Callable[[socket.socket], None]


@contextmanager
def peer(say: Say) -> Iterator[str]:
    """Somebody who answers a request like this; the address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            try:
                say(connection)
            except OSError:
                return  # the other side has hung up

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        thread.join()
        listening.close()


def dripping(first: bytes) -> Say:
    """A byte now and then, more often than any single read would wait for."""

    def say(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.1)

    return say


def asked(url: str, timeout_s: float = 5.0) -> Answer:
    return post(f"{url}/ask?a=1", b"question", "text/plain", context=None, timeout_s=timeout_s, most_bytes=100)


@pytest.mark.parametrize("first", [HEAD + b"Content-Length: 100\r\n\r\n", HEAD + b"X-More: ", HEAD + b"\r\n"])
def test_whoever_gives_a_byte_now_and_then_is_hung_up_on(first: bytes) -> None:
    began = time.monotonic()
    with peer(dripping(first)) as url, pytest.raises((OSError, HTTPException)):
        asked(url, timeout_s=0.5)
    assert time.monotonic() - began < 5
    with peer(dripping(first)) as url:
        assert ask_witness(url, "add-checkpoint", b"", timeout_s=0.5) == Reply(0)


def test_an_answer_in_time_is_the_answer() -> None:
    with peer(lambda connection: connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")) as url:
        assert asked(url) == Answer(200, "text/plain", b"ok")
    with (
        peer(lambda connection: connection.sendall(HEAD + b"Content-Length: 200\r\n\r\n" + bytes(200))) as url,
        pytest.raises(TooLong),
    ):
        asked(url)


def test_a_handshake_that_takes_for_ever_is_hung_up_on() -> None:
    record = b"\x16\x03\x03\x40\x00"  # of 16 KiB, of which a byte comes now and then
    began = time.monotonic()
    with peer(dripping(record)) as url, pytest.raises(OSError, match=r"timed out|EOF|shut"):
        post(
            url.replace("http:", "https:"), b"", "text/plain", context=ssl.create_default_context(), timeout_s=0.5, most_bytes=100
        )
    assert time.monotonic() - began < 5
