"""What fs-verity calls the digest of a file, computed without it (https://docs.kernel.org/filesystems/fsverity.html, "Merkle
tree" and "fs-verity descriptor"): SHA-256, blocks of 4,096 bytes, no salt. So it is known before the kernel is asked.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Final

BLOCK: Final = 4096
SHA256: Final = 1
"""``FS_VERITY_HASH_ALG_SHA256``."""
_DESCRIPTOR: Final = struct.Struct("<BBBBIQ64s32s144s")


class VerityDigest:
    """Takes a file piece by piece; remembers at most a block of each level of the tree."""

    def __init__(self) -> None:
        """Of an empty file."""
        self._size = 0
        self._rest = b""
        self._levels: list[bytearray] = []

    def update(self, data: bytes) -> None:
        """The next piece."""
        self._size += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % BLOCK
        view = memoryview(data)
        self._add(0, b"".join(sha256(view[at : at + BLOCK]).digest() for at in range(0, whole, BLOCK)))
        self._rest = data[whole:]

    def hexdigest(self) -> str:
        """Of what it was given so far, in hexadecimal; takes nothing more afterwards."""
        if self._rest:
            self._add(0, sha256(self._rest.ljust(BLOCK, b"\0")).digest())
        descriptor = (1, SHA256, BLOCK.bit_length() - 1, 0, 0, self._size, self._root(), b"", b"")
        return sha256(_DESCRIPTOR.pack(*descriptor)).hexdigest()

    def _add(self, level: int, hashes: bytes) -> None:
        """More hashes of a level: each block of them that is full is one hash of the next."""
        if not hashes:
            return
        if level == len(self._levels):
            self._levels.append(bytearray())
        held = self._levels[level]
        held += hashes
        while len(held) > BLOCK:  # a full block waits for what follows: where nothing does, it may be the last level
            self._add(level + 1, sha256(held[:BLOCK]).digest())
            del held[:BLOCK]

    def _root(self) -> bytes:
        """The hash above all others; zeros for an empty file."""
        level = 0
        while level < len(self._levels):
            held = self._levels[level]
            if level + 1 == len(self._levels) and len(held) == sha256().digest_size:
                return bytes(held)
            self._add(level + 1, sha256(bytes(held).ljust(BLOCK, b"\0")).digest())
            held.clear()
            level += 1
        return b""
