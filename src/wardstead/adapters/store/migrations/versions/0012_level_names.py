"""Levels by name, no longer by rank: a deployment has its own, and another one among them changes the meaning of none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0012_level_names"
down_revision = "0011_federation"
branch_labels = None
depends_on = None

_NAMES = ("public", "internal", "confidential", "restricted")
"""What the ranks meant until now. Another one is kept as it is: as a name it is unknown, and denies."""


def upgrade() -> None:
    """Put a column of names in the place of that of ranks in each table that has one."""
    # Without a new table for people: where the old one is dropped, SQLite deletes what refers to it, keys and roles among it.
    # The default, which nothing uses, means no level, and therefore denies.
    op.execute("ALTER TABLE principal RENAME COLUMN level TO rank")
    op.add_column("principal", sa.Column("level", sa.String(40), nullable=False, server_default="unknown"))
    op.execute("UPDATE principal SET level = CAST(rank AS VARCHAR(40))")
    op.execute("ALTER TABLE principal DROP COLUMN rank")
    for table in ("conversation", "fingerprint", "review"):
        with op.batch_alter_table(table, recreate="always") as batch:
            batch.alter_column("level", existing_type=sa.Integer, type_=sa.String(40), existing_nullable=False)
    for table in ("principal", "conversation", "fingerprint", "review"):
        for rank, name in enumerate(_NAMES):
            op.execute(sa.text(f"UPDATE {table} SET level = :name WHERE level = :rank").bindparams(name=name, rank=str(rank)))  # noqa: S608 -- our own names


def downgrade() -> None:
    """There is no way back: levels of the deployment's own have no rank there."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
