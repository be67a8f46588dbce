"""What the pipeline asks of the shell. Each is one effect; the shell answers by resuming the exchange with its result."""

from __future__ import annotations

from dataclasses import dataclass

from wardstead.ledger.ports import Draft


@dataclass(frozen=True, slots=True)
class ReadBody:
    """Read the request's body, at most ``limit`` bytes. Answer: bytes; ``CallerError`` is thrown in if larger or too slow."""

    limit: int


@dataclass(frozen=True, slots=True)
class CommitIntent:
    """Make the intent durable. Answer: ``Refusal | None``."""

    draft: Draft
    directory_version: int


@dataclass(frozen=True, slots=True)
class CommitOutcome:
    """Make the outcome durable. Answer: ``Refusal | None``."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class CallModel:
    """Send ``body`` to the model server. Answer: the HTTP status, once its head has arrived; ``PeerError`` is thrown in."""

    model: str
    path: str
    body: bytes
    stream: bool


@dataclass(frozen=True, slots=True)
class ReadModel:
    """Read on. Answer: bytes; ``b""`` at the end; ``None`` when nothing came for the keep-alive interval."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """The world is out of date. Answer: the present ``World``."""


@dataclass(frozen=True, slots=True)
class Start:
    """Send status and headers."""

    status: int
    headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Body:
    """Send a piece of the body; ``more`` says whether another follows."""

    data: bytes
    more: bool


@dataclass(frozen=True, slots=True)
class Abort:
    """Break the connection, so that the client cannot take what it has for a whole answer."""


Command = ReadBody | CommitIntent | CommitOutcome | CallModel | ReadModel | Refresh | Start | Body | Abort


class ClientGone(Exception):
    """Thrown into an exchange whose client has disconnected: record what was delivered, send nothing more."""
