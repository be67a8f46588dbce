"""Which acts of administration are about a model: what was done about it is found without opening every act."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033_model_acts"
down_revision = "0032_acts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0033."""
    op.create_table(
        "model_act",
        sa.Column("exchange", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(100), nullable=False),
    )
    op.create_index("ix_model_act_model", "model_act", ["model"])
    if op.get_bind().dialect.name == "postgresql":  # it is sealed (0029)
        op.execute(
            "CREATE TRIGGER wardstead_note_change AFTER INSERT OR UPDATE OR DELETE ON model_act "
            "FOR EACH ROW EXECUTE FUNCTION wardstead_note_change()"
        )


def downgrade() -> None:
    """Back to 0032."""
    op.drop_table("model_act")
