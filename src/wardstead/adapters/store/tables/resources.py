"""The tables of what people keep here: what decides who may have it in columns, all that it says sealed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

resource = Table(
    "resource",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("type", String(16), nullable=False),
    Column("owner", String(36), ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("parent", String(36), ForeignKey("resource.id", ondelete="SET NULL"), nullable=True),
    Column("level", String(40), nullable=False),
    Column("compartments", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
"""Every attribute by which policies decide is a column, so that a list is one query. ``parent``: a document's collection."""
Index("ix_resource_type", resource.c.type, resource.c.id)
Index("ix_resource_owner", resource.c.owner)
Index("ix_resource_parent", resource.c.parent)

resource_part = Table(
    "resource_part",
    metadata,
    Column("resource", String(36), ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    Column("part", String(8), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""``about`` (its name), ``data`` (the bytes as they came) and ``text`` (what was read out of them), each sealed under the
owner's key in the context of its place and label: neither can be swapped."""
