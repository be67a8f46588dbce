"""An index of people by the subject under which what they say is sealed: lists of exchanges tell rows apart by owner."""

from __future__ import annotations

from alembic import op

revision = "0026_principal_subject"
down_revision = "0025_mentions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0026."""
    op.create_index("ix_principal_subject", "principal", ["subject"])


def downgrade() -> None:
    """Back to 0025."""
    op.drop_index("ix_principal_subject", "principal")
