"""Authenticated encryption of what is too long for one piece: STREAM (Hoang et al., CRYPTO 2015) over AES-256-GCM.

Each segment is sealed under its number and whether it is the last, so that none can be left out, doubled, moved or cut off.

File: ``magic || wrapped key (60) || nonce prefix (7) || segments``; a segment is up to 1 MiB and a tag of 16 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardstead.crypto.envelope import KEY_SIZE, NONCE_SIZE, WRAPPED_SIZE, unwrap, wrap
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import IntegrityError

MAGIC: Final = b"wardstead weights v1\n"
SEGMENT: Final = 1 << 20
_TAG, _PREFIX, _MOST = 16, 7, 1 << 32
SEALED_SEGMENT: Final = SEGMENT + _TAG
HEADER_SIZE: Final = len(MAGIC) + WRAPPED_SIZE + _PREFIX
_CONTEXT: Final = b"wardstead weights key v1"


def plain_size(sealed: int) -> int:
    """How long the content of a file of ``sealed`` bytes is."""
    body = sealed - HEADER_SIZE
    return max(0, body - _TAG * -(-body // SEALED_SEGMENT))


def seal_segments(key: bytes, blocks: Iterable[bytes], entropy: Entropy) -> Iterator[bytes]:
    """The file, in pieces, of content in ``blocks`` of ``SEGMENT`` bytes, of which the last alone may be shorter."""
    own, prefix = entropy(KEY_SIZE), entropy(_PREFIX)
    header = MAGIC + wrap(AESGCM(key), entropy(NONCE_SIZE), own, _CONTEXT) + prefix
    yield header
    cipher = AESGCM(own)
    for number, (block, last) in enumerate(_with_last(blocks)):
        yield cipher.encrypt(_nonce(prefix, number, last=last), block, header)


def open_segments(key: bytes, header: bytes, segments: Iterable[bytes]) -> Iterator[bytes]:
    """The content, in pieces, from the first ``HEADER_SIZE`` bytes and the rest in pieces of ``SEALED_SEGMENT``.

    Raises ``IntegrityError`` for another key and for any change. What came before the change has been given by then.
    """
    if len(header) != HEADER_SIZE or not header.startswith(MAGIC):
        raise IntegrityError("these are no encrypted weights")
    wrapped, prefix = header[len(MAGIC) : -_PREFIX], header[-_PREFIX:]
    cipher = AESGCM(unwrap(AESGCM(key), wrapped, _CONTEXT))
    for number, (segment, last) in enumerate(_with_last(segments)):
        try:
            yield cipher.decrypt(_nonce(prefix, number, last=last), segment, header)
        except (InvalidTag, ValueError):
            raise IntegrityError(f"segment {number} was altered, moved or cut off") from None


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    if number >= _MOST:
        raise IntegrityError("more segments than can be sealed under one key")
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last; of nothing, one that is empty."""
    pending = iter(blocks)
    before = next(pending, b"")
    for block in pending:
        yield before, False
        before = block
    yield before, True
