"""Finding somebody in what others said, by the identifiers that inspection found in it, and erasing them there.

What is recorded of a search, or of an erasure, are counts: a record that names the identifier would be its own exception.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from wardstead.adapters.store.keys.mentions import MentioningEntry, StandIns, entries_of
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.ordering import Order
from wardstead.inspection.identifiers import CROWD, Identifier, readings
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError

_MOST = 100


class NoIdentifier(CallerError):
    """Nobody can be found by this."""

    code = "no_identifier"


@dataclass(frozen=True, slots=True)
class Mentioned:
    """What mentions somebody: entries, conversations with a stand-in for them, and what nobody can tell."""

    entries: Sequence[MentioningEntry]
    conversations: int
    crowds: int
    """Entries that hold more identifiers than are told apart: they may mention anybody."""

    def counts(self) -> dict[str, object]:
        """What may be told to the person themselves: how often, by how many, from when to when; of whom and what, nothing."""
        return {
            "exchanges": len({one.exchange for one in self.entries}),
            "entries": len(self.entries),
            "people": len({one.subject for one in self.entries}),
            "first": rfc3339(self.entries[0].time_ms) if self.entries else "",
            "last": rfc3339(self.entries[-1].time_ms) if self.entries else "",
            "conversations_with_stand_ins": self.conversations,
            "entries_not_told_apart": self.crowds,
        }


@dataclass(frozen=True, slots=True)
class Doomed:
    """What an erasure destroys: the keys ``marks`` of people who are mentioned. ``held``: entries that a legal hold keeps."""

    wanted: frozenset[Identifier]
    marks: frozenset[bytes]
    held: int
    crowds: int


def identifiers(said: Sequence[str]) -> frozenset[Identifier]:
    """Every reading of what somebody supplied. Raises ``NoIdentifier``."""
    if not said or len(said) > _MOST:
        raise NoIdentifier(f"name 1 to {_MOST} identifiers", where="IDENTIFIER")
    every = [readings(one) for one in said]
    for one, found in zip(said, every, strict=True):
        if not found:
            raise NoIdentifier(
                f"identifier {said.index(one) + 1} is too short to mean one person", where="IDENTIFIER",
                next_step="give an e-mail address, a telephone number with its country, or a value of 4 letters or more",
            )  # fmt: skip
    return frozenset(one for found in every for one in found)


def find(deployment: Deployment, said: Sequence[str], order: Order) -> Mentioned:
    """What mentions them. That it was looked for is recorded: by whom, why, and how much was found."""
    told, wanted = order.told(deployment), identifiers(said)
    entries = entries_of(deployment.engine, _marks(deployment, wanted))
    pruned = stand_ins(deployment).without(wanted, ())
    found = Mentioned(entries, len(pruned), _crowds(deployment))
    act = {**told, "identifiers": len(said), "found": found.counts()}
    deployment.admin_record.record_admin(COMMAND_LINE, "mentions.find", act)
    return found


def doomed(deployment: Deployment, said: Sequence[str]) -> Doomed:
    """What is destroyed with these identifiers; what people asked whose data must be kept is left as it is."""
    wanted, held = identifiers(said), deployment.erasures.held()
    marks = _marks(deployment, wanted)
    kept = {mark for mark, owner in marks.items() if owner in held}
    spared = len(entries_of(deployment.engine, kept)) if kept else 0
    return Doomed(wanted, frozenset(marks) - kept, spared, _crowds(deployment))


def stand_ins(deployment: Deployment) -> StandIns:
    """The stand-ins of conversations."""
    return StandIns(deployment.engine, deployment.sealer, lambda: deployment.levels, clock=now_ms, entropy=os.urandom)


def _marks(deployment: Deployment, wanted: frozenset[Identifier]) -> dict[bytes, str]:
    return deployment.ring.mentioned([(one.kind, one.value) for one in sorted(wanted)])


def _crowds(deployment: Deployment) -> int:
    marks = _marks(deployment, frozenset({CROWD}))
    return len(entries_of(deployment.engine, marks)) if marks else 0
