"""The key store: key-encryption keys and subjects' keys, all wrapped, in an SQLite file of their own.

It stays out of the database and its backups: a backup that holds wrapped subject keys would undo an erasure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from wardstead.adapters.store.engine.dialect import Driver
from wardstead.adapters.store.engine.sqlite import SQLITE, WatchedConnection
from wardstead.adapters.store.keys.key_files import require_private
from wardstead.crypto.keyring import (
    EpochRetired,
    KeyEncryptionKey,
    KeyGone,
    MentionErased,
    RetentionOver,
    SubjectKey,
    in_era,
    moved_subjects,
    new_kek,
    open_kek,
    rewrap_kek,
)
from wardstead.crypto.mentions import INDEX, MARK, SPAN, MentionRow, moved_mentions
from wardstead.crypto.roots import Roots
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import BackendError, IntegrityError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kek (epoch INTEGER PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS subject_key (subject TEXT PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS erased (subject TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS mention_key (
  owner TEXT NOT NULL, token BLOB NOT NULL, id BLOB NOT NULL UNIQUE, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL,
  PRIMARY KEY (owner, token)
) STRICT;
CREATE TABLE IF NOT EXISTS key_use (era INTEGER PRIMARY KEY, uses INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS ix_mention_key_token ON mention_key (token);
"""
_MENTIONS = "SELECT owner, token, id, epoch, wrapped FROM mention_key"
T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Hears how much is done, of how much."""
_TOLD_EVERY: Final = 256


@dataclass(frozen=True, slots=True)
class Usage:
    """How often the keys that wrap others were used, at most: a subject's, the epoch's, the root's."""

    subject: int
    epoch: int
    root: int


class SubjectKeys:
    """The ``KeyStore`` over ``keys/keys.db``. Safe for threads and processes.

    It uses a rollback journal, not a write-ahead log, and overwrites what it deletes: no second file keeps old keys.
    Residual: a copy-on-write or flash device may keep the old blocks.
    """

    def __init__(self, path: Path, roots: Roots, entropy: Entropy, *, create: bool = False) -> None:
        """``create``: make the file, with a first epoch, when it is not there.

        Raises ``IntegrityError`` when it is not there and should be: everything that its keys seal is lost with it.
        """
        self._where, self._roots, self._entropy, self._lock = str(path), roots, entropy, Lock()
        self._errors: tuple[type[Exception], ...] = SQLITE.errors
        try:
            if create:
                path.touch(mode=0o600)
            if not path.exists() or not (create or path.stat().st_size):
                raise IntegrityError(
                    "the key store is gone: nothing that is recorded can be read without it", where=str(path),
                    next_step="restore it from a backup of the keys folder",
                )  # fmt: skip
            require_private(path, path.stat(), "the key store")
            connection = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False, factory=WatchedConnection
            )
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
        if self._is_erased(_whose(subject)):
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
                if db.execute("SELECT 1 FROM erased WHERE subject = ?", (_whose(key.subject),)).fetchone() is not None:
                    raise KeyGone("this subject's key was destroyed")
                row = (key.subject, key.epoch, key.wrapped)
                db.execute("INSERT INTO subject_key (subject, epoch, wrapped) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
        except self._errors as error:
            raise self._failed(error) from None
        kept = self.find(key.subject)
        if kept is None:
            raise KeyGone("this subject's key was destroyed")
        return kept

    # -- how often keys are used ---------------------------------------------------------------------------------------

    def reserve(self, uses: int, most: int) -> int:
        """See ``KeyStore.reserve``."""
        try:
            with self._transaction() as db:
                era, before = db.execute("SELECT era, uses FROM key_use ORDER BY era DESC LIMIT 1").fetchone() or (0, 0)
                if before + uses > most:
                    era, before = era + 1, 0
                put = "INSERT INTO key_use (era, uses) VALUES (?, ?) ON CONFLICT (era) DO UPDATE SET uses = excluded.uses"
                db.execute(put, (era, before + uses))
        except self._errors as error:
            raise self._failed(error) from None
        return int(era)

    def begin_era(self) -> int:
        """From now on each subject gets a new key for what comes, which no copy of the key store from before has."""
        try:
            with self._transaction() as db:
                db.execute("INSERT INTO key_use (era, uses) SELECT coalesce(max(era), 0) + 1, 0 FROM key_use")
        except self._errors as error:
            raise self._failed(error) from None
        return self.era()

    def era(self) -> int:
        """See ``KeyStore.era``."""
        row = self._one("SELECT max(era) FROM key_use")
        return int(row[0] or 0) if row is not None else 0

    def usage(self) -> Usage:
        """How often the keys that wrap others were used, at most."""
        row = self._one(
            "SELECT (SELECT coalesce(max(uses), 0) FROM key_use), (SELECT count(*) FROM subject_key), "
            "(SELECT count(*) FROM mention_key), (SELECT coalesce(max(epoch), 0) FROM kek)"
        )
        uses, subjects, mentions, epochs = map(int, row or (0, 0, 0, 0))
        return Usage(uses, subjects + mentions, epochs)

    # -- who is mentioned ----------------------------------------------------------------------------------------------

    def find_mentions(self, tokens: Sequence[bytes], owner: str | None) -> list[MentionRow]:
        """Those of an owner, or everybody's."""
        places = ",".join("?" * len(tokens))
        mine, whose = ("", ()) if owner is None else (" AND owner = ?", (owner,))
        return self._mention_rows(f"{_MENTIONS} WHERE token IN ({places}){mine}", (*tokens, *whose))

    def mentions(self, ids: Sequence[bytes]) -> list[MentionRow]:
        """Those of these ids. Raises ``MentionErased`` or ``RetentionOver`` where one was destroyed."""
        found = self._mention_rows(f"{_MENTIONS} WHERE id IN ({','.join('?' * len(ids))})", ids)
        gone = [one.hex() for one in set(ids) - {row.id for row in found}]
        if any(self._is_erased(MARK + one) for one in gone):
            raise MentionErased("somebody whom this mentions was erased")
        if any(self._is_erased(SPAN + one) for one in gone):
            raise RetentionOver("the time for which this is kept is over")
        return found

    def _is_erased(self, name: str) -> bool:
        return self._one("SELECT subject FROM erased WHERE subject = ?", name) is not None

    def add_mentions(self, rows: Sequence[MentionRow]) -> list[MentionRow]:
        """Keep new ones, all of one owner and epoch; those that are kept, should another process have been first.

        Raises ``EpochRetired`` when the epoch was destroyed meanwhile, ``KeyGone`` when the owner was erased.
        """
        owner, epoch = rows[0].owner, rows[0].epoch
        try:
            with self._transaction() as db:
                if db.execute("SELECT 1 FROM kek WHERE epoch = ?", (epoch,)).fetchone() is None:
                    raise EpochRetired(f"epoch {epoch} was retired")
                if db.execute("SELECT 1 FROM erased WHERE subject = ?", (owner,)).fetchone() is not None:
                    raise KeyGone("this subject's key was destroyed")
                db.executemany(
                    "INSERT INTO mention_key (owner, token, id, epoch, wrapped) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    [(row.owner, row.token, row.id, row.epoch, row.wrapped) for row in rows],
                )
        except self._errors as error:
            raise self._failed(error) from None
        kept = self.find_mentions([row.token for row in rows], owner)
        if len(kept) < len(rows):
            raise EpochRetired("an erasure came between")
        return kept

    def _mention_rows(self, query: str, parameters: Sequence[object]) -> list[MentionRow]:
        try:
            with self._lock:
                return [MentionRow(*row) for row in self._driver().execute(query, parameters)]
        except self._errors as error:
            raise self._failed(error) from None

    # -- erasing and rotating ------------------------------------------------------------------------------------------

    def erase(self, *subjects: str) -> int:
        """Destroy subjects' keys, and those of what they mention: all others move to a new epoch, and the old one goes.

        ``mention:`` and an id is the key of one who is mentioned, ``retention:`` and an id that of a day; its token goes with
        it. Returns the new epoch.
        Afterwards evict every key ring. It takes effect when the last other copy of this file is gone.
        """
        try:
            with self._transaction() as db:
                for subject in subjects:
                    if subject.startswith((MARK, SPAN)):
                        db.execute("DELETE FROM mention_key WHERE id = ?", (bytes.fromhex(subject.partition(":")[2]),))
                    else:
                        eras = [(subject,), *((in_era(subject, row[0]),) for row in db.execute("SELECT era FROM key_use"))]
                        db.executemany("DELETE FROM subject_key WHERE subject = ?", eras)
                        db.execute("DELETE FROM mention_key WHERE owner = ?", (subject,))
                    db.execute("INSERT INTO erased (subject) VALUES (?) ON CONFLICT DO NOTHING", (subject,))
                epoch = self._begin_epoch(db)
            with self._lock:
                self._rebuild(self._driver())
        except self._errors as error:
            raise self._failed(error) from None
        return epoch

    def rotate(self, progress: Progress | None = None) -> int:
        """Begin a new epoch: a new key-encryption key, every subject's key under it, the old one gone. Returns the new epoch.

        Whoever runs meanwhile goes on: subjects' keys stay what they are. ``progress`` hears how many are wrapped anew, of how
        many.
        """
        try:
            with self._transaction() as db:
                return self._begin_epoch(db, progress)
        except self._errors as error:
            raise self._failed(error) from None

    def rewrap_root(self, old: bytes, new: bytes) -> None:
        """Move the key-encryption keys from one root key to another; what was moved before stays.

        Whoever runs meanwhile goes on, if it holds both root keys. Raises ``OtherRoot`` for what lies under a third.
        """
        try:
            with self._transaction() as db:
                keks = [KeyEncryptionKey(*row) for row in db.execute("SELECT epoch, wrapped FROM kek")]
                moved = [rewrap_kek(old, new, kek, self._entropy) for kek in keks]
                db.executemany("UPDATE kek SET wrapped = ? WHERE epoch = ?", [(kek.wrapped, kek.epoch) for kek in moved])
        except self._errors as error:
            raise self._failed(error) from None

    def count(self) -> int:
        """How many subjects have a key."""
        row = self._one("SELECT count(*) FROM subject_key WHERE subject <> ? AND replace(subject, '/', '') = subject", INDEX)
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
                self._insert_kek(db, new_kek(self._roots()[0], 1, self._entropy))

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

    def _begin_epoch(self, db: Driver, progress: Progress | None = None) -> int:
        before = KeyEncryptionKey(*db.execute("SELECT epoch, wrapped FROM kek ORDER BY epoch DESC LIMIT 1").fetchone())
        old = open_kek(self._roots(), before)
        # Under the same root key: while another takes its place, not everybody has that one yet.
        after = new_kek(old.root, before.epoch + 1, self._entropy)
        new = open_kek((old.root,), after)
        self._insert_kek(db, after)
        keys = [SubjectKey(*row) for row in db.execute("SELECT subject, epoch, wrapped FROM subject_key")]
        mentions = [MentionRow(*row) for row in db.execute(_MENTIONS)]
        told = _Told(progress, len(keys) + len(mentions))
        moved = moved_subjects(old.key, new.key, after.epoch, told.each(keys), self._entropy)
        update = "UPDATE subject_key SET epoch = ?, wrapped = ? WHERE subject = ?"
        db.executemany(update, [(key.epoch, key.wrapped, key.subject) for key in moved])
        fresh = moved_mentions(old.key, new.key, after.epoch, told.each(mentions), self._entropy)
        update = "UPDATE mention_key SET token = ?, epoch = ?, wrapped = ? WHERE id = ?"
        db.executemany(update, [(row.token, row.epoch, row.wrapped, row.id) for row in fresh])
        db.execute("DELETE FROM kek WHERE epoch < ?", (after.epoch,))
        return after.epoch

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


class _Told:
    """Tells of what passes through ``each``, now and then and at the end."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def each(self, rows: Iterable[T]) -> Iterator[T]:
        for row in rows:
            yield row
            self._done += 1
            if self._progress is not None and (self._done % _TOLD_EVERY == 0 or self._done == self._total):
                self._progress(self._done, self._total)


def _whose(name: str) -> str:
    """The subject of a key, whatever its era."""
    return name.partition("/")[0]
