"""What performing exchanges asks of the others: ASGI's two functions, model servers, memory, documents, snapshots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from wardstead.access.ports import ResourceRef
from wardstead.gateway.pipeline.kept import KeptDocument, OpenedDocument
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.server.pool import Started
from wardstead.inspection.extraction import Extracted
from wardstead.ledger.ports import Claim, Remembered

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
ReadDocument = Callable[[bytes, str], Extracted]
"""(bytes, name) to the texts; blocks. Raises ``CallerError``, ``BackendError``."""
FindReleased = Callable[[str, bytes], str]
"""(owner's subject, digest of a request) to the exchange in which it was held and released, or nothing; blocks."""


class UpstreamReply(Protocol):
    """A response whose head has arrived."""

    status: int

    async def read(self, timeout_s: float) -> bytes | None:
        """The next bytes; ``b""`` at the end; ``None`` when nothing came in time."""
        ...

    def interrupt(self, error: Exception) -> None:
        """Make a pending ``read`` raise ``error``."""
        ...

    def release(self) -> None:
        """Done with it."""
        ...


class Upstream(Protocol):
    """A model server."""

    async def request(self, method: str, path: str, body: bytes, started: Started | None = None) -> UpstreamReply:
        """Send a request; wait for the head of the response."""
        ...


class Memory(Protocol):
    """What is remembered of conversations and of labelled texts."""

    def known(self, claim: Claim) -> Remembered:
        """What this process remembers; it may be out of date. At once."""
        ...

    def look(self, claim: Claim) -> Remembered:
        """What is so. Blocks. Raises ``BackendError``."""
        ...


class KeptDocuments(Protocol):
    """Documents and templates that are kept here. Blocks. Raises ``BackendError``, ``IntegrityError``."""

    def find(self, refs: Sequence[ResourceRef]) -> list[KeptDocument | None]:
        """What there is, for a decision."""
        ...

    def open(self, refs: Sequence[ResourceRef]) -> list[OpenedDocument]:
        """What is in them, for somebody who may use them. Raises ``CallerError`` for one that is gone by now."""
        ...


class Worlds(Protocol):
    """Where the present snapshot comes from."""

    current: World

    async def refresh(self) -> World:
        """Load what has changed, then give the present world."""
        ...
