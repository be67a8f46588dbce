"""What people have for a time, or from one another: roles with an end, attributes, groups, shares, elevation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0007_access"
down_revision = "0005_conversations"
branch_labels = None
depends_on = None


def _person(*, key: bool = False) -> sa.Column[str]:
    reference = sa.ForeignKey("principal.id", ondelete="CASCADE")
    return sa.Column("principal", sa.String(36), reference, primary_key=key, nullable=False)


def upgrade() -> None:
    """Make the tables as ``access_tables`` describes them."""
    op.create_table(
        "timed_role",
        sa.Column("id", sa.String(36), primary_key=True),
        _person(),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("from_ms", sa.BigInteger, nullable=True),
        sa.Column("until_ms", sa.BigInteger, nullable=True),
    )
    op.create_index("ix_timed_role_principal", "timed_role", ["principal"])
    op.create_table(
        "attribute",
        _person(key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(128), primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=True),
    )
    op.create_table("people_group", sa.Column("name", sa.String(64), primary_key=True))
    op.create_table(
        "group_member",
        sa.Column("people_group", sa.String(64), sa.ForeignKey("people_group.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("member", sa.String(64), primary_key=True),
    )
    op.create_table(
        "share",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("resource_type", sa.String(32), nullable=False),
        sa.Column("resource_id", sa.String(64), nullable=False),
        sa.Column("grantee_kind", sa.String(16), nullable=False),
        sa.Column("grantee", sa.String(64), nullable=False),
        sa.Column("rights", sa.String(64), nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("granted_by", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
        sa.Column("parent", sa.String(36), sa.ForeignKey("share.id", ondelete="CASCADE"), nullable=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=True),
    )
    op.create_index("ix_share_parent", "share", ["parent"])
    op.create_table(
        "elevation",
        sa.Column("id", sa.String(36), primary_key=True),
        _person(),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("requested_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided_by", sa.String(36), nullable=True),
        sa.Column("decided_ms", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    """There is no way back: who may read what would be forgotten."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
