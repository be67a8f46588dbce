"""Which of many expressions occur in a text: one pass of Hyperscan over it, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hyperscan

TOGETHER = 40
"""So many expressions share an automaton: more take minutes to compile."""


ALL = 1 << 20
"""Of plain words and of patterns with a mark of their own, any number may share one."""


class Scanner:
    """Expressions with numbers, compiled together. Safe for threads."""

    __slots__ = ("_databases", "_scratches")

    def __init__(self, expressions: Mapping[int, str], together: int = TOGETHER) -> None:
        """Raises ``hyperscan.error`` for one that it refuses."""
        numbered = list(expressions.items())
        self._databases = [_database(dict(numbered[at : at + together])) for at in range(0, len(numbered), together)]
        # Two scans at a time must not share their scratch space: each takes one, and puts it back.
        self._scratches = [self._scratch()]

    def hits(self, data: bytes) -> list[int]:
        """The numbers of those that occur somewhere in ``data``: none is left out."""
        hits: list[int] = []
        if not self._databases:
            return hits
        try:
            scratches = self._scratches.pop()
        except IndexError:
            scratches = self._scratch()
        for database, scratch in scratches:
            database.scan(data, _note, context=hits, scratch=scratch)
        self._scratches.append(scratches)
        return hits

    def _scratch(self) -> list[tuple[Any, Any]]:
        return [(database, hyperscan.Scratch(database)) for database in self._databases]


def _database(expressions: Mapping[int, str]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
    database.compile(
        expressions=[one.encode() for one in expressions.values()],
        ids=list(expressions),
        elements=len(expressions),
        flags=[flags] * len(expressions),
    )
    return database


def _note(number: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(number)
