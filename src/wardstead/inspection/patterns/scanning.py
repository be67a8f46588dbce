"""Which of many expressions occur in a text: one pass of Hyperscan over it, whatever their number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import hyperscan

TOGETHER = 40
"""So many expressions share an automaton: more take minutes to compile."""


ALL = 1 << 20
"""Of plain words and of patterns with a mark of their own, any number may share one."""


class Kept(Protocol):
    """Keeps what took long to compile, from one start to the next. It may forget, and gives back only what it was given.

    INVARIANT: nobody else can change what it gives: the engine trusts a compiled automaton.
    """

    def get(self, name: str) -> bytes | None:
        """What was put under this name."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Keep it, if that can be done. Raises nothing."""
        ...


class Scanner:
    """Expressions with numbers, compiled together. Safe for threads."""

    __slots__ = ("_databases", "_scratches")

    def __init__(
        self,
        expressions: Mapping[int, str],
        together: int = TOGETHER,
        kept: Kept | None = None,
        *,
        apart: Sequence[Mapping[int, str]] = (),
    ) -> None:
        """``apart``: others, each of which has an automaton of its own. Raises ``hyperscan.error`` for one that it refuses."""
        numbered = list(expressions.items())
        shared = [dict(numbered[at : at + together]) for at in range(0, len(numbered), together)]
        self._databases = [_kept(some, kept) for some in (*shared, *apart)]
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
        for scan, scratch in scratches:
            scan(data, _note, 0, hits, scratch)  # by place: of a piece of a stream, names cost as much as the scan
        self._scratches.append(scratches)
        return hits

    def _scratch(self) -> list[tuple[Callable[..., object], Any]]:
        return [(database.scan, hyperscan.Scratch(database)) for database in self._databases]


_FLAGS: Final = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL


def _kept(expressions: Mapping[int, str], kept: Kept | None) -> Any:
    """The database of these expressions, compiled unless it was before."""
    if kept is None:
        return _database(expressions)
    name = sha256(repr((_FLAGS, sorted(expressions.items()))).encode()).hexdigest()
    data = kept.get(name)
    if data is not None:
        try:
            return hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        except hyperscan.error:
            pass  # another version of the engine wrote it: compiled anew
    database = _database(expressions)
    kept.put(name, hyperscan.dumpb(database))
    return database


def _database(expressions: Mapping[int, str]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[one.encode() for one in expressions.values()],
        ids=list(expressions),
        elements=len(expressions),
        flags=[_FLAGS] * len(expressions),
    )
    return database


def _note(number: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(number)
