"""Which exchange belongs to which conversation. Of those of before it is not known: they are shared one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0008_said_in"
down_revision = "0007_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table as ``conversation_tables`` describes it."""
    op.create_table(
        "said_in",
        sa.Column("exchange", sa.String(64), primary_key=True),
        sa.Column("conversation", sa.String(64), nullable=False),
    )
    op.create_index("ix_said_in_conversation", "said_in", ["conversation"])


def downgrade() -> None:
    """There is no way back: what was shared would be forgotten."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
