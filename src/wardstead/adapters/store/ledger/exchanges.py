"""Lists of exchanges: all of them, or those in the situations in which somebody may know of them, as one question.

An exchange's label is sealed, and nothing here stands for it: that an exchange took place is decided without it, what was said
in it is decided when it is opened (docs/adr/0029-lists-without-labels.md). Beside its label an exchange is told apart by its
id, whose it is, and its conversation. Rows that touch no name are not looked for to be decided about: there are four kinds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Engine, Select, func, select, union
from sqlalchemy.sql import tuple_

from wardstead.access.filtering import NONE, Sample, Situation
from wardstead.access.ports import Container, Resource
from wardstead.adapters.store.content.situations import TOGETHER, Known, Names
from wardstead.adapters.store.tables.conversations import said_in
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.ledger import entry
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.ids import PrincipalId
from wardstead.ledger.ports import EntryKind

_INTENT: Final = entry.c.kind == EntryKind.INTENT.value
_ADMIN: Final = entry.c.kind == EntryKind.ADMIN.value
_SHOWN: Final = (EntryKind.INTENT.value, EntryKind.ADMIN.value)
"""Outcomes stand with their intents, and a change of the ledger's key with the act that ordered it."""
_NAMELESS: Final = tuple(Situation("", owner, within) for owner in ("", NONE) for within in ("", NONE))


@dataclass(frozen=True, slots=True)
class ExchangeSummary:
    """One exchange (or act of administration) in a list: no content. ``outcome`` is empty while it is open."""

    id: str
    kind: str
    entry_id: int
    subject: str
    time: str
    outcome: str
    conversation: str = ""
    """That it belongs to, where that is known."""


class Exchanges:
    """The lists over SQLAlchemy. Blocking."""

    def __init__(self, engine: Engine) -> None:
        """Over an engine with the ledger's and the directory's tables."""
        self._engine = engine

    def samples(self, names: Collection[str]) -> list[Sample]:
        """Every situation in which an exchange can be, each with an exchange that is in it."""
        said = Names(names)
        columns = _situation(said)
        touched = entry.c.id.in_(_touching(said))
        grouped = _placed(select(*columns, func.min(entry.c.exchange))).where(_INTENT, touched).group_by(*columns)
        with self._engine.connect() as connection:
            rows = connection.execute(grouped).all()
            found: dict[str, Resource] = {}
            for at in range(0, len(rows), TOGETHER):
                ids = [row[3] for row in rows[at : at + TOGETHER]]
                asked = _placed(select(entry.c.exchange, principal.c.id, said_in.c.conversation))
                for one in connection.execute(asked.where(_INTENT, entry.c.exchange.in_(ids))):
                    found[one[0]] = _resource(*one)
        made = [Sample(Situation(*row[:3]), found[row[3]]) for row in rows if row[3] in found]
        return [*made, *_nameless(names)]

    def page(self, known: Known, subject: str, *, before: int | None, limit: int) -> list[ExchangeSummary]:
        """The newest of those that somebody may know of, their own acts of administration (of ``subject``) among them; those
        before an ``entry_id``."""
        older = [entry.c.id < before] if before is not None else []
        with self._engine.connect() as connection:
            pages = [summaries(connection, [one, *older], limit) for one in _conditions(known, subject)]
        return sorted((one for page in pages for one in page), key=lambda one: -one.entry_id)[:limit]

    def count(self, known: Known, subject: str) -> int:
        """How many exchanges and acts there are that somebody may know of."""
        with self._engine.connect() as connection:
            asked = [_placed(select(func.count())).where(one) for one in _conditions(known, subject)]
            return sum(connection.execute(one).scalar_one() for one in asked)


def summaries(connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[ExchangeSummary]:
    """The newest exchanges and acts of administration of which these hold."""
    outcome = entry.alias("outcome")
    ended = (outcome.c.exchange == entry.c.exchange) & (outcome.c.kind == EntryKind.OUTCOME.value)
    shown = select(
        entry.c.id, entry.c.exchange, entry.c.kind, entry.c.subject, entry.c.time_ms, outcome.c.outcome.label("ended"),
        said_in.c.conversation,
    )  # fmt: skip
    query = (
        _placed(shown)
        .outerjoin(outcome, ended)
        .where(entry.c.kind.in_(_SHOWN), *conditions)
        .order_by(entry.c.id.desc())
        .limit(limit)
    )
    return [
        ExchangeSummary(
            row.exchange, row.kind, row.id, row.subject, rfc3339(row.time_ms), row.ended or "", row.conversation or ""
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _conditions(known: Known, subject: str) -> list[ColumnElement[bool]]:
    """Which rows, in a few conditions that have no row in common."""
    said = Names(known.names)
    named = tuple_(*_situation(said))
    parts = [known.situations[at : at + TOGETHER] for at in range(0, len(known.situations), TOGETHER)]
    chosen = [_INTENT & named.in_([one[:3] for one in part]) for part in parts]
    if not any(one in _NAMELESS for one in known.situations):  # then not all rows are looked at
        chosen = [entry.c.id.in_(_touching(said)) & one for one in chosen]
    return [*chosen, _ADMIN & (entry.c.subject == subject)]


def _placed(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(entry)
        .outerjoin(said_in, said_in.c.exchange == entry.c.exchange)
        .outerjoin(principal, principal.c.subject == entry.c.subject)
    )


def _situation(said: Names) -> tuple[Any, ...]:
    """The first columns of ``Situation``: of the rest an exchange has nothing, or nothing new."""
    return (said.named(entry.c.exchange), said.named_or_none(principal.c.id), said.named_or_none(said_in.c.conversation))


def _touching(said: Names) -> CompoundSelect[Any]:
    """The ids of the rows that one of the names is about."""
    whose = select(principal.c.subject).where(principal.c.id.in_(said.known))
    inside = select(said_in.c.exchange).where(said_in.c.conversation.in_(said.known))
    return union(
        select(entry.c.id).where(entry.c.exchange.in_(said.known)),
        select(entry.c.id).where(entry.c.subject.in_(whose)),
        select(entry.c.id).where(entry.c.exchange.in_(inside)),
    )


def _nameless(names: Collection[str]) -> list[Sample]:
    """Exchanges that touch no name: with an owner or without, in a conversation or in none."""
    other = next(one for one in map(str, count()) if one not in names)
    return [
        Sample(one, _resource(other, None if one.owner == NONE else other, None if one.within == NONE else other))
        for one in _NAMELESS
    ]


def _resource(exchange: str, owner: str | None, conversation: str | None) -> Resource:
    whose = PrincipalId(owner) if owner is not None else None
    within = (Container("Conversation", conversation, whose),) if conversation is not None else ()
    return Resource("Exchange", exchange, owner=whose, within=within)
