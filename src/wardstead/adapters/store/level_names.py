"""The names of levels that are stored: of people's clearances, of the marks of conversations, of what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Engine, String, func, inspect, select

from wardstead.adapters.store.tables.conversations import conversation
from wardstead.adapters.store.tables.directory import principal
from wardstead.adapters.store.tables.resources import resource

_HOLDERS: Final = {"people": principal, "conversations": conversation, "documents": resource}


def stored_level_names(engine: Engine) -> Mapping[str, Mapping[str, int]]:
    """How many people, conversations and documents have each level. An earlier version's database, which has ranks, has none."""
    found: dict[str, Mapping[str, int]] = {}
    with engine.connect() as connection:
        there = inspect(connection)
        for what, table in _HOLDERS.items():
            columns = {one["name"]: one["type"] for one in there.get_columns(table.name)} if there.has_table(table.name) else {}
            if isinstance(columns.get("level"), String):
                rows = connection.execute(select(table.c.level, func.count()).group_by(table.c.level))
                found[what] = {str(level): int(many) for level, many in rows}
    return found
