"""From here on the newest checkpoint is kept among the keys as well (``adapters.store.continuity``). No table changes."""

from __future__ import annotations

from wardstead.kernel.errors import ConfigurationError

revision = "0004_signed"
down_revision = "0003_sign_in"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing to do: the revision alone says that a checkpoint among the keys must be there."""


def downgrade() -> None:
    """There is no way back: it would make a ledger pass for one that was never signed."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
