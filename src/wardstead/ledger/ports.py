"""What the ledger says to the others: drafts that a worker makes durable, and what the store answers."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from wardstead.kernel.ids import ExchangeId


class EntryKind(StrEnum):
    """What an entry records."""

    INTENT = "intent"
    OUTCOME = "outcome"
    ADMIN = "admin"


class Draft(msgspec.Struct, frozen=True):
    """An entry before it has its place in the tree: canonical ``header`` (pseudonym, coarse time, commitment), sealed ``body``.

    ``subject`` (a random pseudonym) says whose key opens the body; ``time_ms`` is exact. Both stay outside the header, which
    commits to them.
    """

    exchange: ExchangeId
    kind: EntryKind
    header: bytes
    body: bytes
    subject: str
    time_ms: int
    outcome: str = ""


class Refusal(StrEnum):
    """Why an entry was not committed."""

    STALE = "stale"
    """The directory or policy changed since the decision: load the new snapshot and decide again."""
    FULL = "full"
    """No room, or the disk does not take it: 503, and try again later."""
    FAILED = "failed"
    """The store failed in another way: 503."""


Done = Callable[[Refusal | None], None]
"""Called once, from any thread: ``None`` means durable."""


class Journal(Protocol):
    """A worker's side of the store. Thread-safe. Group-commits whatever is waiting: one transaction, one sync.

    ``commit_intent`` compares ``directory_version`` with the database's in the same transaction, and reserves room for the
    outcome. ``commit_outcome`` gives the room back, or ``abandon`` where no outcome will come. ``done`` is called after the
    sync, never before.
    """

    def commit_intent(self, draft: Draft, *, directory_version: int, done: Done) -> None:
        """Make an intent durable, if it is still based on the present directory and policy."""
        ...

    def commit_outcome(self, draft: Draft, *, done: Done) -> None:
        """Make an outcome durable, out of the room that its intent reserved."""
        ...

    def abandon(self, exchange: ExchangeId, subject: str) -> None:
        """Nobody will conclude this exchange: its outcome is ``unknown``, and its room is free again.

        To be called whenever an exchange ends and has not given its outcome, also while its intent may still be on its way.
        For one whose intent was refused, or whose outcome was given, it does nothing. It answers nothing and never raises.
        """
        ...

    def close(self) -> None:
        """Commit what waits, then stop. Later calls are answered ``FAILED``."""
        ...
