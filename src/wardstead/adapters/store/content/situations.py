"""Rows told apart by what policies can tell apart, in the words of SQL: see ``access.filtering``."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy import case, literal, select

from wardstead.access.filtering import NONE, Situation
from wardstead.adapters.store.engine.functions import Each

TOGETHER: Final = 500
"""So many situations, or ids, stand in one question."""


@dataclass(frozen=True, slots=True)
class Known:
    """The situations in which somebody may, told apart by these names."""

    names: frozenset[str]
    situations: Sequence[Situation]


@dataclass(frozen=True)
class Names:
    """The names that are not as any other."""

    names: Collection[str]

    @cached_property
    def known(self) -> Any:
        """All of them, as one parameter, however many."""
        return select(Each(literal(json.dumps(sorted(self.names)))).table_valued("value").c.value)

    def named(self, column: Any) -> Any:
        """The column, where it is one of the names; else it is as any other."""
        return case((column.in_(self.known), column), else_="")

    def named_or_none(self, column: Any) -> Any:
        """The same of a column that may have no value."""
        return case((column.is_(None), NONE), (column.in_(self.known), column), else_="")
