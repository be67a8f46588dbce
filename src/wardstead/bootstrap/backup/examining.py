"""Whether a copy of a deployment's database is whole: pages, tree, signatures, and every ciphertext that has a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, inspect

from wardstead.adapters.store.base import reading_engine
from wardstead.adapters.store.engine.dialect import driven
from wardstead.adapters.store.engine.snapshot import require_sound
from wardstead.adapters.store.keys.sealed_rows import open_everything
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.adapters.store.migrate import revision
from wardstead.adapters.store.tables.row_seals import row_seal_head
from wardstead.adapters.store.transactions import explained, read_transaction
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.verify import Problem

_PAGE = 50
_TOLD = 3


@dataclass(slots=True)
class Examined:
    """What was found. ``opened``, ``erased``: ciphertexts of entries, and of what is kept beside them."""

    entries: int
    opened: int
    erased: int
    migration: str
    problems: list[Problem] = field(default_factory=list)

    def require_whole(self, where: str) -> None:
        """Raises ``IntegrityError``, which names the first problems."""
        if self.problems:
            told = "; ".join(f"{one.code}: {one.where}: {one.what}" for one in self.problems[:_TOLD])
            more = f"; {len(self.problems) - _TOLD} more" if len(self.problems) > _TOLD else ""
            raise IntegrityError(
                "what is recorded is not whole",
                where=where,
                why=f"{told}{more}",
                next_step="'wardstead ledger verify' names everything",
            )


def examine(deployment: Deployment, copy: Path, known: Sequence[str], progress: Callable[[int, int], None]) -> Examined:
    """Look at all of ``copy``, a database that nobody writes to, with the keys of ``deployment``; ``known`` are checkpoints."""
    require_sound(copy)
    engine = reading_engine(f"sqlite:///{copy}")
    try:
        migration = revision(engine)
        reader = LedgerReader(engine, deployment.keys.verifying(), page=_PAGE)
        total = reader.size() or 0
        report = reader.verify(clock=now_ms, known=known, progress=lambda count: progress(count, 2 * total))
        contents = reader.verify_contents(deployment.ring, lambda count: progress(total + count, 2 * total))
        beside = open_everything(engine, deployment.ring, deployment.levels)
        rows = _rows(deployment, engine)
    finally:
        engine.dispose()
    return Examined(
        report.entries, contents.opened + beside.opened, contents.erased + beside.erased, migration,
        [*report.problems, *contents.problems, *beside.problems, *rows],
    )  # fmt: skip


def _rows(deployment: Deployment, engine: Engine) -> list[Problem]:
    """One of an earlier version has no seals."""
    with explained(), read_transaction(engine) as connection, driven(connection) as driver:
        there = inspect(connection).has_table(row_seal_head.name)
        return deployment.row_seals.check(driver) if there else []
