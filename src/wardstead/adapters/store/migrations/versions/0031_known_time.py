"""How late it is at least: the latest of the newest checkpoints says so of what was before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031_known_time"
down_revision = "0030_policy_asks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0031."""
    op.create_table(
        "known_time",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("latest_ms", sa.BigInteger, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO known_time (id, latest_ms, accepted) SELECT 1, COALESCE(MAX(time_ms), 0), 0 "
        "FROM (SELECT time_ms FROM checkpoint ORDER BY size DESC LIMIT 2000) AS newest"
    )
    if op.get_bind().dialect.name == "postgresql":  # it is sealed (0029)
        op.execute(
            "CREATE TRIGGER wardstead_note_change AFTER INSERT OR UPDATE OR DELETE ON known_time "
            "FOR EACH ROW EXECUTE FUNCTION wardstead_note_change()"
        )


def downgrade() -> None:
    """Back to 0030."""
    op.drop_table("known_time")
