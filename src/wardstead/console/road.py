"""The picture on the Overview: the road of an exchange, with the state of what protects each stretch of it.

Geometry is computed here and drawn by a template, once wide and once tall: no script, no inline style.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wardstead.isolation.posture import Check, State, overall

WORDS: Final = {State.GREEN: "holds", State.AMBER: "could be better", State.RED: "does not hold"}
UNKNOWN: Final = "not checked"
FENCE: Final = 9
"""How far the sandbox's fence stands from the model's box."""


@dataclass(frozen=True, slots=True)
class Station:
    """A box of the picture. ``state`` is ``None`` for what nothing was checked of."""

    name: str
    does: str
    brief: str
    """The same in fewer words, for a narrow box."""
    state: State | None
    x: int
    y: int
    width: int
    height: int = 92
    fenced: bool = False
    outside: bool = False
    """It is not ours to protect."""

    @property
    def word(self) -> str:
        """The state as a word: colour alone says nothing to many readers."""
        if self.outside:
            return "not ours to protect"
        return WORDS[self.state] if self.state else UNKNOWN

    @property
    def middle(self) -> tuple[int, int]:
        """The centre."""
        return self.x + self.width // 2, self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """A line between two boxes, with the place of its label."""

    label: str
    state: State | None
    start: tuple[int, int]
    end: tuple[int, int]
    label_at: tuple[int, int]
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing: its size, and everything in it. ``name`` is ``wide``, or ``tall`` for narrow screens."""

    name: str
    width: int
    height: int
    stations: tuple[Station, ...]
    stretches: tuple[Stretch, ...]

    @property
    def description(self) -> str:
        """The picture in words, for those who do not see it."""
        return "; ".join(f"{one.name}: {one.word}" for one in self.stations)


def state_of(checks: Sequence[Check], *prefixes: str) -> State | None:
    """The worst state of the checks whose id is, or begins with, one of ``prefixes``; ``None`` when there is none."""
    fitting = [one for one in checks if one.id in prefixes or one.id.startswith(tuple(f"{p}." for p in prefixes))]
    return overall(fitting) if fitting else None


def wide(checks: Sequence[Check]) -> Picture:
    """Client, gateway and model in a row; the ledger under the gateway."""
    client, gateway, model, ledger = _stations(checks, ((8, 16), (268, 16), (536, 16), (268, 176)), 176)
    tls, inside, record = _states(checks)
    across = gateway.middle[1]
    return Picture(
        "wide",
        728,
        280,
        (client, gateway, model, ledger),
        (
            Stretch("TLS", tls, (client.x + client.width, across), (gateway.x, across), (226, across - 10)),
            Stretch("unix socket", inside, (gateway.x + gateway.width, across), (model.x - FENCE, across), (486, across - 10)),
            Stretch(
                "intent before, outcome after", record, (356, gateway.y + gateway.height), (356, ledger.y), (368, 147), "start"
            ),
        ),
    )


def tall(checks: Sequence[Check]) -> Picture:
    """Client, then gateway, then model and ledger side by side."""
    client, gateway, model, ledger = _stations(checks, ((66, 8), (66, 150), (FENCE + 1, 302), (152, 302)), 130)
    tls, inside, record = _states(checks)
    down, below = gateway.middle[0], gateway.y + gateway.height
    return Picture(
        "tall",
        290,
        410,
        (client, gateway, model, ledger),
        (
            Stretch("TLS", tls, (down, client.y + client.height), (down, gateway.y), (down + 10, 130), "start"),
            Stretch("socket", inside, (100, below), (model.middle[0], model.y - FENCE), (70, 270), "end"),
            Stretch("record", record, (164, below), (ledger.middle[0], ledger.y), (212, 270), "start"),
        ),
    )


def _states(checks: Sequence[Check]) -> tuple[State | None, State | None, State | None]:
    return state_of(checks, "tls"), state_of(checks, "isolation", "model"), state_of(checks, "ledger")


def _stations(checks: Sequence[Check], places: Sequence[tuple[int, int]], width: int) -> list[Station]:
    client, gateway, model, ledger = places
    return [
        Station("Client", "people and programs", "people, programs", None, *client, width, outside=True),
        Station("Gateway", "identify, inspect, decide", "governs", state_of(checks, "tls", "keys"), *gateway, width),
        Station("Model", "in its sandbox", "in its sandbox", state_of(checks, "isolation", "model"), *model, width, fenced=True),
        Station("Ledger", "sealed, append-only", "append-only", state_of(checks, "ledger", "keys"), *ledger, width),
    ]
