"""The ledger: entries, leaves, tiles, checkpoints, and who owes outcomes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0002_ledger"
down_revision = "0001_directory"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables as ``ledger_tables`` describes them."""
    op.create_table(
        "entry",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("exchange", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("worker", sa.String(32), nullable=True),
        sa.Column("outcome", sa.String(32), nullable=False, server_default=""),
        sa.UniqueConstraint("exchange", "kind", name="uq_entry_exchange"),
        sqlite_autoincrement=True,
    )
    owed = sa.text("worker IS NOT NULL")
    op.create_index("ix_entry_worker", "entry", ["worker"], sqlite_where=owed, postgresql_where=owed)
    op.create_index("ix_entry_subject", "entry", ["subject"])
    op.create_table(
        "incarnation",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "leaf",
        sa.Column("idx", _ID, primary_key=True, autoincrement=False),
        sa.Column("entry_id", _ID, sa.ForeignKey("entry.id", name="fk_leaf_entry_id_entry"), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.UniqueConstraint("entry_id", name="uq_leaf_entry_id"),
    )
    op.create_table(
        "tile",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("idx", _ID, primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", _ID, primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """A ledger is not taken back: that would destroy evidence."""
    raise ConfigurationError("the ledger is not dropped by a migration", next_step="restore an older copy of the whole folder")
