"""What keys are for: purposes, networks, models. A key that is there already is bound to none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0013_key_bounds"
down_revision = "0012_level_names"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns as ``directory_tables`` describes them."""
    for name in ("purposes", "networks", "models"):
        op.add_column("credential", sa.Column(name, sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """There is no way back: a bound key would be for everything."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
