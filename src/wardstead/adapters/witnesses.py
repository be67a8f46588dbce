"""A witness over HTTP. What it answers is believed only as far as it is signed."""

from __future__ import annotations

import ssl
from http.client import HTTPException
from urllib.parse import urlsplit

from wardstead.adapters.posting import post
from wardstead.ledger.witnessing import Reply

_MOST_BYTES = 64 * 1024


def ask_witness(url: str, what: str, body: bytes, *, ca_file: str = "", timeout_s: float = 10.0) -> Reply:
    """POST a request for ``what`` (``add-checkpoint``). A witness that cannot be reached, or breaks off, answers 0."""
    parts = urlsplit(url)
    asked = parts._replace(path=f"{parts.path.rstrip('/')}/{what}", query="", fragment="").geturl()
    context = _context(ca_file) if parts.scheme != "http" else None
    try:
        answer = post(asked, body, "text/plain; charset=utf-8", context=context, timeout_s=timeout_s, most_bytes=_MOST_BYTES)
    except (OSError, HTTPException):
        return Reply(0)
    return Reply(answer.status, answer.content_type, answer.body.decode("utf-8", "replace"))


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
