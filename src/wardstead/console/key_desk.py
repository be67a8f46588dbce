"""What the page of keys needs to know and to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wardstead.access.ports import Bounds, Identity, KeySummary


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that somebody asks for. ``expires``: as ``90d`` or ``2027-03-01``; empty for never."""

    person: str
    bounds: Bounds
    expires: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Whose a key may be, and what it may be for."""

    people: tuple[str, ...]
    purposes: tuple[str, ...]
    networks: tuple[str, ...]
    models: tuple[str, ...]


class KeyDesk(Protocol):
    """API keys, for whoever may administer. Methods raise ``WardsteadError``."""

    def keys(self) -> Sequence[KeySummary]:
        """All of them, the oldest first."""
        ...

    def choices(self) -> Choices:
        """What there is to choose from."""
        ...

    def create(self, wanted: Wanted, actor: Identity) -> str:
        """A new key; it is shown once. Raises ``CallerError`` for a name that nothing knows."""
        ...

    def revoke(self, key_id: str, actor: Identity) -> None:
        """It stops working at once. Raises ``CallerError`` where there is none."""
        ...
