"""How far the replacement of the root key is, and who takes part: what the gateways of a database tell one another of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from wardstead.adapters.store.engine.functions import NowMs
from wardstead.adapters.store.tables.root import root_gateway, root_rotation
from wardstead.kernel.errors import BackendError

BEAT_S: Final = 5.0
"""So often a gateway of several says that it runs."""
_GONE_MS: Final = 30_000
"""One that said nothing for so long does not run any more."""


class Step(StrEnum):
    """How far a gateway is."""

    RUNS = "runs"
    ASKS = "asks"
    HAS = "has"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Rotation:
    """The replacement that is under way. ``old``, ``new``: ids of root keys; ``moved``: the database lies under the new one."""

    id: str
    old: str
    new: str
    begun_at: str
    begun_ms: int
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Who:
    """A gateway among those of its database, and how people know it."""

    id: str
    place: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway of the database. ``live``: it was heard of lately."""

    id: str
    place: str
    rotation: str
    step: Step
    request: bytes | None
    answer: bytes | None
    live: bool

    def at(self, rotation: Rotation) -> Step:
        """How far it is with this one."""
        return self.step if self.rotation == rotation.id else Step.RUNS


def under_way(connection: Connection) -> Rotation | None:
    """The replacement that is under way; ``None`` while there is none."""
    row = connection.execute(select(root_rotation)).first()
    return None if row is None else Rotation(row.rotation, row.old, row.new, row.begun_at, row.begun_ms, bool(row.moved))


def require_none(connection: Connection) -> None:
    """Raises ``BackendError`` while one is under way: what is sealed now would lie under the old root key."""
    if under_way(connection) is not None:
        raise BackendError(
            "another root key is taking the place of this one", next_step="'wardstead keys rotate --root' ends it; then try again"
        )


def begin(connection: Connection, one: Rotation) -> None:
    """Within a write transaction: from now on gateways ask for the new root key. What was left of an earlier one goes.

    Raises ``BackendError`` where one is under way.
    """
    require_none(connection)
    connection.execute(update(root_gateway).values(rotation="", step=Step.RUNS.value, request=None, answer=None))
    values = {"rotation": one.id, "old": one.old, "new": one.new, "begun_at": one.begun_at, "begun_ms": one.begun_ms}
    connection.execute(insert(root_rotation).values(id=1, moved=0, **values))


def mark_moved(connection: Connection) -> None:
    """Within the write transaction that moves the last of the database."""
    connection.execute(update(root_rotation).values(moved=1))


def end(connection: Connection, one: Rotation) -> list[str]:
    """Within a write transaction: it is done. Where the gateways were that run no more: they are forgotten.

    Raises ``BackendError`` where somebody has ended it.
    """
    if connection.execute(delete(root_rotation).where(root_rotation.c.rotation == one.id)).rowcount == 0:
        raise BackendError(
            "the replacement of the root key was ended elsewhere", where=one.begun_at, next_step="nothing: it is done"
        )
    gone = [known for known in gateways(connection) if not known.live]
    connection.execute(delete(root_gateway).where(root_gateway.c.gateway.in_([known.id for known in gone])))
    return [known.place for known in gone]


def gateways(connection: Connection) -> list[Gateway]:
    """All that are known."""
    rows = connection.execute(select(root_gateway, NowMs().label("now_ms")).order_by(root_gateway.c.place))
    return [
        Gateway(
            row.gateway, row.place, row.rotation, Step(row.step), row.request, row.answer, row.now_ms - row.seen_ms < _GONE_MS
        )
        for row in rows
    ]


def tell(connection: Connection, who: Who, rotation: str, step: Step, request: bytes | None = None) -> None:
    """Within a write transaction: this gateway runs, and is so far. What it was given goes, unless it still asks the same."""
    told = {"place": who.place, "rotation": rotation, "step": step.value, "request": request, "seen_ms": NowMs()}
    found = root_gateway.c.gateway == who.id
    same = connection.execute(select(root_gateway.c.request).where(found)).first()
    if same is None:
        connection.execute(insert(root_gateway).values(gateway=who.id, **told))
        return
    if request is None or same.request != request:
        told["answer"] = None
    connection.execute(update(root_gateway).where(found).values(**told))


def answer(connection: Connection, one: Gateway, sealed: bytes) -> None:
    """Within a write transaction: give it what it asked for, if it still asks the same."""
    asked = (root_gateway.c.gateway == one.id) & (root_gateway.c.request == one.request)
    connection.execute(update(root_gateway).where(asked).values(answer=sealed))


def leave(connection: Connection, who: Who) -> None:
    """Within a write transaction: this gateway stops."""
    connection.execute(delete(root_gateway).where(root_gateway.c.gateway == who.id))
