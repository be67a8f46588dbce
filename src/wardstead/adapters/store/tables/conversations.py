"""The tables of what outlives an exchange: conversations with their marks, and fingerprints of labelled texts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

conversation = Table(
    "conversation",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("level", String(40), nullable=False),
    Column("compartments", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("vault", LargeBinary, nullable=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
"""Those that have anything to remember: one whose mark is public and that has no stand-ins needs no row.

``id`` is a keyed hash of the owner and the name that the client gave: the name itself is not kept, and nobody else's name
finds it. ``owner`` is a subject. ``version`` changes with every change of the rest. ``vault`` is sealed under the owner's key.
"""
Index("ix_conversation_owner", conversation.c.owner)

said_in = Table(
    "said_in",
    metadata,
    Column("exchange", String(64), primary_key=True),
    Column("conversation", String(64), nullable=False),
)
"""Which exchange belongs to which conversation, where the client named one: whoever it was shared with may find its exchanges."""
Index("ix_said_in_conversation", said_in.c.conversation)

fingerprint = Table(
    "fingerprint",
    metadata,
    Column("mark", LargeBinary(32), primary_key=True),
    Column("owner", String(64), primary_key=True),
    Column("conversation", String(64), primary_key=True),
    Column("level", String(40), primary_key=True),
    Column("compartments", Text, primary_key=True),
    Column("long", Boolean, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
)
"""A text's keyed hash, and a label under which it was given or taken. A text may have several: they join."""
Index("ix_fingerprint_time_ms", fingerprint.c.time_ms)
Index("ix_fingerprint_conversation", fingerprint.c.conversation)
