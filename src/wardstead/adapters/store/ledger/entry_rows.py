"""Drafts as rows of the table ``entry``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from wardstead.adapters.store.engine.dialect import Driver
from wardstead.ledger.ports import Draft

COLUMNS = ("exchange", "kind", "header", "body", "subject", "time_ms", "worker", "outcome")
"""All but the id, which the database gives."""
_MENTION: Final = "INSERT INTO mention (mark, exchange, kind) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


def entry_row(draft: Draft, worker: str | None = None) -> tuple[Any, ...]:
    """The values of ``COLUMNS``. ``worker`` owes the outcome of an intent."""
    return (
        draft.exchange,
        draft.kind.value,
        draft.header,
        draft.body,
        draft.subject,
        draft.time_ms,
        worker,
        draft.outcome,
    )


def entry_values(draft: Draft) -> dict[str, Any]:
    """The same by name; nobody owes anything for it."""
    return dict(zip(COLUMNS, entry_row(draft), strict=True))


def keep_mentions(connection: Driver, drafts: Iterable[Draft]) -> None:
    """Note who is mentioned in which entry, in the transaction that writes it."""
    rows = [(mark, draft.exchange, draft.kind.value) for draft in drafts for mark in draft.mentions]
    if rows:
        connection.executemany(_MENTION, rows)
