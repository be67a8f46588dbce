"""People and groups that another system provisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0019_provisioning"
down_revision = "0018_erasure"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``provisioning_tables`` describes them."""
    op.create_table(
        "provisioned_person",
        sa.Column("id", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("name_key", sa.String(128), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_provisioned_person_source_name_key", "provisioned_person", ["source", "name_key"])
    op.create_index("ix_provisioned_person_source_external_id", "provisioned_person", ["source", "external_id"])
    op.create_table(
        "provisioned_group",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_provisioned_group_source_name", "provisioned_group", ["source", "name"], unique=True)
    op.create_table(
        "provisioned_member",
        sa.Column(
            "provisioned_group", sa.String(36), sa.ForeignKey("provisioned_group.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("person", sa.String(36), sa.ForeignKey("provisioned_person.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_provisioned_member_person", "provisioned_member", ["person"])
    op.create_table(
        "synchronisation",
        sa.Column("source", sa.String(32), primary_key=True),
        sa.Column("tried_ms", sa.BigInteger, nullable=False),
        sa.Column("succeeded_ms", sa.BigInteger, nullable=True),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("people", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: nobody would know whose people these are."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
