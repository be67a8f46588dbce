"""What the stream guard asks of a detector that is no pattern, and yet exact however a text is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Known(msgspec.Struct, frozen=True):
    """What one list finds: its ``type`` and ``category``; ``id`` names it."""

    id: str
    type: str
    category: str


class Place(msgspec.Struct, frozen=True, order=True, gc=False):
    """``data[start:end]`` is what list number ``number`` of a ``Windowed`` looks for."""

    start: int
    end: int
    number: int


class Windowed(Protocol):
    """Finds places in UTF-8. Safe for threads.

    INVARIANT: whether there is a place that starts at ``s``, and where it ends, depends on the character before ``s`` and on
    at most ``WINDOW_BYTES`` from ``s`` on. So a place that starts before ``first_pending`` is the same whatever follows.
    """

    @property
    def lists(self) -> Sequence[Known]:
        """What ``Place.number`` counts."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever what is found could change."""
        ...

    def matches(self, data: bytes, begin: int, before: int) -> list[Place]:
        """The places that start in ``[begin, before)``, in order."""
        ...

    def first_pending(self, data: bytes, begin: int) -> int:
        """The first place from ``begin`` on where one may be in progress at the end of ``data``."""
        ...
