"""Acts of administration are found without looking at the exchanges between them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032_acts"
down_revision = "0031_known_time"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0032."""
    acts = sa.text("kind = 'admin'")
    op.create_index("ix_entry_acts", "entry", ["id"], sqlite_where=acts, postgresql_where=acts)


def downgrade() -> None:
    """Back to 0031."""
    op.drop_index("ix_entry_acts", "entry")
