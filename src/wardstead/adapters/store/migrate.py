"""Brings a database to the present schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, inspect, text

from wardstead.kernel.errors import ConfigurationError


def upgrade(engine: Engine) -> None:
    """Run what is missing. Safe to call at every start. Raises ``ConfigurationError`` for a database of a newer version."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    with engine.begin() as connection:
        _require_known(config, connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _require_known(config: Config, connection: Connection) -> None:
    """What a newer version made, this one can neither read nor take back."""
    if not inspect(connection).has_table("alembic_version"):
        return
    script = ScriptDirectory.from_config(config)
    for revision in connection.execute(text("SELECT version_num FROM alembic_version")).scalars():
        try:
            script.get_revision(revision)
        except CommandError:
            raise ConfigurationError(
                "the database was made by a newer version of Wardstead", where=str(connection.engine.url.database),
                why=f"this version does not know its revision {str(revision)[:40]!r}",
                next_step="install the newer version again, or restore the backup from before the upgrade",
            ) from None  # fmt: skip
