"""Whom identity providers vouch for, which of their sessions ours came from, and what must not be taken twice."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from wardstead.adapters.store.base import metadata

federated_person = Table(
    "federated_person",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("principal", String(36), ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("linked_ms", BigInteger, nullable=False),
)
Index("ix_federated_person_principal", federated_person.c.principal)

federated_session = Table(
    "federated_session",
    metadata,
    Column("credential", String(36), ForeignKey("credential.id", ondelete="CASCADE"), primary_key=True),
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("session", String(255), nullable=False),
)
Index("ix_federated_session_subject", federated_session.c.issuer, federated_session.c.subject)

taken_once = Table(
    "taken_once",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("until_ms", BigInteger, nullable=False),
)
"""Keyed digests of answers and tokens that were taken, until they have expired."""
Index("ix_taken_once_until_ms", taken_once.c.until_ms)
