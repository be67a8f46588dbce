"""What the ledger says to the others: drafts that a worker makes durable, and what the store answers."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import PUBLIC, Label


class EntryKind(StrEnum):
    """What an entry records."""

    INTENT = "intent"
    OUTCOME = "outcome"
    ADMIN = "admin"
    KEY = "key"
    """A change of the key that signs the ledger (``ledger.succession``): the one entry that is not sealed."""


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
    mentions: tuple[bytes, ...] = ()
    """The ids of the keys of all who are identified in it: it is found by them, and erased with each of them."""


class Fingerprint(msgspec.Struct, frozen=True):
    """A keyed hash of a text. ``long``: so long that nobody else writes the same by chance."""

    mark: bytes
    long: bool = False


class Passage(msgspec.Struct, frozen=True):
    """What passes from an exchange into its conversation, in the transaction that makes the entry durable.

    The conversation's mark becomes its join with ``label``; the fingerprints in ``made`` are kept under ``label`` each
    (those of an intent under their own). An intent also says what its decision was based on: the ``version`` of the
    conversation, and ``cited_label``, the join of the labels under which the texts in ``cited`` are known.
    """

    owner: str
    """The subject whose conversation it is."""
    conversation: str = ""
    """Its id; empty where the client names none."""
    label: Label = PUBLIC
    version: int = 0
    """0: there is no such conversation yet."""
    cited: tuple[bytes, ...] = ()
    cited_label: Label = PUBLIC
    made: tuple[tuple[Fingerprint, Label], ...] = ()
    vault: bytes | None = None
    """The stand-ins of the conversation, sealed; ``None`` where they did not change."""
    release: str = ""
    """The held exchange whose release lets this intent pass, once: used up in the same transaction, or the intent is stale."""

    @property
    def changes(self) -> bool:
        """Whether there is anything to carry out; else it only says what a decision was based on."""
        return bool(self.conversation or self.made or self.release)


class Claim(msgspec.Struct, frozen=True):
    """What an exchange asks about the past: its conversation, and the fingerprints of the texts that it brings."""

    owner: str
    conversation: str = ""
    cited: tuple[bytes, ...] = ()


class Remembered(msgspec.Struct, frozen=True):
    """The answer: the conversation's ``version`` (0: there is none), its mark and its sealed stand-ins, and ``cited``."""

    version: int = 0
    mark: Label = PUBLIC
    vault: bytes = b""
    cited: Label = PUBLIC


class Refusal(StrEnum):
    """Why an entry was not committed."""

    STALE = "stale"
    """The directory, the policy or the conversation changed since the decision: load what is new and decide again."""
    FULL = "full"
    """No room, or the disk does not take it: 503, and try again later."""
    FAILED = "failed"
    """The store failed in another way: 503."""


Done = Callable[[Refusal | None], None]
"""Called once, from any thread: ``None`` means durable."""


class Journal(Protocol):
    """A worker's side of the store. Thread-safe. Group-commits whatever is waiting: one transaction, one sync.

    ``commit_intent`` compares ``directory_version`` with the database's in the same transaction, and reserves room for the
    outcome. A ``passage`` is carried out in that transaction too, or the intent is stale. ``commit_outcome`` gives the room
    back, or ``abandon`` where no outcome will come. ``done`` is called after the sync, never before.
    """

    def commit_intent(self, draft: Draft, *, directory_version: int, done: Done, passage: Passage | None = None) -> None:
        """Make an intent durable, if it is still based on the present directory and policy."""
        ...

    def commit_outcome(self, draft: Draft, *, done: Done, passage: Passage | None = None) -> None:
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
