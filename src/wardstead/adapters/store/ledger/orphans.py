"""Intents whose worker died: nobody else will ever record what came of them."""

from __future__ import annotations

from sqlalchemy import Engine, delete, insert, select

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.ledger.lives import Lives
from wardstead.adapters.store.tables.ledger import entry, incarnation
from wardstead.adapters.store.transactions import write_transaction
from wardstead.kernel.clock import Clock
from wardstead.kernel.ids import ExchangeId
from wardstead.ledger.entry import unknown_outcome
from wardstead.ledger.ports import EntryKind


def recover_orphans(engine: Engine, lives: Lives, turn: Turn, clock: Clock) -> int:
    """Write ``outcome: unknown`` for every intent that a dead worker left open; how many there were."""
    with engine.connect() as connection:
        known = set(connection.execute(select(incarnation.c.id)).scalars())
    recovered = 0
    for worker in sorted(known | lives.heard_of()):
        with lives.departed(worker) as departed:
            if departed:
                recovered += _recover(engine, worker, turn, clock)
    return recovered


def _recover(engine: Engine, worker: str, turn: Turn, clock: Clock) -> int:
    outcome = entry.alias("outcome")
    unanswered = (
        select(entry.c.exchange, entry.c.subject)
        .outerjoin(outcome, (outcome.c.exchange == entry.c.exchange) & (outcome.c.kind == EntryKind.OUTCOME.value))
        .where(entry.c.worker == worker, outcome.c.id.is_(None))
        .order_by(entry.c.id)
    )
    with write_transaction(engine, turn) as connection:
        drafts = [unknown_outcome(ExchangeId(row.exchange), row.subject, clock()) for row in connection.execute(unanswered)]
        rows = [entry_values(draft) for draft in drafts]
        if rows:
            connection.execute(insert(entry), rows)
        connection.execute(delete(incarnation).where(incarnation.c.id == worker))
    return len(rows)
