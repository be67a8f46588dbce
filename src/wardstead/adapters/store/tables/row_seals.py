"""The seals of rows that the ledger's tree does not commit to."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text

from wardstead.adapters.store.base import metadata

row_seal = Table(
    "row_seal",
    metadata,
    Column("tab", String(40), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("seal", LargeBinary, nullable=False),
)
"""By table and primary key (as a JSON array, bytes in hexadecimal). ``seal``: see ``crypto.row_seals``."""

row_seal_head = Table(
    "row_seal_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("tag", LargeBinary, nullable=False),
)
"""One row: the sums of all tables, and the number of the last change."""
