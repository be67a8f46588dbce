"""Policies that somebody proposes and somebody else puts in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0023_policy_proposals"
down_revision = "0022_admission"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table as ``policy_tables`` describes it."""
    op.create_table(
        "policy_proposal",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("version", sa.String(16), sa.ForeignKey("policy_set.version"), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("proposed_by", sa.String(36), nullable=False),
        sa.Column("proposed_ms", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided_by", sa.String(36), nullable=True),
        sa.Column("decided_ms", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    """There is no way back: nobody would know who proposed what is in force."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
