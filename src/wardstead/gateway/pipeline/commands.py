"""What the pipeline asks of the shell. Each is one effect; the shell answers by resuming the exchange with its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from wardstead.access.ports import ResourceRef
from wardstead.gateway.protocol.documents import Enclosed
from wardstead.ledger.ports import Claim, Draft, Passage


class ReadBody(msgspec.Struct, frozen=True):
    """Read the request's body, at most ``limit`` bytes. Answer: bytes; ``CallerError`` is thrown in if larger or too slow."""

    limit: int


class Compute(msgspec.Struct, frozen=True):
    """Work something out where it holds up nobody else. Answer: what ``work`` returns; what it raises is thrown in.

    ``owed``: a record needs it, also where the client has left.
    """

    work: Callable[[], Any]
    owed: bool = False


class Extract(msgspec.Struct, frozen=True):
    """Read documents. Answer: an ``Extracted`` for each; what reading them raises is thrown in."""

    documents: tuple[Enclosed, ...]


class Recall(msgspec.Struct, frozen=True):
    """What is remembered of the past. Answer: ``Remembered``; what the worker has in memory, unless ``fresh``."""

    claim: Claim
    fresh: bool


class FindKept(msgspec.Struct, frozen=True):
    """Look for documents and templates that are kept here. Answer: a ``KeptDocument`` or ``None`` for each; nothing is opened."""

    refs: tuple[ResourceRef, ...]


class OpenKept(msgspec.Struct, frozen=True):
    """Open them for somebody who may use them. Answer: an ``OpenedDocument`` for each; what fails is thrown in."""

    refs: tuple[ResourceRef, ...]


class FindRelease(msgspec.Struct, frozen=True):
    """Whether a reviewer released just this request of ``owner``, and nobody has sent it since.

    Answer: the exchange in which it was held; empty where there is none. The commit of the intent uses it up.
    """

    owner: str
    digest: bytes


class CommitIntent(msgspec.Struct, frozen=True):
    """Make the intent durable. Answer: ``Refusal | None``."""

    draft: Draft
    directory_version: int
    passage: Passage | None = None


class CommitOutcome(msgspec.Struct, frozen=True):
    """Make the outcome durable. Answer: ``Refusal | None``."""

    draft: Draft
    passage: Passage | None = None


class CallModel(msgspec.Struct, frozen=True):
    """Send ``body`` to the model server. Answer: the HTTP status, once its head has arrived; ``PeerError`` is thrown in."""

    model: str
    path: str
    body: bytes
    stream: bool


class ReadModel(msgspec.Struct, frozen=True):
    """Read on. Answer: bytes; ``b""`` at the end; ``None`` when nothing came for the keep-alive interval."""


class Refresh(msgspec.Struct, frozen=True):
    """The world is out of date. Answer: the present ``World``."""


class Start(msgspec.Struct, frozen=True):
    """Send status and headers."""

    status: int
    headers: list[tuple[bytes, bytes]]


class Body(msgspec.Struct, frozen=True):
    """Send a piece of the body; ``more`` says whether another follows."""

    data: bytes
    more: bool


class Abort(msgspec.Struct, frozen=True):
    """Break the connection, so that the client cannot take what it has for a whole answer."""


Command = (
    ReadBody
    | Compute
    | Extract
    | Recall
    | FindKept
    | OpenKept
    | FindRelease
    | CommitIntent
    | CommitOutcome
    | CallModel
    | ReadModel
    | Refresh
    | Start
    | Body
    | Abort
)


class ClientGone(Exception):
    """Thrown into an exchange whose client has disconnected: record what was delivered, send nothing more."""
