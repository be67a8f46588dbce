"""The directory: people, roles, credentials, passwords, and the version that every change raises."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001_directory"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``directory_tables`` describes them."""
    epoch = op.create_table(
        "directory_epoch",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.bulk_insert(epoch, [{"id": 1, "version": 1}])
    op.create_table(
        "principal",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("compartments", sa.Text, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "role_member",
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String(64), primary_key=True),
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("csrf_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=True),
        sa.Column("last_used_ms", sa.BigInteger, nullable=True),
    )
    op.create_index("ix_credential_principal", "credential", ["principal"])
    op.create_table(
        "password",
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("hash", sa.String(256), nullable=False),
        sa.Column("must_change", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("blocked_until_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """There is no way back to nothing."""
    raise RuntimeError("the first migration is not taken back: restore a backup instead")
