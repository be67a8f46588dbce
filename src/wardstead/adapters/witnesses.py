"""A witness over HTTP. What it answers is bounded in time and size, and believed only as far as it is signed."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from wardstead.ledger.witnessing import Reply

_MOST_BYTES = 64 * 1024


def ask_witness(url: str, what: str, body: bytes, *, ca_file: str = "", timeout_s: float = 10.0) -> Reply:
    """POST a request for ``what`` (``add-checkpoint``). A witness that cannot be reached, or breaks off, answers 0."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", f"{parts.path.rstrip('/')}/{what}"
    connection = _connection(parts.scheme, host, parts.port, ca_file, timeout_s)
    try:
        connection.request("POST", path, body, {"content-type": "text/plain; charset=utf-8"})
        reply = connection.getresponse()
        said = reply.read(_MOST_BYTES + 1)
    except (OSError, HTTPException):
        return Reply(0)
    finally:
        connection.close()
    if len(said) > _MOST_BYTES:
        return Reply(0)
    return Reply(reply.status, reply.headers.get("content-type", ""), said.decode("utf-8", "replace"))


def _connection(scheme: str, host: str, port: int | None, ca_file: str, timeout_s: float) -> HTTPConnection:
    if scheme == "http":
        return HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return HTTPSConnection(host, port, timeout=timeout_s, context=context)
