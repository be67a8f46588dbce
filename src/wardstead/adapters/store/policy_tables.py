"""The tables of access policies: every version that was ever active, and when, by whom and why it was activated."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

policy_set = Table(
    "policy_set",
    metadata,
    Column("version", String(16), primary_key=True),
    Column("files", LargeBinary, nullable=False),
    Column("validated_ms", BigInteger, nullable=False),
)

policy_activation = Table(
    "policy_activation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", String(16), ForeignKey("policy_set.version"), nullable=False),
    Column("activated_ms", BigInteger, nullable=False),
    Column("by", String(160), nullable=False),
    Column("reason", Text, nullable=False),
)
"""The last row names the version in force."""
