"""The keys that signed the ledger after its first one: each change is an entry, and the new key lies sealed beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027_ledger_keys"
down_revision = "0026_principal_subject"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0027."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "ledger_key",
        sa.Column("entry_id", number, sa.ForeignKey("entry.id"), primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=True),
    )


def downgrade() -> None:
    """Back to 0026."""
    op.drop_table("ledger_key")
