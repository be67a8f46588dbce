"""Index files of keyed digests: what is indexed cannot be read back, and nobody without the key can test a guess.

A file is a line that says what it is, a header (JSON, its length before it), the digests (truncated to ``DIGEST_BYTES``,
sorted), the digests of first words, and a tag over all of that. Digests and tag are keyed BLAKE2b (RFC 7693 section 2.9), each
use with a personalisation of its own, under one key of the deployment.

Residual: whoever holds the key and the file can test guesses, and a short number has few values to guess from.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final, Literal

import msgspec

from wardstead.kernel.errors import IntegrityError

MAGIC: Final = b"wardstead index 1\n"
DIGEST_BYTES: Final = 8
"""So short that a file of a million values has 8 MB, so long that one foreign text in 10^13 is taken for one of them."""
_TAG_BYTES: Final = 32
_LENGTH: Final = struct.Struct(">I")
Hash = Callable[[bytes], int]


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an index holds. ``shapes``: of values, each ``(class, characters)`` that there is; ``words``: the most one has."""

    kind: Literal["values", "document"]
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{1,39}$")]
    type: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
    category: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
    count: int
    shapes: tuple[tuple[str, int], ...] = ()
    words: int = 0


class Index(msgspec.Struct, frozen=True):
    """A header, and digests to look in. ``firsts``: of the first words of values made of letters alone."""

    header: Header
    digests: Digests
    firsts: Digests


class Digests:
    """Sorted digests. A million takes 8 MB."""

    __slots__ = ("_array",)

    def __init__(self, digests: Iterable[int]) -> None:
        self._array = array("Q", sorted(set(digests)))

    def __contains__(self, digest: int) -> bool:
        at = bisect_left(self._array, digest)
        return at < len(self._array) and self._array[at] == digest

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[int]:
        return iter(self._array)

    def to_bytes(self) -> bytes:
        """Big-endian, in order."""
        swapped = array("Q", self._array)
        if sys.byteorder == "little":
            swapped.byteswap()
        return swapped.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Digests:
        """The inverse of ``to_bytes``."""
        made = array("Q", data)
        if sys.byteorder == "little":
            made.byteswap()
        return cls(made)


def keyed(key: bytes, use: bytes) -> Hash:
    """The digest of bytes for one ``use``, as a number."""
    start = hashlib.blake2b(key=key, digest_size=DIGEST_BYTES, person=use)

    def digest(data: bytes) -> int:
        one = start.copy()
        one.update(data)
        return int.from_bytes(one.digest(), "big")

    return digest


def write_index(index: Index, key: bytes) -> bytes:
    """The file of an index."""
    header = msgspec.json.encode(index.header)
    body = b"".join(
        (
            MAGIC,
            _LENGTH.pack(len(header)),
            header,
            _LENGTH.pack(len(index.digests)),
            index.digests.to_bytes(),
            index.firsts.to_bytes(),
        )
    )
    return body + _tag(body, key)


def read_index(data: bytes, key: bytes, where: str) -> Index:
    """The index in a file. Raises ``IntegrityError`` where it was altered, or made under another key."""
    body, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
    if not data.startswith(MAGIC) or not hmac.compare_digest(tag, _tag(body, key)):
        raise IntegrityError(
            "the index was altered, or made under another key",
            where=where,
            next_step="make it again ('wardstead classify import-values' or 'fingerprint'), or 'wardstead classify forget NAME'",
        )
    at = len(MAGIC)
    (size,) = _LENGTH.unpack_from(body, at)
    at += _LENGTH.size
    header = msgspec.json.decode(body[at : at + size], type=Header)
    at += size
    (count,) = _LENGTH.unpack_from(body, at)
    at += _LENGTH.size
    end = at + count * DIGEST_BYTES
    return Index(header, Digests.from_bytes(body[at:end]), Digests.from_bytes(body[end:]))


def _tag(body: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(body, key=key, digest_size=_TAG_BYTES, person=b"ws-index-tag").digest()
