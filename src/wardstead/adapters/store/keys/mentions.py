"""Who is mentioned in others' exchanges: which entries take a person's keys, and which conversations have a stand-in for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update

from wardstead.adapters.store.tables.conversations import conversation
from wardstead.adapters.store.tables.ledger import entry, mention
from wardstead.adapters.store.transactions import read_transaction
from wardstead.inspection.identifiers import Identifier, readings
from wardstead.inspection.pseudonyms import Vault, load_stand_ins
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.labels import Levels
from wardstead.ledger.sealing import Sealer

_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class MentioningEntry:
    """An entry that identifies somebody: of whose exchange, and when."""

    exchange: str
    kind: str
    subject: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """A conversation's stand-ins without those for somebody, sealed; ``version``: of the conversation that was looked at."""

    conversation: str
    version: int
    vault: bytes | None
    stand_ins: int


def entries_of(engine: Engine, marks: Collection[bytes]) -> list[MentioningEntry]:
    """The entries that take any of these keys, the oldest first."""
    found: set[MentioningEntry] = set()
    wanted = sorted(marks)
    with read_transaction(engine) as connection:
        for at in range(0, len(wanted), _TOGETHER):
            query = (
                select(entry.c.exchange, entry.c.kind, entry.c.subject, entry.c.time_ms)
                .join(mention, (mention.c.exchange == entry.c.exchange) & (mention.c.kind == entry.c.kind))
                .where(mention.c.mark.in_(wanted[at : at + _TOGETHER]))
            )
            found |= {MentioningEntry(*row) for row in connection.execute(query)}
    return sorted(found, key=lambda one: (one.time_ms, one.exchange, one.kind))


class StandIns:
    """The stand-ins of conversations, as whoever has the keys sees them."""

    def __init__(self, engine: Engine, sealer: Sealer, levels: Callable[[], Levels], *, clock: Clock, entropy: Entropy) -> None:
        """``levels``: the deployment's."""
        self._engine, self._sealer, self._levels, self._clock, self._entropy = engine, sealer, levels, clock, entropy

    def without(self, wanted: Collection[Identifier], kept: Collection[str]) -> list[Pruned]:
        """Every conversation that has a stand-in for one of these, without it; not those of the subjects in ``kept``."""
        with read_transaction(self._engine) as connection:
            return list(self._pruned(connection, frozenset(wanted), kept, ()))

    def prune(self, connection: Connection, ones: Iterable[Pruned], wanted: Collection[Identifier]) -> int:
        """Write them, in the caller's transaction; how many stand-ins went. What changed meanwhile is looked at again."""
        gone, again = 0, []
        for one in ones:
            if self._write(connection, one):
                gone += one.stand_ins
            else:
                again.append(one.conversation)
        for one in self._pruned(connection, frozenset(wanted), (), again) if again else ():
            self._write(connection, one)
            gone += one.stand_ins
        return gone

    def _write(self, connection: Connection, one: Pruned) -> bool:
        # A new version: whoever has the old stand-ins in memory decides again, and never writes them back.
        values = {"vault": one.vault, "version": max(one.version + 1, self._clock())}
        which = (conversation.c.id == one.conversation) & (conversation.c.version == one.version)
        return connection.execute(update(conversation).where(which).values(values)).rowcount == 1

    def _pruned(
        self, connection: Connection, wanted: frozenset[Identifier], kept: Collection[str], only: Collection[str]
    ) -> Iterable[Pruned]:
        query = select(conversation.c.id, conversation.c.owner, conversation.c.version, conversation.c.vault)
        query = query.where(conversation.c.vault.is_not(None))
        for row in connection.execute(query.where(conversation.c.id.in_(only)) if only else query):
            if row.owner in kept:
                continue
            try:
                found = load_stand_ins(self._sealer.open_kept(row.owner, row.id, row.vault), self._levels())
            except IntegrityError:
                # Its key was destroyed, or it was altered: nobody can open it, and it must not keep anybody from being erased.
                continue
            left = [one for one in found if not wanted & set(readings(one.original))]
            if len(left) < len(found):
                vault = Vault(self._entropy, lambda _text: True, left)
                sealed = self._sealer.seal_kept(row.owner, row.id, vault.dump()) if left else None
                yield Pruned(row.id, row.version, sealed, len(found) - len(left))
