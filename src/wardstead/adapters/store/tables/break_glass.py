"""Accounts for emergencies, and who had them opened."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table, Text

from wardstead.adapters.store.base import metadata

break_glass = Table(
    "break_glass",
    metadata,
    Column("principal", String(36), ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("roles", Text, nullable=False),
    Column("max_ms", BigInteger, nullable=False),
    Column("approvers", Text, nullable=False),
)
"""``roles``: those that it has while it is open; holders of one of ``approvers`` open it."""

opening = Table(
    "break_glass_opening",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("principal", String(36), ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("requested_by", String(36), nullable=False),
    Column("reason", Text, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("requested_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_by", String(36), nullable=True),
    Column("until_ms", BigInteger, nullable=True),
)
"""``asked``, ``refused``, ``open`` (until ``until_ms``) or ``closed`` before its time."""
