"""What people keep here: collections, documents, templates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0015_resources"
down_revision = "0014_cosignatures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``resource_tables`` describes them."""
    op.create_table(
        "resource",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
        sa.Column("parent", sa.String(36), sa.ForeignKey("resource.id", ondelete="SET NULL"), nullable=True),
        sa.Column("level", sa.String(40), nullable=False),
        sa.Column("compartments", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_resource_type", "resource", ["type", "id"])
    op.create_index("ix_resource_owner", "resource", ["owner"])
    op.create_index("ix_resource_parent", "resource", ["parent"])
    op.create_table(
        "resource_part",
        sa.Column("resource", sa.String(36), sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("part", sa.String(8), primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: what people keep here would be lost."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
