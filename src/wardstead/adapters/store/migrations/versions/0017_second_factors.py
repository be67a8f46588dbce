"""Second factors, sign-ins that have begun, and how each session was proved. Of sessions that are open, nobody knows how."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wardstead.kernel.errors import ConfigurationError

revision = "0017_second_factors"
down_revision = "0016_certificates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables as ``second_factor_tables`` describes them."""
    op.add_column("credential", sa.Column("means", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "authenticator",
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
        sa.Column("confirmed_ms", sa.BigInteger, nullable=True),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    )
    op.create_table(
        "passkey",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
        sa.Column("credential", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("synced", sa.Boolean, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("last_used_ms", sa.BigInteger, nullable=True),
    )
    op.create_index("ix_passkey_principal", "passkey", ["principal"])
    op.create_table(
        "factor_attempts",
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("blocked_until_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sign_in_step",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("principal", sa.String(36), sa.ForeignKey("principal.id", ondelete="CASCADE"), nullable=True),
        sa.Column("means", sa.Text, nullable=False),
        sa.Column("challenge", sa.LargeBinary, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sign_in_step_until_ms", "sign_in_step", ["until_ms"])


def downgrade() -> None:
    """There is no way back: whoever has a second factor would be let in without one."""
    raise ConfigurationError("this migration is not taken back", next_step="restore an older copy of the whole folder")
