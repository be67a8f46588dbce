"""The tables of erasures and legal holds. They name nobody: who and why stands in the record, under seal."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("act", String(64), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)
"""Whose data must be kept, whatever they ask for. ``act``: the entry that says who decided it, and why."""

erasure = Table(
    "erasure",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(64), nullable=False),
    Column("principal", String(36), nullable=False),
    Column("act", String(64), nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("certificate", Text, nullable=False),
    Column("told", Text, nullable=False, server_default=""),
)
"""``principal`` and an empty ``certificate``: begun, and to be gone on with, whoever was killed; afterwards it is empty."""

erased_mention = Table(
    "erased_mention",
    metadata,
    Column("erasure", String(36), primary_key=True),
    Column("mark", LargeBinary(16), primary_key=True),
)
"""The keys of a mentioned person that an erasure destroys; a row goes when it is finished."""
