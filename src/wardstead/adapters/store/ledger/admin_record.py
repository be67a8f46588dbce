"""Acts of administration, in the same ledger and under the same seal as exchanges."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import DatabaseError

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import why
from wardstead.adapters.store.engine.dialect import driven
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.row_seals import sealing
from wardstead.adapters.store.tables.ledger import entry
from wardstead.adapters.store.transactions import write_transaction
from wardstead.crypto.row_seals import Known
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import BackendError
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.ledger.ports import Draft
from wardstead.ledger.sealing import Sealer

COMMAND_LINE = "system"
"""The actor of an act that nobody signed in for: somebody ran a command on the machine."""


class AdminRecord:
    """Records what administrators do. ``append`` joins the caller's transaction: the act and its record, or neither."""

    def __init__(
        self, engine: Engine, sealer: Sealer, turn: Turn, *, clock: Clock, entropy: Entropy,
        operator: Callable[[], Mapping[str, object]] = dict,
    ) -> None:  # fmt: skip
        """``turn``: this process's own, on the deployment's ``run/ledger.turn``. ``operator``: who runs this process."""
        self._engine, self._sealer, self._turn, self._clock, self._entropy = engine, sealer, turn, clock, entropy
        self._operator = operator

    def record_admin(self, actor: str, action: str, details: Mapping[str, object]) -> ExchangeId:
        """Record an act by itself; durable on return, ``BackendError`` otherwise. Sealed under the ``actor``'s subject key."""
        try:
            with write_transaction(self._engine, self._turn) as connection:
                draft = self._draft(connection, actor, action, details)
                connection.execute(insert(entry), entry_values(draft))
        except DatabaseError as error:
            raise BackendError("the act cannot be recorded", why=why(error), next_step="it was not carried out") from None
        return draft.exchange

    def append(self, connection: Connection, actor: str, action: str, details: Mapping[str, object]) -> ExchangeId:
        """Record an act within a write transaction that the caller commits."""
        draft = self._draft(connection, actor, action, details)
        connection.execute(insert(entry), entry_values(draft))
        return draft.exchange

    def _draft(self, connection: Connection, actor: str, action: str, details: Mapping[str, object]) -> Draft:
        now_ms = self._clock()
        seal = self._sealer.begin(actor, ExchangeId(uuid7(now_ms, self._entropy(10))))
        told = {**details, "by": "command line", **self._operator()} if actor == COMMAND_LINE else dict(details)
        said = {"actor": actor, "action": action, "details": told, **_rows(connection)}
        return seal.admin(canonical_json(said), now_ms)


def rows_in(content: bytes) -> Known | None:
    """What an act says of the rows before it; ``None`` for one of before they were sealed."""
    said = json.loads(content).get("rows")
    return Known(said["version"], said["tag"]) if said else None


def _rows(connection: Connection) -> dict[str, object]:
    """How far the seals of rows had come before this act: the tree commits to them with it."""
    seals = sealing(connection.engine)
    if seals is None:
        return {}
    with driven(connection) as driver:
        head = seals.head(driver)
    if head is None:
        return {}
    known = seals.known(head)
    return {"rows": {"version": known.version, "tag": known.tag}}
