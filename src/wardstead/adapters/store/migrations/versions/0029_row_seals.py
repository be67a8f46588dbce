"""Seals of rows that the ledger's tree does not commit to. PostgreSQL notes by triggers what a session of ours changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029_row_seals"
down_revision = "0028_root_rotation"
branch_labels = None
depends_on = None

_TABLES = (
    "attribute", "authenticator", "break_glass", "break_glass_opening", "conversation", "credential", "directory_epoch",
    "elevation", "erased_mention", "erasure", "factor_attempts", "federated_person", "federated_session", "group_member",
    "legal_hold", "model_admission", "passkey", "password", "people_group", "policy_activation", "policy_proposal", "policy_set",
    "principal", "provisioned_group", "provisioned_member", "provisioned_person", "recovery_code", "resource", "resource_part",
    "review", "role_member", "share", "sign_in", "sign_in_step", "synchronisation", "taken_once", "timed_role",
)  # fmt: skip
_NOTE = """
CREATE FUNCTION wardstead_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('pg_temp.wardstead_change') IS NOT NULL THEN
    INSERT INTO pg_temp.wardstead_change (tab, before, after) VALUES (TG_TABLE_NAME, to_jsonb(OLD), to_jsonb(NEW));
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    """To 0029."""
    op.create_table(
        "row_seal",
        sa.Column("tab", sa.String(40), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("seal", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "row_seal_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("tag", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_NOTE)
        for table in _TABLES:
            op.execute(
                f"CREATE TRIGGER wardstead_note_change AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION wardstead_note_change()"
            )


def downgrade() -> None:
    """Back to 0028."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION wardstead_note_change() CASCADE")
    op.drop_table("row_seal_head")
    op.drop_table("row_seal")
