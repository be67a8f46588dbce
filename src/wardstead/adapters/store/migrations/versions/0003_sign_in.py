"""Attempts to sign in are counted by the name that was given, whether or not somebody has it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0003_sign_in"
down_revision = "0002_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table as ``directory_tables`` describes it, and forget what was counted beside passwords."""
    op.create_table(
        "sign_in",
        sa.Column("name", sa.LargeBinary(32), primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("blocked_until_ms", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sign_in_last_ms", "sign_in", ["last_ms"])
    with op.batch_alter_table("password") as password:
        password.drop_column("failures")
        password.drop_column("blocked_until_ms")


def downgrade() -> None:
    """There is no way back."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
