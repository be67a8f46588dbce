"""What people have beside a password: authenticators that give codes, recovery codes, passkeys; and sign-ins that have begun."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

_PERSON = "principal.id"

authenticator = Table(
    "authenticator",
    metadata,
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("confirmed_ms", BigInteger, nullable=True),
    Column("last_step", BigInteger, nullable=False),
)
"""``secret`` is sealed under its owner's key. It counts once a code of it was given; ``last_step`` is that of the last code."""

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
)
"""Those that were not used yet."""

passkey = Table(
    "passkey",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), nullable=False),
    Column("credential", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("synced", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger, nullable=True),
)
"""``credential``: the authenticator's name for it."""
Index("ix_passkey_principal", passkey.c.principal)

factor_attempts = Table(
    "factor_attempts",
    metadata,
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), primary_key=True),
    Column("failed", Integer, nullable=False),
    Column("blocked_until_ms", BigInteger, nullable=False),
)
"""Codes that were wrong since the last one that was not."""

sign_in_step = Table(
    "sign_in_step",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), nullable=True),
    Column("means", Text, nullable=False),
    Column("challenge", LargeBinary, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
"""What has begun and waits for its next step, by keyed digest of the ticket that the browser holds."""
Index("ix_sign_in_step_until_ms", sign_in_step.c.until_ms)
