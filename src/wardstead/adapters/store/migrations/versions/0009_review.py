"""What reviewers decided about what was held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0009_review"
down_revision = "0008_said_in"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table as ``review_tables`` describes it."""
    op.create_table(
        "review",
        sa.Column("exchange", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("compartments", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=True),
        sa.Column("decided_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("used_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=True),
    )
    op.create_index("ix_review_digest", "review", ["digest"])
    held = sa.text("outcome = 'held'")
    op.create_index("ix_entry_outcome", "entry", ["outcome"], sqlite_where=held, postgresql_where=held)


def downgrade() -> None:
    """There is no way back: what was decided would be open again."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
