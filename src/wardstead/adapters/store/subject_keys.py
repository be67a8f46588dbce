"""The key store: key-encryption keys and subjects' keys, all wrapped, in an SQLite file of their own.

It stays out of the database and its backups: a backup that holds wrapped subject keys would undo an erasure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from wardstead.adapters.store.dialect import Driver
from wardstead.adapters.store.sqlite import SQLITE
from wardstead.crypto.keyring import EpochRetired, KeyEncryptionKey, KeyGone, SubjectKey, new_kek, rewrap, rewrap_kek
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import BackendError, ConfigurationError, IntegrityError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kek (epoch INTEGER PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS subject_key (subject TEXT PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS erased (subject TEXT PRIMARY KEY) STRICT;
"""


class SubjectKeys:
    """The ``KeyStore`` over ``keys/keys.db``. Safe for threads and processes.

    It uses a rollback journal, not a write-ahead log, and overwrites what it deletes: no second file keeps old keys.
    Residual: a copy-on-write or flash device may keep the old blocks.
    """

    def __init__(self, path: Path, root: bytes, entropy: Entropy, *, create: bool = False) -> None:
        """``root``: the 32 bytes of the root key. ``create``: make the file, with a first epoch, when it is not there.

        Raises ``IntegrityError`` when it is not there and should be: everything that its keys seal is lost with it.
        """
        self._where, self._root, self._entropy, self._lock = str(path), root, entropy, Lock()
        self._errors: tuple[type[Exception], ...] = SQLITE.errors
        try:
            if create:
                path.touch(mode=0o600)
            if not path.exists() or not (create or path.stat().st_size):
                raise IntegrityError(
                    "the key store is gone: nothing that is recorded can be read without it", where=str(path),
                    next_step="restore it from a backup of the keys folder",
                )  # fmt: skip
            if path.stat().st_mode & 0o077:
                raise ConfigurationError(
                    "the key store may be read by others than its owner", where=str(path), next_step=f"chmod 600 {path}"
                )
            connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "secure_delete=ON"):
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(_SCHEMA)
            self._db: Driver | None = SQLITE.driver(connection)
            self._begin_first_epoch()
        except (sqlite3.Error, OSError) as error:
            raise BackendError("the key store cannot be opened", where=str(path), why=str(error)) from None

    def current_kek(self) -> KeyEncryptionKey:
        """The key-encryption key of the present epoch."""
        row = self._one("SELECT epoch, wrapped FROM kek ORDER BY epoch DESC LIMIT 1")
        if row is None:
            raise KeyGone("the key store holds no key-encryption key", where=self._where)
        return KeyEncryptionKey(*row)

    def kek(self, epoch: int) -> KeyEncryptionKey:
        """That of one epoch; raises ``EpochRetired`` when it was destroyed."""
        row = self._one("SELECT epoch, wrapped FROM kek WHERE epoch = ?", epoch)
        if row is None:
            raise EpochRetired(f"epoch {epoch} was retired", where=self._where)
        return KeyEncryptionKey(*row)

    def find(self, subject: str) -> SubjectKey | None:
        """A subject's key; raises ``KeyGone`` when it was erased."""
        row = self._one("SELECT subject, epoch, wrapped FROM subject_key WHERE subject = ?", subject)
        if row is not None:
            return SubjectKey(*row)
        if self._one("SELECT subject FROM erased WHERE subject = ?", subject) is not None:
            raise KeyGone("this subject's key was destroyed")
        return None

    def add(self, key: SubjectKey) -> SubjectKey:
        """Keep a new subject's key; returns the one that is kept, should another process have been first.

        Raises ``EpochRetired`` when the epoch was destroyed meanwhile, ``KeyGone`` when the subject was erased.
        """
        try:
            with self._transaction() as db:
                if db.execute("SELECT 1 FROM kek WHERE epoch = ?", (key.epoch,)).fetchone() is None:
                    raise EpochRetired(f"epoch {key.epoch} was retired")
                if db.execute("SELECT 1 FROM erased WHERE subject = ?", (key.subject,)).fetchone() is not None:
                    raise KeyGone("this subject's key was destroyed")
                row = (key.subject, key.epoch, key.wrapped)
                db.execute("INSERT INTO subject_key (subject, epoch, wrapped) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
        except self._errors as error:
            raise self._failed(error) from None
        kept = self.find(key.subject)
        if kept is None:
            raise KeyGone("this subject's key was destroyed")
        return kept

    def erase(self, subject: str) -> int:
        """Destroy a subject's key: the others move to a new epoch, and the old one goes. Returns the new epoch.

        Afterwards evict every key ring. It takes effect when the last other copy of this file is gone.
        """
        try:
            with self._transaction() as db:
                db.execute("DELETE FROM subject_key WHERE subject = ?", (subject,))
                db.execute("INSERT INTO erased (subject) VALUES (?) ON CONFLICT DO NOTHING", (subject,))
                epoch = self._begin_epoch(db)
            with self._lock:
                self._rebuild(self._driver())
        except self._errors as error:
            raise self._failed(error) from None
        return epoch

    def rotate(self) -> int:
        """Begin a new epoch: a new key-encryption key, every subject's key under it, the old one gone. Returns the new epoch.

        Whoever runs meanwhile goes on: subjects' keys stay what they are.
        """
        try:
            with self._transaction() as db:
                return self._begin_epoch(db)
        except self._errors as error:
            raise self._failed(error) from None

    def rewrap_root(self, old: bytes, new: bytes) -> None:
        """Move the key-encryption keys from one root key to another; what was moved before stays. Nothing may run meanwhile."""
        try:
            with self._transaction() as db:
                keks = [KeyEncryptionKey(*row) for row in db.execute("SELECT epoch, wrapped FROM kek")]
                moved = [rewrap_kek(old, new, kek, self._entropy) for kek in keks]
                db.executemany("UPDATE kek SET wrapped = ? WHERE epoch = ?", [(kek.wrapped, kek.epoch) for kek in moved])
        except self._errors as error:
            raise self._failed(error) from None
        self._root = new

    def count(self) -> int:
        """How many subjects have a key."""
        row = self._one("SELECT count(*) FROM subject_key")
        return int(row[0]) if row is not None else 0

    def erased(self) -> set[str]:
        """The subjects whose keys were destroyed."""
        try:
            with self._lock:
                return {row[0] for row in self._driver().execute("SELECT subject FROM erased")}
        except self._errors as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()

    def _driver(self) -> Driver:
        """The open connection."""
        if self._db is None:
            raise BackendError("the key store is closed", where=self._where)
        return self._db

    def _rebuild(self, db: Driver) -> None:
        """What was deleted is zeros already; this leaves no older page at all."""
        db.execute("VACUUM")

    def _begin_first_epoch(self) -> None:
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM kek").fetchone() is None:
                self._insert_kek(db, new_kek(self._root, 1, self._entropy))

    @contextmanager
    def _transaction(self) -> Iterator[Driver]:
        with self._lock:
            db = self._driver()
            db.begin()
            try:
                yield db
                db.commit()
            except BaseException:
                db.rollback()
                raise

    def _begin_epoch(self, db: Driver) -> int:
        old = KeyEncryptionKey(*db.execute("SELECT epoch, wrapped FROM kek ORDER BY epoch DESC LIMIT 1").fetchone())
        new = new_kek(self._root, old.epoch + 1, self._entropy)
        self._insert_kek(db, new)
        keys = [SubjectKey(*row) for row in db.execute("SELECT subject, epoch, wrapped FROM subject_key")]
        moved = [rewrap(self._root, old, new, key, self._entropy) for key in keys]
        update = "UPDATE subject_key SET epoch = ?, wrapped = ? WHERE subject = ?"
        db.executemany(update, [(key.epoch, key.wrapped, key.subject) for key in moved])
        db.execute("DELETE FROM kek WHERE epoch < ?", (new.epoch,))
        return new.epoch

    def _insert_kek(self, db: Driver, kek: KeyEncryptionKey) -> None:
        db.execute("INSERT INTO kek (epoch, wrapped) VALUES (?, ?)", (kek.epoch, kek.wrapped))

    def _one(self, query: str, *parameters: object) -> tuple[Any, ...] | None:
        try:
            with self._lock:
                row: tuple[Any, ...] | None = self._driver().execute(query, parameters).fetchone()
        except self._errors as error:
            raise self._failed(error) from None
        return row

    def _failed(self, error: Exception) -> BackendError:
        return BackendError("the key store failed", where=self._where, why=str(error))
