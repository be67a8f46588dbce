"""Secrets in files of the ``keys/`` folder: readable by their owner alone, or refused.

Residual: whoever holds an older copy of the folder holds older keys, those of people whose keys were destroyed since included.
"""

from __future__ import annotations

import stat
from pathlib import Path

from wardstead.adapters.store.durable_file import write_durably
from wardstead.crypto.envelope import KEY_SIZE
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import ConfigurationError


def read_secret(path: Path) -> bytes:
    """A secret file's bytes. Raises ``ConfigurationError`` when it is missing or anyone but its owner may touch it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise ConfigurationError(
            "a key file is missing", where=str(path), next_step="restore it from a backup: nothing can take its place"
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError("a key file is no regular file", where=str(path), next_step="restore it from a backup")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigurationError(
            "a key file may be read by others than its owner", where=str(path), next_step=f"chmod 600 {path}, and rotate the key"
        )
    return path.read_bytes()


def make_key(path: Path, entropy: Entropy) -> None:
    """Write a new key, never over another."""
    _make(path, entropy(KEY_SIZE).hex().encode() + b"\n")


def read_key(path: Path) -> bytes:
    """The 32 bytes of a key that is kept as 64 hexadecimal digits: the root key, and what keys credentials' digests."""
    try:
        key = bytes.fromhex(read_secret(path).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise ConfigurationError(
            "not a key", where=str(path), why="it is 64 hexadecimal digits", next_step="restore it from a backup"
        )
    return key


def make_ledger_key(path: Path, name: str, entropy: Entropy) -> None:
    """Write a new signing key for a ledger called ``name``, never over another."""
    _make(path, SigningKey(name, entropy(KEY_SIZE)).text().encode() + b"\n")


def read_ledger_key(path: Path) -> SigningKey:
    """The ledger's signing key."""
    try:
        return SigningKey.from_text(read_secret(path).decode("utf-8", "replace").strip())
    except ConfigurationError as error:
        where = error.where or str(path)
        raise ConfigurationError(
            error.what, where=where, why=error.why, next_step=error.next_step or "restore it from a backup"
        ) from None


def _make(path: Path, data: bytes) -> None:
    if path.exists():
        raise ConfigurationError(
            "there is a key already", where=str(path), why="overwriting it would make what it seals unreadable"
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_durably(path, [data], mode=0o600)
