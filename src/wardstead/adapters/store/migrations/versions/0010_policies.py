"""Versions of the access policies, and their activations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0010_policies"
down_revision = "0009_review"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``policy_tables`` describes them."""
    op.create_table(
        "policy_set",
        sa.Column("version", sa.String(16), primary_key=True),
        sa.Column("files", sa.LargeBinary, nullable=False),
        sa.Column("validated_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "policy_activation",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.String(16), sa.ForeignKey("policy_set.version"), nullable=False),
        sa.Column("activated_ms", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(160), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: nobody would know which policies decided what is recorded."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
