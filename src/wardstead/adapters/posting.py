"""A question over HTTP to somebody who is not trusted: bounded in size, and in time as a whole."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from threading import Event, Timer
from urllib.parse import urlsplit


class TooLong(OSError):
    """More than anybody would say here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content_type: str
    body: bytes


def post(
    url: str, body: bytes, content_type: str, *, context: ssl.SSLContext | None, timeout_s: float, most_bytes: int
) -> Answer:
    """The answer. Raises ``OSError`` and ``HTTPException``: also where it takes longer than ``timeout_s``, or is too long.

    ``context``: ``None`` for http.
    """
    parts = urlsplit(url)
    connection = _connection(parts.hostname or "", parts.port, context, timeout_s)
    late = Event()
    try:
        connection.connect()
        # A socket's own time is for each read: whoever gives a byte now and then would be waited for as long as they like.
        timer = Timer(timeout_s, _hang_up, (connection.sock, late))
        timer.start()
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"content-type": content_type})
            reply = connection.getresponse()
            said = reply.read(most_bytes + 1)
        finally:
            timer.cancel()
    finally:
        connection.close()
    if late.is_set():
        raise TimeoutError
    if len(said) > most_bytes:
        raise TooLong
    return Answer(reply.status, reply.headers.get("content-type", ""), said)


def _connection(host: str, port: int | None, context: ssl.SSLContext | None, timeout_s: float) -> HTTPConnection:
    if context is None:
        return HTTPConnection(host, port, timeout=timeout_s)
    return HTTPSConnection(host, port, timeout=timeout_s, context=context)


def _hang_up(line: socket.socket, late: Event) -> None:
    """Whoever reads from it finds its end."""
    late.set()
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)
