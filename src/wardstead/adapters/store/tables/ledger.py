"""The ledger's tables. Entries are written by workers, in the order of their commits; the rest by the recorder alone."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)  # fmt: skip

from wardstead.adapters.store.base import Number, metadata

entry = Table(
    "entry",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("exchange", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("subject", String(64), nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("worker", String(32), nullable=True),
    Column("outcome", String(32), nullable=False, server_default=""),
    UniqueConstraint("exchange", "kind", name="uq_entry_exchange"),
    sqlite_autoincrement=True,  # an id is never given twice, not even after a deletion
)
"""``worker`` is the incarnation that owes the outcome; set on intents only.

Every other column is committed to by the entry's leaf. Of an exchange that has its outcome nothing reads ``worker``; one that
lacks it because ``worker`` was altered is counted as open by verification.
"""

_OWED: Final = entry.c.worker.is_not(None)
IS_HELD: Final = entry.c.outcome == literal_column("'held'")
IS_ACT: Final = entry.c.kind == literal_column("'admin'")
"""Both written out, so that databases see that the partial index covers the question."""
Index("ix_entry_worker", entry.c.worker, sqlite_where=_OWED, postgresql_where=_OWED)
Index("ix_entry_subject", entry.c.subject)
Index("ix_entry_outcome", entry.c.outcome, sqlite_where=IS_HELD, postgresql_where=IS_HELD)
Index("ix_entry_acts", entry.c.id, sqlite_where=IS_ACT, postgresql_where=IS_ACT)

mention = Table(
    "mention",
    metadata,
    Column("mark", LargeBinary(16), primary_key=True),
    Column("exchange", String(64), primary_key=True),
    Column("kind", String(8), primary_key=True),
)
"""Which entries take which keys of people who are mentioned. ``mark``: such a key's random id; the key store knows whose."""
Index("ix_mention_exchange", mention.c.exchange)

incarnation = Table(
    "incarnation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("started_ms", BigInteger, nullable=False),
)
"""The workers that may owe outcomes: a row goes when the worker has ended and all its intents have one."""

leaf = Table(
    "leaf",
    metadata,
    Column("idx", Number, primary_key=True, autoincrement=False),
    Column("entry_id", Number, ForeignKey("entry.id"), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    UniqueConstraint("entry_id"),
)

tile = Table(
    "tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", Number, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
)

sequencer = Table(
    "sequencer",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("token", Number, nullable=False),
)
"""One row: the token of the recorder that began last, which fences off those that began before it."""

ledger_key = Table(
    "ledger_key",
    metadata,
    Column("entry_id", Number, ForeignKey("entry.id"), primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=True),
)
"""The changes of the key that signs: in which entry each stands, and the new key, sealed under the root key, until it is
replaced. What the entry says is signed; whoever takes a row away leaves checkpoints that nobody can have signed."""

cosignature = Table(
    "cosignature",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("witness", String(128), primary_key=True),
    Column("note", Text, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
)
"""A checkpoint with a witness's signature below; ``time_ms`` is the witness's, to the second."""

time_stamp = Table(
    "time_stamp",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("authority", String(64), primary_key=True),
    Column("note", Text, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
)
"""A time-stamping authority's ``response`` (RFC 3161) to the checkpoint ``note``; ``time_ms`` is what it vouches for."""
