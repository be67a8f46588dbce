"""The replacement of the root key while everything runs, and the gateways that take part."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028_root_rotation"
down_revision = "0027_ledger_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0028."""
    op.create_table(
        "root_rotation",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("rotation", sa.String(36), nullable=False),
        sa.Column("old", sa.String(16), nullable=False),
        sa.Column("new", sa.String(16), nullable=False),
        sa.Column("moved", sa.Integer, nullable=False),
        sa.Column("begun_at", sa.Text, nullable=False),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "root_gateway",
        sa.Column("gateway", sa.String(32), primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.Column("rotation", sa.String(36), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=True),
        sa.Column("answer", sa.LargeBinary, nullable=True),
    )


def downgrade() -> None:
    """Back to 0027."""
    op.drop_table("root_gateway")
    op.drop_table("root_rotation")
