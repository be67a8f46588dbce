"""The ``keys/`` folder: the root key, and the secrets beside it, each a file of its own.

As ``init`` makes them they are plain: whoever can read the folder can read everything. Once a key provider protects the root key,
only its sealed form is left (``root.key.sealed``), and the others lie sealed under it.

Residual: what was plain is overwritten before it goes; a copy-on-write or flash device, and a backup, may still have it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from wardstead.adapters.keys.handed import Handing, hand_over, handed, variable
from wardstead.adapters.store.engine.durable_file import sync_folder, write_durably
from wardstead.adapters.store.keys.key_files import key_of, ledger_key_of, read_secret, text_of
from wardstead.crypto.envelope import KEY_SIZE
from wardstead.crypto.sealed_root import (
    KeyProvider,
    SealedRoot,
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

    @cached_property
    def root(self) -> bytes:
        """The root key. Raises ``WardsteadError`` where it does not open, or its rotation was interrupted."""
        given = handed(ROOT, self._environment)
        if given is not None:
            return given
        if self.rotating:
            raise ConfigurationError(
                "the rotation of the root key was interrupted", where=str(self._next),
                next_step="'wardstead keys rotate --root' ends it",
            )  # fmt: skip
        return self._root_in(self._folder / ROOT)

    @property
    def open(self) -> bool:
        """Whether the root key can be had without asking anybody."""
        return self.protection is None or variable(ROOT) in self._environment or "root" in vars(self)

    @property
    def protection(self) -> SealedRoot | None:
        """How the root key is sealed; ``None`` while it is a plain file."""
        if (self._folder / ROOT).exists() or not self._sealed(self._folder / ROOT).exists():
            return None
        return self._sealed_root(self._folder / ROOT)

    def handing(self, name: str = ROOT) -> Handing:
        """How children that need this key, and no other, get it. Opens it where it is sealed."""
        if self.protection is None:
            return Handing()
        return hand_over(name, self.root if name == ROOT else self.key(name))

    @property
    def rotating(self) -> bool:
        """Whether another root key is on its way into the place of this one: its rotation was interrupted."""
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
        if self.has(name):
            raise ConfigurationError(
                "there is a key already", where=str(self._folder / name), why="overwriting it would make what it seals unreadable"
            )
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name == ROOT or self.protection is None:
            write_durably(self._folder / name, [data])
        else:
            write_durably(self._sealed(self._folder / name), [seal_secret(self.root, name, data, self._entropy)])

    def protect(self, provider: KeyProvider) -> SealedRoot:
        """Let a provider keep the root key from now on. Plain files go last, once all that replaces them is safe and opens."""
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

    def rotate_root(self, rewrap: Callable[[bytes, bytes], None]) -> None:
        """Another root key, kept as this one was. What was interrupted is ended: each step can be done again.

        ``rewrap(old, new)`` moves the key-encryption keys; where they are moved already it does nothing.
        """
        path = self._folder / ROOT
        old = self._root_in(path)
        if not self.rotating:
            self._write_next(require_root(self._entropy(KEY_SIZE)))
        new = self._root_in(self._next)
        rewrap(old, new)
        for name in (name for name in _SECRETS if self._sealed(self._folder / name).exists()):
            self._move(name, old, new)
        target = path if self._is_plain(ROOT) else self._sealed(path)
        self._next.replace(target)
        sync_folder(self._folder)
        vars(self).pop("root", None)

    def _write_next(self, root: bytes) -> None:
        protection = self.protection
        data = text_of(root) if protection is None else write_sealed(self._provider(protection).reseal(protection, root))
        write_durably(self._next, [data])

    def _move(self, name: str, old: bytes, new: bytes) -> None:
        path = self._sealed(self._folder / name)
        sealed, made = read_secret(path), path.stat().st_mtime
        try:
            secret = open_secret(old, name, sealed)
        except IntegrityError:
            open_secret(new, name, sealed)  # it was moved before the interruption, or it is none
            return
        write_durably(path, [seal_secret(new, name, secret, self._entropy)])
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
        return open_secret(self.root, name, read_secret(sealed))

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


def _gone(path: Path) -> Path:
    return path.with_name(f".{path.name}.gone")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(bytes(size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
