"""The key store of gateways that share a PostgreSQL database: in a schema of its own there, wrapped as it is in a file.

Ordinary backups leave the schema out (``pg_dump --exclude-schema=wardstead_keys``), for a backup that holds wrapped subject keys
would undo an erasure. Residual: the server's log and the blocks that it has freed keep what was deleted until they are used
again, which no client can hasten; another root key makes all of it useless (``keys rotate --root``).
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from wardstead.adapters.store.base import place
from wardstead.adapters.store.engine.dialect import Driver
from wardstead.adapters.store.engine.postgresql import KEEPING_KEYS, POSTGRESQL, PostgresqlDriver
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.crypto.roots import Roots
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import BackendError, IntegrityError

_SCHEMA: Final = (
    "CREATE SCHEMA IF NOT EXISTS wardstead_keys",
    "CREATE TABLE IF NOT EXISTS kek (epoch BIGINT PRIMARY KEY, wrapped BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS subject_key (subject TEXT PRIMARY KEY, epoch BIGINT NOT NULL, wrapped BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS erased (subject TEXT PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS mention_key (
      owner TEXT NOT NULL, token BYTEA NOT NULL, id BYTEA NOT NULL UNIQUE, epoch BIGINT NOT NULL, wrapped BYTEA NOT NULL,
      PRIMARY KEY (owner, token)
    )""",
    "CREATE TABLE IF NOT EXISTS key_use (era BIGINT PRIMARY KEY, uses BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ix_mention_key_token ON mention_key (token)",
)


class SharedKeys(SubjectKeys):
    """The ``KeyStore`` over the schema ``wardstead_keys``. A connection that breaks is opened again."""

    def __init__(self, engine: Engine, roots: Roots, entropy: Entropy, *, create: bool = False) -> None:
        """``create``: make the schema, with a first epoch, when it is not there. Raises ``IntegrityError`` where it should be."""
        self._where, self._roots, self._entropy, self._lock = place(engine), roots, entropy, Lock()
        self._errors = (*POSTGRESQL.errors, DBAPIError)
        self._engine, self._db = engine, None
        try:
            if create:
                self._make()
        except self._errors as error:
            raise self._failed(error) from None
        if self._one("SELECT to_regclass('wardstead_keys.kek')") == (None,):
            raise IntegrityError(
                "the key store is gone: nothing that is recorded can be read without it", where=self._where,
                next_step="restore the schema wardstead_keys from a backup of it",
            )  # fmt: skip
        if self._one("SELECT to_regclass('wardstead_keys.key_use')") == (None,):  # it is of an earlier version
            try:
                self._lay_out()
            except self._errors as error:
                raise self._failed(error) from None

    def _make(self) -> None:
        self._lay_out()
        self._begin_first_epoch()

    def _lay_out(self) -> None:
        with self._transaction() as db:
            for statement in _SCHEMA:
                db.execute(statement)

    def _driver(self) -> Driver:
        """The open connection; a new one where the last has failed."""
        if self._db is None:
            fairy = self._engine.raw_connection()
            connection = fairy.driver_connection
            fairy.detach()
            POSTGRESQL.keep(connection).execute("SET search_path = wardstead_keys")
            self._db = PostgresqlDriver(connection, KEEPING_KEYS)  # type: ignore[arg-type]
        return self._db

    def _rebuild(self, db: Driver) -> None:
        """The tables anew, without what was deleted."""
        for table in ("subject_key", "mention_key", "kek"):
            db.execute(f"VACUUM FULL {table}")

    def _failed(self, error: Exception) -> BackendError:
        with self._lock:
            self.close()
            self._db = None
        return BackendError("the key store failed", where=self._where, why=type(error).__name__, next_step="see to the server")
