"""The tables of access policies: every version that was ever active or proposed, when, by whom, why; and who is ready for one."""

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

policy_proposal = Table(
    "policy_proposal",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("version", String(16), ForeignKey("policy_set.version"), nullable=False),
    Column("before", String(16), nullable=False),
    Column("proposed_by", String(36), nullable=False),
    Column("proposed_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_by", String(36), nullable=True),
    Column("decided_ms", BigInteger, nullable=True),
)
"""``state``: open, activated or withdrawn. ``before``: the version that was in force when it was proposed."""

policy_ask = Table(
    "policy_ask",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("version", String(16), ForeignKey("policy_set.version"), nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
)
"""Somebody waits until workers are ready for a version. What nobody waits for any more is removed."""

policy_answer = Table(
    "policy_answer",
    metadata,
    Column("ask", String(36), primary_key=True),
    Column("worker", String(16), primary_key=True),
    Column("refused", Text, nullable=False),
)
"""``refused``: empty where the worker is ready; else why not, as JSON. An answer may come after its question was removed."""
