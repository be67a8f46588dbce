"""Erasures and legal holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018_erasure"
down_revision = "0017_second_factors"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "legal_hold",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("principal", sa.String(36), nullable=False),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
        sa.Column("certificate", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("erasure")
    op.drop_table("legal_hold")
