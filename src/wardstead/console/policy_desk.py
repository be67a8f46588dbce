"""What the page of access policies needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wardstead.access.asking import Asked, Explained
from wardstead.access.checks import Finding
from wardstead.access.comparing import Difference
from wardstead.access.ports import Identity
from wardstead.inspection.policy_changes import PolicyChange


@dataclass(frozen=True, slots=True)
class Activated:
    """A version, since when it was in force, by whose act and why."""

    version: str
    since: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The versions, the one in force first, and how the folder stands to it."""

    history: tuple[Activated, ...]
    edited: tuple[str, ...]
    wrong: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Policies that somebody wants in force. ``since`` is RFC 3339; ``stale``: others were put in force meanwhile."""

    id: str
    version: str
    by: str
    since: str
    reason: str
    own: bool
    stale: bool


class PolicyDesk(Protocol):
    """Questions, and proposals. ``which`` policies: ``active``, ``folder`` or a version. Methods raise ``WardsteadError``."""

    def standing(self) -> Standing:
        """What is in force."""
        ...

    def explain(self, asked: Asked, which: str) -> Explained:
        """The answer to a question, and what it rests on. Of nothing that exists but models: ``asked.owner`` says whose it is."""
        ...

    def who_can(self, asked: Asked, which: str) -> Sequence[str]:
        """Everybody who may."""
        ...

    def findings(self) -> Sequence[Finding]:
        """What does not fit together in the folder's policies."""
        ...

    def difference(self, which: str) -> Difference:
        """Whose access those policies would change."""
        ...

    def data_difference(self, which: str) -> Sequence[PolicyChange]:
        """What would happen to data otherwise by their classification policy."""
        ...

    def proposals(self, who: Identity) -> Sequence[Proposal]:
        """Those that are open, the newest first."""
        ...

    def propose(self, who: Identity, reason: str, version: str = "") -> None:
        """Propose an earlier version, or without one what stands in the folder."""
        ...

    def activate(self, who: Identity, proposal: str, reason: str) -> None:
        """Put in force what somebody else proposed."""
        ...

    def withdraw(self, who: Identity, proposal: str) -> None:
        """End a proposal."""
        ...

    def people(self) -> Sequence[str]:
        """Who may be asked about."""
        ...

    def purposes(self) -> Sequence[str]:
        """The registered purposes."""
        ...
