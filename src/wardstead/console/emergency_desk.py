"""What the page of accounts for emergencies needs to know and to do. ``bootstrap`` wires it.

Methods raise ``WardsteadError`` and nothing else; they block, and are called in a thread, except ``exist``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wardstead.access.ports import Identity


@dataclass(frozen=True, slots=True)
class AccountShown:
    """One account. ``until``: until when it is open, as RFC 3339; empty while it is sealed. ``may_close``: whoever looks may."""

    name: str
    until: str
    roles: tuple[str, ...]
    approvers: tuple[str, ...]
    max_hours: float
    may_close: bool


@dataclass(frozen=True, slots=True)
class OpeningShown:
    """Somebody asked that one be opened. Times are RFC 3339; ``may_decide``: whoever looks may open it, or refuse."""

    id: str
    account: str
    asked_by: str
    asked: str
    reason: str
    hours: float
    state: str
    decided_by: str
    until: str
    may_decide: bool


class EmergencyDesk(Protocol):
    """Break-glass accounts: two people open one."""

    def exist(self) -> bool:
        """Whether there is one at all. Fast: of the snapshot."""
        ...

    def accounts(self, who: Identity) -> Sequence[AccountShown]:
        """All of them, by name."""
        ...

    def openings(self, who: Identity, *, everything: bool) -> Sequence[OpeningShown]:
        """What was asked for, the newest first: what ``who`` may decide about or has asked for, or ``everything``."""
        ...

    def ask(self, who: Identity, account: str, reason: str, hours: float) -> None:
        """Ask that one be opened. Raises ``CallerError`` with code ``access_denied``, ``bad_value``, ``not_break_glass``."""
        ...

    def decide(self, who: Identity, opening: str, *, approve: bool) -> None:
        """Open it, or refuse: as somebody else than who asked. Raises as ``ask``."""
        ...

    def close(self, who: Identity, account: str) -> None:
        """Seal it again at once: its sessions end. Raises as ``ask``."""
        ...
