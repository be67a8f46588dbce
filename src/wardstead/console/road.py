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
Point = tuple[int, int]
FENCE: Final = 9
"""How far the sandbox's fence stands from the model's box."""


@dataclass(frozen=True, slots=True)
class Station:
    """A box of the picture. ``state`` is ``None`` for what nothing was checked of."""

    name: str
    does: str
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
    def middle(self) -> Point:
        """The centre."""
        return self.x + self.width // 2, self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """A line between two boxes, with the place of its label."""

    label: str
    state: State | None
    points: tuple[Point, ...]
    label_at: Point
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
    client, gateway, model, ledger = _stations(checks, ((8, 14), (346, 14), (684, 14), (346, 174)), 200)
    across, down = gateway.middle[1], gateway.middle[0]
    tls, inside, record = _states(checks)
    stretches = (
        Stretch("TLS", tls, ((client.x + 200, across), (gateway.x, across)), (277, across - 10)),
        Stretch("unix socket", inside, ((gateway.x + 200, across), (model.x - FENCE, across)), (610, across - 10)),
        Stretch("intent before, outcome after", record, ((down, 106), (down, ledger.y)), (down + 12, 145), "start"),
    )
    return Picture("wide", 894, 276, (client, gateway, model, ledger), stretches)


def tall(checks: Sequence[Check]) -> Picture:
    """One above the other; the way to the ledger goes around the model."""
    client, gateway, model, ledger = _stations(checks, ((48, 8), (48, 144), (48, 290), (48, 436)), 216)
    down = gateway.middle[0]
    around = ((48, gateway.middle[1]), (16, gateway.middle[1]), (16, ledger.middle[1]), (48, ledger.middle[1]))
    tls, inside, record = _states(checks)
    stretches = (
        Stretch("TLS", tls, ((down, 100), (down, gateway.y)), (down + 12, 127), "start"),
        Stretch("unix socket", inside, ((down, 236), (down, model.y - FENCE)), (down + 12, 263), "start"),
        Stretch("intent before, outcome after", record, around, (48, 422), "start"),
    )
    return Picture("tall", 276, 540, (client, gateway, model, ledger), stretches)


def _states(checks: Sequence[Check]) -> tuple[State | None, State | None, State | None]:
    return state_of(checks, "tls"), state_of(checks, "isolation", "model"), state_of(checks, "ledger")


def _stations(checks: Sequence[Check], places: Sequence[Point], width: int) -> list[Station]:
    client, gateway, model, ledger = places
    return [
        Station("Client", "people and programs", None, *client, width, outside=True),
        Station("Gateway", "identify, inspect, decide", state_of(checks, "tls", "keys"), *gateway, width),
        Station("Model", "in its sandbox", state_of(checks, "isolation", "model"), *model, width, fenced=True),
        Station("Ledger", "sealed, append-only", state_of(checks, "ledger", "keys"), *ledger, width),
    ]
