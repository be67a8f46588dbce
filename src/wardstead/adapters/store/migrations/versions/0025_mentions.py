"""Who is mentioned in what others said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0025_mentions"
down_revision = "0024_time_stamps"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``ledger_tables`` and ``erasure_tables`` describe them."""
    op.create_table(
        "mention",
        sa.Column("mark", sa.LargeBinary(16), primary_key=True),
        sa.Column("exchange", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
    )
    op.create_index("ix_mention_exchange", "mention", ["exchange"])
    op.create_table(
        "erased_mention",
        sa.Column("erasure", sa.String(36), primary_key=True),
        sa.Column("mark", sa.LargeBinary(16), primary_key=True),
    )
    op.add_column("erasure", sa.Column("told", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """There is no way back: who is mentioned could not be erased any more."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
