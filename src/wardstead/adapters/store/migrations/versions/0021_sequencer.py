"""The token of the recorder that began last; and, where gateways share a database, the keys of people in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0021_sequencer"
down_revision = "0020_break_glass"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table as ``ledger_tables`` describes it."""
    op.create_table(
        "sequencer",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("token", _NUMBER, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: a recorder that stood still would be taken for the present one."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
