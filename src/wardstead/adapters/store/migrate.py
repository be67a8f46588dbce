"""Brings a database to the present schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, inspect, text

from wardstead.adapters.store.base import place
from wardstead.kernel.errors import ConfigurationError

_REVISIONS: Final = text("SELECT version_num FROM alembic_version")


def is_behind(connection: Connection) -> bool:
    """Whether an earlier version made this database. Raises ``ConfigurationError`` where a newer one did."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    _require_known(_config(), connection)
    return set(connection.execute(_REVISIONS).scalars()) != set(ScriptDirectory.from_config(_config()).get_heads())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def revision(engine: Engine) -> str:
    """Which migration a database is at; empty for one that is none of ours. Raises ``ConfigurationError`` for a newer one."""
    with engine.connect() as connection:
        _require_known(_config(), connection)
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.execute(_REVISIONS).scalar() or "")


def upgrade(engine: Engine) -> bool:
    """Run what is missing; whether anything was. Safe to call at every start.

    Raises ``ConfigurationError`` for a database of a newer version.
    """
    config = _config()
    with engine.begin() as connection:
        _require_known(config, connection)
        before = MigrationContext.configure(connection).get_current_heads()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before != MigrationContext.configure(connection).get_current_heads()


def _require_known(config: Config, connection: Connection) -> None:
    """What a newer version made, this one can neither read nor take back."""
    if not inspect(connection).has_table("alembic_version"):
        return
    script = ScriptDirectory.from_config(config)
    for revision in connection.execute(_REVISIONS).scalars():
        try:
            script.get_revision(revision)
        except CommandError:
            raise ConfigurationError(
                "the database was made by a newer version of Wardstead", where=place(connection.engine),
                why=f"this version does not know its revision {str(revision)[:40]!r}",
                next_step="install the newer version again, or restore the backup from before the upgrade",
            ) from None  # fmt: skip
