"""Conversations with the mark of all that entered them, and fingerprints of labelled texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0005_conversations"
down_revision = "0004_signed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``conversation_tables`` describes them."""
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("compartments", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("vault", sa.LargeBinary, nullable=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_conversation_owner", "conversation", ["owner"])
    op.create_table(
        "fingerprint",
        sa.Column("mark", sa.LargeBinary(32), primary_key=True),
        sa.Column("owner", sa.String(64), primary_key=True),
        sa.Column("conversation", sa.String(64), primary_key=True),
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("compartments", sa.Text, primary_key=True),
        sa.Column("long", sa.Boolean, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_fingerprint_time_ms", "fingerprint", ["time_ms"])
    op.create_index("ix_fingerprint_conversation", "fingerprint", ["conversation"])


def downgrade() -> None:
    """There is no way back: labels would be forgotten."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
