"""The rest of a request's body, when the answer is known before it has come: read and thrown away, within bounds.

A connection that is closed while its client still sends is reset, and the client never reads why (RFC 9112 section 9.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_S: Final = 2.0


async def discard(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Read until the body ends, or one of the bounds is met. ``receive`` is ASGI's."""
    size = 0
    try:
        async with asyncio.timeout(MOST_S):
            while size < MOST_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
