"""A request's body that is read as a whole, within a size and a time."""

from __future__ import annotations

import asyncio

from wardstead.gateway.server.ports import Receive
from wardstead.kernel.errors import CallerError


class BodyTooLarge(CallerError):
    """More bytes than may be sent."""

    code = "body_too_large"


class BodyTooSlow(CallerError):
    """The body did not arrive in time."""

    code = "request_timeout"


class BodyBrokenOff(CallerError):
    """The body ended before its length, or its chunked encoding is malformed."""

    code = "incomplete_body"


async def read_whole(receive: Receive, limit: int, timeout_s: float) -> bytes:
    """All of it. Raises ``BodyTooLarge``, ``BodyTooSlow``, ``BodyBrokenOff``. ``receive`` is ASGI's."""
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyBrokenOff("the request broke off")
                body += message.get("body", b"")
                if len(body) > limit:
                    raise BodyTooLarge(f"a body has at most {limit} bytes here")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise BodyTooSlow("the request did not arrive in time") from None
