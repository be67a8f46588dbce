"""How late it is at least: a clock that is set back does not bring back what has ended."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table

from wardstead.adapters.store.base import metadata

known_time = Table(
    "known_time",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("latest_ms", BigInteger, nullable=False),
    Column("accepted", Integer, nullable=False),
)
"""One row, written by recorders every minute. ``accepted``: how often somebody took an earlier time for the right one."""
