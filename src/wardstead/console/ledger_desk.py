"""What the page of keys and ledger needs to know. ``bootstrap`` wires it.

Methods raise ``WardsteadError`` and nothing else; they block, and are called in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wardstead.isolation.posture import Check, State


@dataclass(frozen=True, slots=True)
class Layer:
    """Keys of one layer, under which those of the next one lie.

    ``since``: when it was last replaced by an order, as RFC 3339; empty where that was never, or is not known. ``uses``, at most
    ``limit``: of the key that was used most; ``None`` where they are not counted. ``command``: what replaces it.
    """

    name: str
    what: str
    since: str
    uses: int | None
    limit: int
    state: State
    command: str


@dataclass(frozen=True, slots=True)
class SigningPeriod:
    """A key of the ledger: it signs trees that hold entry ``first`` and none that holds ``until``; ``None``: it signs now.

    ``waiting``: its change has no place in the tree yet.
    """

    key: str
    first: int
    until: int | None
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A witness, an authority or a place: how many entries of the ledger it knows of, and ``why`` not all."""

    kind: str
    name: str
    size: int
    at: str
    why: str
    state: State


@dataclass(frozen=True, slots=True)
class LedgerStanding:
    """Keys and ledger now. ``signed``: entries under a checkpoint; ``replacing``: how far a new root key is on its way.

    ``recomputed``: what the last verification found.
    """

    layers: tuple[Layer, ...]
    keys: tuple[SigningPeriod, ...]
    elsewhere: tuple[Elsewhere, ...]
    signed: int
    checkpoint: str
    replacing: str
    recomputed: Check


class LedgerDesk(Protocol):
    """Keys and ledger, for whoever may read the record of administration."""

    def standing(self) -> LedgerStanding:
        """How they stand."""
        ...
