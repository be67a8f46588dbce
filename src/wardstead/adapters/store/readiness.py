"""Whether workers are ready for a version before it is put in force: the question, and what each of them answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select

from wardstead.access.policyset import AccessPolicies
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.ledger.lives import Lives, living
from wardstead.adapters.store.policies import keep_version
from wardstead.adapters.store.tables.policies import policy_answer, policy_ask
from wardstead.adapters.store.transactions import explained, read_transaction, write_transaction
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import WardsteadError
from wardstead.kernel.ids import uuid7

Ask = NewType("Ask", str)
_FORGOTTEN_MS = 600_000
"""Whoever asked so long ago was killed while they waited."""


class Refused(msgspec.Struct, frozen=True):
    """Why a worker could not go by a version; empty for one that is ready."""

    code: str = ""
    what: str = ""
    where: str = ""
    why: str = ""
    next_step: str = ""


READY = Refused()


class Readiness:
    """Questions and answers over SQLAlchemy. Blocking. Nothing here decides anything: what is lost is asked again."""

    def __init__(self, engine: Engine, turn: Turn, lives: Lives, *, clock: Clock, entropy: Entropy) -> None:
        """``lives`` says who has to answer."""
        self._engine, self._turn, self._lives, self._clock, self._entropy = engine, turn, lives, clock, entropy

    def living(self) -> set[str]:
        """The workers that have to be ready."""
        with explained():
            return living(self._engine, self._lives)

    def ask(self, policies: AccessPolicies) -> Ask:
        """Have every worker get ready for compiled policies. ``take_back`` it in the end."""
        now = self._clock()
        made = Ask(uuid7(now, self._entropy(10)))
        with explained(), write_transaction(self._engine, self._turn, durable=False) as connection:
            keep_version(connection, policies, now)
            for old in connection.execute(select(policy_ask.c.id).where(policy_ask.c.asked_ms < now - _FORGOTTEN_MS)).scalars():
                _remove(connection, Ask(old))
            connection.execute(insert(policy_ask).values(id=made, version=policies.version, asked_ms=now))
        return made

    def take_back(self, ask: Ask) -> None:
        """Nobody waits for it any more."""
        with explained(), write_transaction(self._engine, self._turn, durable=False) as connection:
            _remove(connection, ask)

    def answers(self, ask: Ask) -> Mapping[str, Refused]:
        """What workers said so far."""
        with explained(), read_transaction(self._engine) as connection:
            rows = connection.execute(select(policy_answer).where(policy_answer.c.ask == ask)).all()
        return {row.worker: msgspec.json.decode(row.refused, type=Refused) if row.refused else READY for row in rows}

    def unanswered(self, worker: str) -> list[tuple[Ask, str]]:
        """What this worker has not answered, the oldest first, with the version that is meant."""
        mine = select(policy_answer.c.ask).where(policy_answer.c.worker == worker)
        query = select(policy_ask.c.id, policy_ask.c.version).where(policy_ask.c.id.not_in(mine)).order_by(policy_ask.c.id)
        with explained(), read_transaction(self._engine) as connection:
            return [(Ask(row.id), row.version) for row in connection.execute(query)]

    def answer(self, ask: Ask, worker: str, error: WardsteadError | None) -> None:
        """This worker is ready, or cannot be."""
        refused = "" if error is None else msgspec.json.encode(Refused(**error.diagnostics())).decode()
        with explained(), write_transaction(self._engine, self._turn, durable=False) as connection:
            connection.execute(insert(policy_answer).values(ask=ask, worker=worker, refused=refused))


def _remove(connection: Connection, ask: Ask) -> None:
    connection.execute(delete(policy_answer).where(policy_answer.c.ask == ask))
    connection.execute(delete(policy_ask).where(policy_ask.c.id == ask))
