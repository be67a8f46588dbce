"""Models on their way to being admitted, and what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0022_admission"
down_revision = "0021_sequencer"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table as ``admission_tables`` describes it."""
    op.create_table(
        "model_admission",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("candidate", sa.LargeBinary, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=True),
        sa.Column("bom", sa.LargeBinary, nullable=True),
        sa.Column("envelope", sa.LargeBinary, nullable=True),
        sa.Column("signed_ms", sa.BigInteger, nullable=True),
        sa.Column("expires_ms", sa.BigInteger, nullable=True),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_model_admission_model", "model_admission", ["model"])


def downgrade() -> None:
    """There is no way back: what is suspended would serve."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
