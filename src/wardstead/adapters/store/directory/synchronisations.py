"""How reading each directory went, the last time: kept so that whoever looks sees when what is known is old."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.tables.provisioning import synchronisation


@dataclass(frozen=True, slots=True)
class Synchronised:
    """``problem``: what was wrong at the last try; empty, nothing."""

    tried_ms: int
    succeeded_ms: int | None
    problem: str
    people: int


class Synchronisations:
    """Over the directory's store. Blocking. Changes no decision, so the directory's version stays."""

    def __init__(self, directory: DirectoryStore) -> None:
        """Over the directory's database."""
        self._directory = directory

    def last(self, source: str) -> Synchronised | None:
        """The last try."""
        with self._directory.reading() as connection:
            row = connection.execute(select(synchronisation).where(synchronisation.c.source == source)).first()
        return Synchronised(row.tried_ms, row.succeeded_ms, row.problem, row.people) if row is not None else None

    def note(self, source: str, tried_ms: int, problem: str, people: int) -> None:
        """How a try went."""
        before = self.last(source)
        succeeded = tried_ms if not problem else before.succeeded_ms if before is not None else None
        known = people if not problem else before.people if before is not None else 0
        values = {"source": source, "tried_ms": tried_ms, "succeeded_ms": succeeded, "problem": problem[:400], "people": known}
        with self._directory.writing("how reading a directory went cannot be noted") as connection:
            connection.execute(delete(synchronisation).where(synchronisation.c.source == source))
            connection.execute(insert(synchronisation).values(values))
