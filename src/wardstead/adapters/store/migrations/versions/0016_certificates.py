"""Certificates of services are credentials: by what each is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0016_certificates"
down_revision = "0015_resources"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column as ``directory_tables`` describes it."""
    op.add_column("credential", sa.Column("known_by", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """There is no way back: services would be known by nothing."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
