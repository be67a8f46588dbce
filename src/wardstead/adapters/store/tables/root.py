"""The replacement of the root key while everything runs: the one that is under way, and the gateways that take part."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

root_rotation = Table(
    "root_rotation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rotation", String(36), nullable=False),
    Column("old", String(16), nullable=False),
    Column("new", String(16), nullable=False),
    Column("moved", Integer, nullable=False),
    Column("begun_at", Text, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
)
"""One row while there is one. ``old`` and ``new`` are ids of root keys; ``moved``: the database lies under the new one."""

root_gateway = Table(
    "root_gateway",
    metadata,
    Column("gateway", String(32), primary_key=True),
    Column("place", Text, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("rotation", String(36), nullable=False),
    Column("step", String(16), nullable=False),
    Column("request", LargeBinary, nullable=True),
    Column("answer", LargeBinary, nullable=True),
)
"""Who runs: ``seen_ms`` is of the database's clock. ``request`` asks for the new root key; ``answer`` is sealed for who asked,
and goes when it was taken."""
