"""Authenticated encryption of one record: AES-256-GCM, bound to its context, padded, with a commitment to the key.

GCM does not commit to its key: one ciphertext can open to two texts under two keys (Dodis et al., CRYPTO 2018;
Len et al., "Partitioning Oracle Attacks", USENIX Security 2021). So a content key is expanded into an encryption key and
a commitment (NIST SP 800-56C rev. 2, section 4, one-step derivation with SHA-512: one block gives both); what is signed
covers the commitment, and opening checks it first. A second block gives the key for tags.
"""

from __future__ import annotations

import hmac
from hashlib import sha512

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardstead.kernel.encoding import length_prefixed
from wardstead.kernel.errors import IntegrityError

KEY_SIZE = 32
NONCE_SIZE = 12
_LENGTH_SIZE = 4
_SMALLEST_BUCKET = 512
_MAX_CONTENT = 1 << 30
_FIRST_BLOCK, _SECOND_BLOCK = (1).to_bytes(4, "big"), (2).to_bytes(4, "big")
_KEY_PURPOSE = b"wardstead content key v1: AES-256-GCM key, commitment"
WRAPPED_SIZE = NONCE_SIZE + KEY_SIZE + 16


class ContentKey(msgspec.Struct, frozen=True):
    """A key made ready: its cipher, the commitment to it (32 bytes, not secret), and a key for tags.

    ``tag_key`` keys what commits to something beside the ciphertext. It opens nothing: whoever is given it can check such a
    commitment, and no more.
    """

    cipher: AESGCM
    commitment: bytes
    tag_key: bytes


def content_key(key: bytes) -> ContentKey:
    """Expand 32 random bytes into an encryption key, a commitment to it, and a key for tags."""
    if len(key) != KEY_SIZE:
        raise IntegrityError("a content key has 32 bytes")
    block = sha512(_FIRST_BLOCK + key + _KEY_PURPOSE).digest()
    tag_key = sha512(_SECOND_BLOCK + key + _KEY_PURPOSE).digest()[:KEY_SIZE]
    return ContentKey(AESGCM(block[:KEY_SIZE]), block[KEY_SIZE:], tag_key)


def padded_size(size: int) -> int:
    """The bucket for ``size`` bytes: Padmé (Nikitin et al., PETS 2019), at least 512; at most 12% is added beyond that."""
    if size <= _SMALLEST_BUCKET:
        return _SMALLEST_BUCKET
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


def seal(key: ContentKey, nonce: bytes, content: bytes, *context: bytes) -> bytes:
    """Encrypt ``content``, padded, so that it opens in the same ``context`` only.

    ``nonce`` is 12 bytes, never used twice under one key: the caller gives random ones to keys that seal two records.
    """
    if len(content) > _MAX_CONTENT:
        raise IntegrityError("the content is too long to be sealed")
    size = len(content) + _LENGTH_SIZE
    padded = len(content).to_bytes(_LENGTH_SIZE, "big") + content + bytes(padded_size(size) - size)
    return key.cipher.encrypt(nonce, padded, length_prefixed(*context))


def open_sealed(key: ContentKey, commitment: bytes, nonce: bytes, sealed: bytes, *context: bytes) -> bytes:
    """The content. Raises ``IntegrityError`` for another key, another context, or any change."""
    if not hmac.compare_digest(key.commitment, commitment):
        raise IntegrityError("the key is not the one that the record commits to")
    try:
        padded = key.cipher.decrypt(nonce, sealed, length_prefixed(*context))
    except (InvalidTag, ValueError):
        raise IntegrityError("the record does not open: it, its key or its context was changed") from None
    size = int.from_bytes(padded[:_LENGTH_SIZE], "big")
    if len(padded) != padded_size(size + _LENGTH_SIZE):
        raise IntegrityError("the record's padding does not fit its length")
    return padded[_LENGTH_SIZE : _LENGTH_SIZE + size]


def wrap(cipher: AESGCM, nonce: bytes, key: bytes, *context: bytes) -> bytes:
    """``nonce || ciphertext`` (60 bytes) of a key under a key. Random nonces are safe for 2^32 wraps (NIST SP 800-38D 8.3)."""
    return nonce + cipher.encrypt(nonce, key, length_prefixed(*context))


def unwrap(cipher: AESGCM, wrapped: bytes, *context: bytes) -> bytes:
    """The key. Raises ``IntegrityError`` for another wrapping key, another context, or any change."""
    if len(wrapped) != WRAPPED_SIZE:
        raise IntegrityError("a wrapped key has 60 bytes")
    try:
        return cipher.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], length_prefixed(*context))
    except InvalidTag:
        raise IntegrityError("a wrapped key does not open: it, its wrapping key or its context was changed") from None
