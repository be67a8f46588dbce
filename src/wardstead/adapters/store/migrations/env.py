"""Alembic's entry: the connection comes from ``migrate.upgrade``."""

from __future__ import annotations

from alembic import context

from wardstead.adapters.store.base import metadata

# The metadata brings the naming convention: a migrated constraint has the name that its table describes.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
