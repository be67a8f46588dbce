"""The directory's tables: people, their roles, credentials and passwords. Secrets are kept as digests only."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

principal = Table(
    "principal",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("level", String(40), nullable=False),
    Column("compartments", Text, nullable=False),
    Column("subject", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
Index("ix_principal_subject", principal.c.subject)

role_member = Table(
    "role_member",
    metadata,
    Column("principal", String(36), ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(64), primary_key=True),
)

credential = Table(
    "credential",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("csrf_digest", LargeBinary(32), nullable=False),
    Column("principal", String(36), ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=True),
    Column("last_used_ms", BigInteger, nullable=True),
    Column("authenticated_ms", BigInteger, nullable=True),
    Column("purposes", Text, nullable=False, server_default=""),
    Column("networks", Text, nullable=False, server_default=""),
    Column("models", Text, nullable=False, server_default=""),
    Column("known_by", Text, nullable=False, server_default=""),
    Column("means", Text, nullable=False, server_default=""),
)
"""``known_by``: of a certificate, its serial number, or the name that stands in those of an outside authority."""
Index("ix_credential_principal", credential.c.principal)

password = Table(
    "password",
    metadata,
    Column("principal", String(36), ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", String(256), nullable=False),
    Column("must_change", Boolean, nullable=False),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("name", LargeBinary(32), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("blocked_until_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)
"""Attempts to sign in that have not succeeded, by keyed digest of the name that was given: somebody's or nobody's."""
Index("ix_sign_in_last_ms", sign_in.c.last_ms)
