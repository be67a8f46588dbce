"""People whom identity providers vouch for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0011_federation"
down_revision = "0010_policies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``federation_tables`` describes them; a session says when its owner proved who they are."""
    op.add_column("credential", sa.Column("authenticated_ms", sa.BigInteger, nullable=True))
    op.create_table(
        "federated_person",
        sa.Column("issuer", sa.String(255), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
        sa.Column("linked_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_federated_person_principal", "federated_person", ["principal"])
    op.create_table(
        "federated_session",
        sa.Column("credential", sa.String(36), sa.ForeignKey("credential.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("session", sa.String(255), nullable=False),
    )
    op.create_index("ix_federated_session_subject", "federated_session", ["issuer", "subject"])
    op.create_table(
        "taken_once",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_taken_once_until_ms", "taken_once", ["until_ms"])


def downgrade() -> None:
    """There is no way back: nobody would know whom a provider means."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
