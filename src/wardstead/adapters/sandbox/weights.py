"""The weights: hashed, then served from exactly what was hashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from wardstead.adapters.artifacts import verity
from wardstead.adapters.artifacts.plain import digest_of, open_plain
from wardstead.adapters.memory_file import make_unchangeable, memory_file, write_all
from wardstead.crypto.segments import HEADER_SIZE, SEALED_SEGMENT, open_segments, plain_size
from wardstead.isolation.posture import Kept
from wardstead.kernel.errors import ConfigurationError, IntegrityError

_BLOCK = 1 << 22
ENCRYPTED = ".encrypted"
Progress = Callable[[int], None]


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encrypted_form(path: Path) -> Path:
    """Where the weights lie when they are encrypted."""
    return path.with_name(path.name + ENCRYPTED)


def is_encrypted(path: Path) -> bool:
    """Whether the weights are there in their encrypted form alone."""
    return not path.exists() and encrypted_form(path).exists()


def blocks(path: Path, key: Callable[[], bytes] | None = None) -> Iterator[bytes]:
    """The weights in pieces, decrypted with ``key`` where they are encrypted. Raises ``IntegrityError`` for altered ones."""
    if key is None or not is_encrypted(path):
        with open_plain(path) as file:
            yield from iter(lambda: file.read(_BLOCK), b"")
        return
    yield from decrypted(encrypted_form(path), key())


def decrypted(path: Path, key: bytes) -> Iterator[bytes]:
    """The content of encrypted weights in pieces. Raises ``IntegrityError`` for another key, and for altered ones."""
    with BufferedReader(open_plain(path), SEALED_SEGMENT) as file:
        yield from open_segments(key, file.read(HEADER_SIZE), iter(lambda: file.read(SEALED_SEGMENT), b""))


def sealed_copy(path: Path, expected: str, progress: Progress | None = None, key: Callable[[], bytes] | None = None) -> int:
    """A memory file with the weights that nobody can change any more, hashed, and decrypted with ``key``, while it was filled.

    Raises ``IntegrityError`` when the digest is not ``expected`` (hexadecimal SHA-256).
    """
    fd = memory_file("weights")
    try:
        found = hashlib.sha256()
        for block in blocks(path, key):
            found.update(block)
            write_all(fd, block)
            if progress is not None:
                progress(len(block))
        _check(path, found.hexdigest(), expected)
        make_unchangeable(fd)
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


class Held(NamedTuple):
    """A descriptor of weights, what keeps them as they were hashed, and why not more does."""

    descriptor: int
    kept: Kept
    why: str = ""


def held_file(path: Path, expected: str, by_verity: str = "") -> Held:
    """The file, whose digest was taken through its descriptor: a later change of the path changes nothing.

    ``by_verity``: its admitted digest by fs-verity; where the kernel checks it by that, nothing is read here, and where it
    does not yet, it is asked to. Raises ``IntegrityError`` when the digest is not ``expected``.
    """
    with open_plain(path) as file:
        if by_verity and verity.measured(file) == by_verity:
            return Held(os.dup(file.fileno()), Kept.VERITY)
        _check(path, digest_of(file), expected)
        if not by_verity:
            return Held(os.dup(file.fileno()), Kept.HASHED, "its admission names no digest by fs-verity: add it anew")
        why = verity.make_unchangeable(file)
        if why:
            return Held(os.dup(file.fileno()), Kept.HASHED, why)
        _check(path, verity.measured(file), by_verity, "fs-verity's digest")  # of what the kernel read, after we did
        return Held(os.dup(file.fileno()), Kept.VERITY)


def content_digest(path: Path, key: Callable[[], bytes] | None = None) -> str:
    """SHA-256 of what the weights are, decrypted where they are encrypted. Raises ``WardsteadError``."""
    found = hashlib.sha256()
    for block in blocks(path, key):
        found.update(block)
    return found.hexdigest()


def size(path: Path) -> int:
    """How many bytes the weights have, encrypted or not. Raises ``ConfigurationError`` when they are missing."""
    try:
        return plain_size(encrypted_form(path).stat().st_size) if is_encrypted(path) else path.stat().st_size
    except FileNotFoundError:
        raise ConfigurationError("the weights are missing", where=str(path), next_step="run 'wardstead init' again") from None


def fits_in_memory(path: Path, share: int = 8) -> bool:
    """Whether a sealed copy is affordable: at most an eighth of the machine's memory, or another ``share`` of it."""
    return size(path) <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // share


def _check(path: Path, found: str, expected: str, what: str = "sha256") -> None:
    if found != expected:
        raise IntegrityError(
            "the weights are not the ones that were admitted", where=str(path), why=f"{what} is {found}, expected {expected}",
            next_step="restore the file; the model is not served",
        )  # fmt: skip
