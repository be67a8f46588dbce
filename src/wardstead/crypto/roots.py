"""The root keys that a process holds: one, and two while another takes its place. And how the new one reaches other machines.

It is sealed by HPKE (RFC 9180), under ML-KEM-768 and X25519 together, to a key that its receiver made for this alone. So whoever
has stolen the old root key, and later reads what was written down meanwhile, does not have the new one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from wardstead.crypto.envelope import KEY_SIZE
from wardstead.crypto.sealed_root import require_root
from wardstead.kernel.encoding import length_prefixed
from wardstead.kernel.errors import IntegrityError

Roots = Callable[[], Sequence[bytes]]
"""The root keys as they are at this moment, the newest first. What lies under one is looked at before, never after."""

_MLKEM_SIZE: Final = 1184
_TAG_SIZE: Final = 32
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def only(root: bytes) -> Roots:
    """A root key whose place no other takes. Raises ``IntegrityError`` where it has not its size."""
    held = (require_root(root),)
    return lambda: held


def root_id(root: bytes) -> str:
    """By which a root key is told from others; it says nothing of it."""
    return hmac.digest(root, b"wardstead root key id v1", "sha256")[:8].hex()


@dataclass(frozen=True, slots=True)
class NewRoot:
    """What a gateway is given: the new root key, and its file as it lies in the folder."""

    root: bytes
    file: bytes


class Receiver:
    """A gateway that waits for the new root key of one rotation; its key is made for that, and kept in memory alone."""

    def __init__(self, old: bytes, rotation: str) -> None:
        """``old``: what proves that it is one of ours."""
        kem, exchange = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
        self._old, self._context = old, _context(rotation)
        self._private = MLKEM768X25519PrivateKey(kem, exchange)
        public = kem.public_key().public_bytes_raw() + exchange.public_key().public_bytes_raw()
        self.request = _tag(old, b"request", self._context, public) + public
        """What it shows to whoever has the new root key."""

    def take(self, sealed: bytes) -> NewRoot:
        """The new root key. Raises ``IntegrityError`` where it is of another, for another, or of nobody who has the old one."""
        try:
            opened = _SUITE.decrypt(sealed, self._private, info=self._context)
        except (InvalidTag, ValueError):
            raise _not_ours("the new root key does not open") from None
        tag, told = opened[:_TAG_SIZE], opened[_TAG_SIZE:]
        if not hmac.compare_digest(tag, _tag(self._old, b"answer", self._context, self.request, told)):
            raise _not_ours("the new root key comes from somebody who has not the old one")
        return NewRoot(require_root(told[:KEY_SIZE]), told[KEY_SIZE:])


def hand_to(old: bytes, rotation: str, request: bytes, new: NewRoot) -> bytes:
    """The new root key for whoever shows this ``request``. Raises ``IntegrityError`` where they have not the old one."""
    tag, public, context = request[:_TAG_SIZE], request[_TAG_SIZE:], _context(rotation)
    if not hmac.compare_digest(tag, _tag(old, b"request", context, public)):
        raise _not_ours("somebody who has not the old root key asks for the new one")
    told = new.root + new.file
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_SIZE]), X25519PublicKey.from_public_bytes(public[_MLKEM_SIZE:])
        )
    except ValueError:
        raise _not_ours("what is asked with is no key") from None
    return _SUITE.encrypt(_tag(old, b"answer", context, request, told) + told, key, info=context)


def _context(rotation: str) -> bytes:
    return length_prefixed(b"wardstead root key hand-over v1", rotation.encode())


def _tag(old: bytes, *parts: bytes) -> bytes:
    return hmac.digest(old, length_prefixed(*parts), "sha256")


def _not_ours(what: str) -> IntegrityError:
    return IntegrityError(
        what, where="root_gateway", why="the database was altered, or is another deployment's",
        next_step="look who can write to the database; then say 'wardstead keys rotate --root' again",
    )  # fmt: skip
