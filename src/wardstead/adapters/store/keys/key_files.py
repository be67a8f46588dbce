"""Secrets in files of the ``keys/`` folder: readable by their owner alone, or refused.

Residual: whoever holds an older copy of the folder holds older keys, those of people whose keys were destroyed since included.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

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
    require_private(path, found, "a key file")
    return path.read_bytes()


def require_private(path: Path, found: os.stat_result, what: str) -> None:
    """Raises ``ConfigurationError`` where anybody else may touch it, its owner included if that is somebody else."""
    if stat.S_IMODE(found.st_mode) & 0o077:
        next_step = f"chmod 600 {path}, and rotate the key"
        raise ConfigurationError(f"{what} may be read by others than its owner", where=str(path), next_step=next_step)
    if found.st_uid not in {0, os.geteuid()}:  # root reads everything, and is who hands credentials to a service
        next_step = f"start Wardstead as its owner, or 'chown {os.geteuid()} {path}' and rotate the key"
        raise ConfigurationError(f"{what} belongs to somebody else", where=str(path), next_step=next_step)


def new_key(entropy: Entropy) -> bytes:
    """A new key, as its file has it."""
    return text_of(entropy(KEY_SIZE))


def text_of(key: bytes) -> bytes:
    """A key, as its file has it."""
    return key.hex().encode() + b"\n"


def key_of(data: bytes, where: str) -> bytes:
    """The 32 bytes of a key, from a file that holds it as 64 hexadecimal digits: the root key, what keys credentials' digests."""
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise ConfigurationError(
            "not a key", where=where, why="it is 64 hexadecimal digits", next_step="restore it from a backup"
        )
    return key


def new_ledger_key(name: str, entropy: Entropy) -> bytes:
    """A new signing key for a ledger called ``name``, as its file has it."""
    return SigningKey(name, entropy(KEY_SIZE)).text().encode() + b"\n"


def ledger_key_of(data: bytes, where: str) -> SigningKey:
    """The ledger's signing key, from its file's bytes."""
    try:
        return SigningKey.from_text(data.decode("utf-8", "replace").strip())
    except ConfigurationError as error:
        where = error.where or where
        raise ConfigurationError(
            error.what, where=where, why=error.why, next_step=error.next_step or "restore it from a backup"
        ) from None
