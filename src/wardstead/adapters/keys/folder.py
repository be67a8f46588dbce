"""The ``keys/`` folder: the root key, and the secrets beside it, each a file of its own.

As ``init`` makes them they are plain: whoever can read the folder can read everything. Once a key provider protects the root key,
only its sealed form is left (``root.key.sealed``), and the others lie sealed under it. While another root key takes its place
that one lies beside it (``root.key.next``), kept in the same way.

Residual: what was plain is overwritten before it goes; a copy-on-write or flash device, and a backup, may still have it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from wardstead.adapters.keys.handed import (
    Handing,
    hand_over,
    hand_over_roots,
    handed,
    handed_on,
    handed_roots,
    replace_roots,
    variable,
)
from wardstead.adapters.locks import alone_in
from wardstead.adapters.store.engine.durable_file import sync_folder, write_durably
from wardstead.adapters.store.keys.key_files import key_of, ledger_key_of, read_secret, text_of
from wardstead.crypto.envelope import KEY_SIZE
from wardstead.crypto.roots import NewRoot
from wardstead.crypto.sealed_root import (
    KeyProvider,
    SealedRoot,
    move_secret,
    open_secret,
    read_sealed,
    require_root,
    same_key,
    seal_secret,
    write_sealed,
)
from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import ConfigurationError, IntegrityError

ROOT: Final = "root.key"
LEDGER: Final = "ledger.key"
CREDENTIALS: Final = "credentials.key"
KNOWN: Final = "known.key"
WEIGHTS: Final = "weights.key"
_PUBLIC: Final = "ledger.pub"
_SECRETS: Final = (LEDGER, CREDENTIALS, KNOWN, WEIGHTS)
_SEALED: Final = ".sealed"
_NEXT: Final = ".next"


class KeyFolder:
    """The keys of one deployment."""

    def __init__(
        self, folder: Path, entropy: Entropy, provider: Callable[[SealedRoot], KeyProvider], environment: Mapping[str, str]
    ) -> None:
        """``provider``: who opens a sealed root key, when it is first wanted and no other process handed it over."""
        self._folder, self._entropy, self._provider, self._environment = folder, entropy, provider, environment
        self._opened: tuple[object, Sequence[bytes]] | None = None

    @property
    def root(self) -> bytes:
        """The root key; while another takes its place, still this one. Raises ``WardsteadError`` where it does not open."""
        return self.roots()[-1]

    def roots(self) -> Sequence[bytes]:
        """The root keys as they are now: see ``Roots``. Raises ``WardsteadError`` where one does not open."""
        given = handed_roots(ROOT, self._environment)
        if given is not None:
            return given
        while self._opened is None or self._opened[0] != self._marks():
            marks = self._marks()
            try:
                self._opened = marks, self._open_all()
            except ConfigurationError:
                if marks == self._marks():
                    raise  # otherwise a key was moved meanwhile
        return self._opened[1]

    def _marks(self) -> object:
        """What changes when a root key does."""
        found = []
        for path in (self._folder / ROOT, self._sealed(self._folder / ROOT), self._next):
            try:
                seen = path.stat()
                found.append((seen.st_ino, seen.st_mtime_ns))
            except FileNotFoundError:
                found.append((0, 0))
        return found

    def _open_all(self) -> Sequence[bytes]:
        newest = [self._root_in(self._next)] if self.rotating else []
        return [*newest, self._root_in(self._folder / ROOT)]

    @property
    def open(self) -> bool:
        """Whether the root key can be had without asking anybody."""
        return self.protection is None or variable(ROOT) in self._environment or self._opened is not None

    @property
    def protection(self) -> SealedRoot | None:
        """How the root key is sealed; ``None`` while it is a plain file."""
        if (self._folder / ROOT).exists() or not self._sealed(self._folder / ROOT).exists():
            return None
        return self._sealed_root(self._folder / ROOT)

    def handing(self, name: str = ROOT) -> Handing:
        """How children that need this key, and no other, get it. Opens it where it is sealed."""
        if name != ROOT:
            return hand_over(name, self.key(name)) if self.protection is not None else Handing()
        given = handed_on(ROOT, self._environment)
        if given is None:
            given = hand_over_roots(ROOT, self.roots())
            self._environment = {**self._environment, **given.environment}
        return given

    @property
    def rotating(self) -> bool:
        """Whether another root key is on its way into the place of this one."""
        return self._next.exists()

    @property
    def unfinished(self) -> bool:
        """Whether a secret is there both plain and sealed, or was not yet overwritten: sealing was interrupted."""
        both = [(self._folder / name).exists() and self._sealed(self._folder / name).exists() for name in (ROOT, *_SECRETS)]
        return any(both) or any(self._folder.glob(".*.gone"))

    @property
    def secrets(self) -> Mapping[str, bool]:
        """The secrets that there are, and whether each is sealed."""
        names = (ROOT, *_SECRETS)
        found = {name: not (self._folder / name).exists() for name in names}
        return {name: sealed for name, sealed in found.items() if not sealed or self._sealed(self._folder / name).exists()}

    @property
    def created_s(self) -> int:
        """When the deployment was made, in seconds since the epoch."""
        plain = self._folder / LEDGER
        there = next((one for one in (plain, self._sealed(plain)) if one.exists()), self._folder / _PUBLIC)
        return int(there.stat().st_mtime)

    def has(self, name: str) -> bool:
        """Whether there is such a secret."""
        return (self._folder / name).exists() or self._sealed(self._folder / name).exists()

    def key(self, name: str) -> bytes:
        """The 32 bytes of a secret. Raises ``WardsteadError``."""
        return handed(name, self._environment) or key_of(self._read(name), str(self._folder / name))

    def ledger(self) -> SigningKey:
        """The ledger's first signing key. Raises ``WardsteadError``."""
        return ledger_key_of(self._read(LEDGER), str(self._folder / LEDGER))

    def verifying(self) -> VerifyingKey:
        """What the first of the ledger's keys is verified with: no secret, so it is there also while the root key is sealed."""
        if (self._folder / LEDGER).exists() or not (self._folder / _PUBLIC).exists():
            return self.ledger().verifying
        return VerifyingKey.from_text(read_secret(self._folder / _PUBLIC).decode("utf-8", "replace").strip())

    def retire_ledger(self) -> None:
        """Another key signs the ledger: destroy the first one. What it is verified with stays, and can be asked for again."""
        if self.has(LEDGER):
            self._publish()
        _destroy(self._folder / LEDGER)
        self._sealed(self._folder / LEDGER).unlink(missing_ok=True)
        sync_folder(self._folder)

    @property
    def has_first(self) -> bool:
        """Whether anything is left of the ledger's first signing key."""
        return self.has(LEDGER) or _gone(self._folder / LEDGER).exists()

    def _publish(self) -> None:
        made = self.created_s
        write_durably(self._folder / _PUBLIC, [self.verifying().text().encode() + b"\n"])
        os.utime(self._folder / _PUBLIC, (made, made))

    def make(self, name: str, data: bytes) -> None:
        """Keep a new secret, never over another: sealed where the root key is."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone_in(self._folder):
            if self.has(name):
                raise ConfigurationError(
                    "there is a key already", where=str(self._folder / name),
                    why="overwriting it would make what it seals unreadable",
                )  # fmt: skip
            if name == ROOT or self.protection is None:
                write_durably(self._folder / name, [data])
            else:
                write_durably(self._sealed(self._folder / name), [seal_secret(self.root, name, data, self._entropy)])

    def protect(self, provider: KeyProvider) -> SealedRoot:
        """Let a provider keep the root key from now on. Plain files go last, once all that replaces them is safe and opens."""
        self._require_settled()
        root = self.root
        sealed = provider.seal(root)
        if not same_key(provider.open(sealed), root):
            raise IntegrityError("the key provider gives back another key than it was given", where=provider.name)
        self._publish()
        for name in filter(self._is_plain, _SECRETS):
            path = self._folder / name
            write_durably(self._sealed(path), [seal_secret(root, name, read_secret(path), self._entropy)])
            made = path.stat().st_mtime
            os.utime(self._sealed(path), (made, made))
        write_durably(self._sealed(self._folder / ROOT), [write_sealed(sealed)])
        for name in (*_SECRETS, ROOT):
            _destroy(self._folder / name)
        return sealed

    def unprotect(self) -> None:
        """Keep everything plain again."""
        self._require_settled()
        root = self.root
        for name in (name for name in _SECRETS if self.has(name)):
            path = self._folder / name
            made = self.created_s
            write_durably(path, [self._read(name)])
            os.utime(path, (made, made))
        write_durably(self._folder / ROOT, [text_of(root)])
        for name in (*_SECRETS, ROOT):
            self._sealed(self._folder / name).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _require_settled(self) -> None:
        if self.rotating:
            raise ConfigurationError(
                "another root key is taking the place of this one", where=str(self._next),
                next_step="'wardstead keys rotate --root' ends it",
            )  # fmt: skip

    # -- another root key ----------------------------------------------------------------------------------------------

    def next_root(self) -> NewRoot:
        """The root key that is to take the place of this one: made, and kept as this one is, where there is none yet."""
        with alone_in(self._folder):
            if not self.rotating:
                root, protection = require_root(self._entropy(KEY_SIZE)), self.protection
                data = text_of(root) if protection is None else write_sealed(self._provider(protection).reseal(protection, root))
                write_durably(self._next, [data])
            return self._new()

    def pending_root(self) -> NewRoot | None:
        """As ``next_root``; ``None`` where there is none."""
        with alone_in(self._folder):
            return self._new() if self.rotating else None

    def _new(self) -> NewRoot:
        return NewRoot(self._root_in(self._next), read_secret(self._next))

    def take_next(self, new: NewRoot, old: bytes) -> None:
        """Keep ``new`` beside ``old``. From now on all processes that were handed the root key have both.

        Raises ``ConfigurationError`` where it is kept by somebody else than the one of this folder.
        """
        data = self._as_kept_here(new)
        with alone_in(self._folder):
            if not self.rotating or read_secret(self._next) != data:
                write_durably(self._next, [data])
        replace_roots(ROOT, self._environment, [new.root, old])

    def _as_kept_here(self, new: NewRoot) -> bytes:
        protection = self.protection
        if protection is None:
            return text_of(new.root)
        if read_sealed(new.file, str(self._next)).provider != protection.provider:
            raise ConfigurationError(
                "the new root key is kept by another key provider than this folder's", where=str(self._folder),
                next_step="copy the folder keys/ of the gateway where it was begun; the keys of all gateways are the same",
            )  # fmt: skip
        return new.file

    def settle(self, root: bytes) -> None:
        """Every secret here lies under ``root`` from now on, and no other root key is left. Done again, it does nothing.

        Raises ``IntegrityError`` where it is not the newest.
        """
        with alone_in(self._folder):
            held = self.roots()
            if not same_key(held[0], root):
                raise IntegrityError("another root key than the newest cannot take its place", where=str(self._folder))
            for name in (name for name in _SECRETS if self._sealed(self._folder / name).exists()):
                self._move(held, root, name)
            if self.rotating:
                path = self._folder / ROOT
                _put_over(self._next, path if self._is_plain(ROOT) else self._sealed(path))
        replace_roots(ROOT, self._environment, [root])

    def _move(self, held: Sequence[bytes], root: bytes, name: str) -> None:
        path = self._sealed(self._folder / name)
        sealed, made = read_secret(path), path.stat().st_mtime
        moved = move_secret(held, root, name, sealed, self._entropy)
        if moved != sealed:
            write_durably(path, [moved])
            os.utime(path, (made, made))

    @property
    def _next(self) -> Path:
        return self._folder / f"{ROOT}{_NEXT}"

    def _root_in(self, path: Path) -> bytes:
        plain = self.protection is None
        if plain:
            return key_of(read_secret(path), str(path))
        sealed = self._sealed_root(path)
        return require_root(self._provider(sealed).open(sealed))

    def _sealed_root(self, path: Path) -> SealedRoot:
        path = path if path == self._next else self._sealed(path)
        return read_sealed(read_secret(path), str(path))

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        sealed = self._sealed(path)
        if path.exists() or not sealed.exists():
            return read_secret(path)
        data = read_secret(sealed)
        try:
            return open_secret(self.roots(), name, data)
        except IntegrityError:  # it may have been moved between the two
            data = read_secret(sealed)
            return open_secret(self.roots(), name, data)

    def _is_plain(self, name: str) -> bool:
        return (self._folder / name).exists()

    @staticmethod
    def _sealed(path: Path) -> Path:
        return path.with_name(path.name + _SEALED)


def _destroy(path: Path) -> None:
    """Take a file away, then overwrite and remove it. It is never there half overwritten; what was interrupted is done first."""
    gone = _gone(path)
    if gone.exists():
        _overwrite(gone)
    if path.exists():
        path.replace(gone)
        sync_folder(path.parent)
        _overwrite(gone)
    sync_folder(path.parent)


def _put_over(path: Path, target: Path) -> None:
    """In one step; then overwrite what ``target`` was. Residual: whoever is killed between the two leaves its blocks."""
    with target.open("r+b") as old:
        path.replace(target)
        sync_folder(target.parent)
        _zero(old)


def _gone(path: Path) -> Path:
    return path.with_name(f".{path.name}.gone")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        _zero(file)
    path.unlink()


def _zero(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    file.write(bytes(size))
    file.flush()
    os.fsync(file.fileno())
