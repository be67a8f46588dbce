"""The table of what reviewers decided about what was held. What waits has no row."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

review = Table(
    "review",
    metadata,
    Column("exchange", String(64), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("level", String(40), nullable=False),
    Column("compartments", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=True),
    Column("decided_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=True),
)
"""One row decides one held exchange, for good.

``owner`` is a subject. ``digest`` is that of a released request, by which it is known when it comes again; ``used_ms`` when it
did, 0 before. ``note`` (who, why, a released answer) is sealed under the owner's key in the context of exchange and label; it
goes when its time is over.
"""
Index("ix_review_digest", review.c.digest)
