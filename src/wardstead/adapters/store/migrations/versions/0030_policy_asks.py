"""Whether workers are ready for a version that is to be put in force: who was asked, and what each said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030_policy_asks"
down_revision = "0029_row_seals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0030."""
    op.create_table(
        "policy_ask",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("version", sa.String(16), sa.ForeignKey("policy_set.version"), nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "policy_answer",
        sa.Column("ask", sa.String(36), primary_key=True),
        sa.Column("worker", sa.String(16), primary_key=True),
        sa.Column("refused", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Back to 0029."""
    op.drop_table("policy_answer")
    op.drop_table("policy_ask")
