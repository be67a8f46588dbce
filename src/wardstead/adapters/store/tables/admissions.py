"""Models on their way to being admitted, and what became of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

model_admission = Table(
    "model_admission",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("model", String(100), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("candidate", LargeBinary, nullable=False),
    Column("report", LargeBinary, nullable=True),
    Column("bom", LargeBinary, nullable=True),
    Column("envelope", LargeBinary, nullable=True),
    Column("signed_ms", BigInteger, nullable=True),
    Column("expires_ms", BigInteger, nullable=True),
    Column("why", Text, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
"""``candidate``: what was done about it, as JSON. ``report``: of the scan. ``envelope``: the signed statement."""

model_act = Table(
    "model_act",
    metadata,
    Column("exchange", String(64), primary_key=True),
    Column("model", String(100), nullable=False, index=True),
)
"""Which acts of administration are about a model. What each of them says is in its entry alone."""
