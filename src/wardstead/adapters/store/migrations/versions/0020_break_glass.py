"""Accounts for emergencies, and who had them opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0020_break_glass"
down_revision = "0019_provisioning"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``break_glass_tables`` describes them."""
    op.create_table(
        "break_glass",
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("max_ms", sa.BigInteger, nullable=False),
        sa.Column("approvers", sa.Text, nullable=False),
    )
    op.create_table(
        "break_glass_opening",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
        sa.Column("requested_by", sa.String(36), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("requested_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided_by", sa.String(36), nullable=True),
        sa.Column("until_ms", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    """There is no way back: what is sealed would be an ordinary account."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
