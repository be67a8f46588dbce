"""The key hierarchy: root → key-encryption key (one per epoch) → subject → exchange.

Whoever destroys a subject's key makes all that was sealed under it unreadable. A copy of the wrapped key in an old backup
must not undo that, so an erasure also retires the epoch: survivors are re-wrapped under a new key-encryption key
(``rewrap``) and the old one is destroyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardstead.crypto.envelope import KEY_SIZE, NONCE_SIZE, unwrap, wrap
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import IntegrityError

_CACHED_SUBJECTS = 10_000


class KeyGone(IntegrityError):
    """The subject's key was destroyed: what was sealed under it cannot be read."""

    code = "key_gone"


class KeyUnknown(IntegrityError):
    """There is no such key, and none was destroyed: whoever reads of this subject reads what was altered."""

    code = "key_unknown"


class EpochRetired(KeyGone):
    """The key-encryption key of this epoch was destroyed: whoever survived was moved to a newer one."""

    code = "epoch_retired"


@dataclass(frozen=True, slots=True)
class KeyEncryptionKey:
    """The key of one epoch, wrapped under the root key."""

    epoch: int
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A subject's key, wrapped under the key-encryption key of ``epoch``."""

    subject: str
    epoch: int
    wrapped: bytes


class KeyStore(Protocol):
    """Where wrapped keys live. Durable before it returns; safe for several processes."""

    def current_kek(self) -> KeyEncryptionKey:
        """The key-encryption key of the present epoch."""
        ...

    def kek(self, epoch: int) -> KeyEncryptionKey:
        """That of one epoch; raises ``EpochRetired`` when it was destroyed."""
        ...

    def find(self, subject: str) -> SubjectKey | None:
        """A subject's key; raises ``KeyGone`` when it was erased, so that nobody makes a new one."""
        ...

    def add(self, key: SubjectKey) -> SubjectKey:
        """Keep a new subject's key; returns the one that is kept, should another process have been first.

        Raises ``EpochRetired`` when its epoch was destroyed meanwhile, ``KeyGone`` when the subject was erased.
        """
        ...


def new_kek(root: bytes, epoch: int, entropy: Entropy) -> KeyEncryptionKey:
    """A fresh key-encryption key under the root key."""
    return KeyEncryptionKey(epoch, wrap(AESGCM(root), entropy(NONCE_SIZE), entropy(KEY_SIZE), *_kek_context(epoch)))


def new_subject_key(root: bytes, kek: KeyEncryptionKey, subject: str, entropy: Entropy) -> SubjectKey:
    """A fresh subject key under ``kek``."""
    wrapped = wrap(_kek_cipher(root, kek), entropy(NONCE_SIZE), entropy(KEY_SIZE), *_subject_context(subject, kek.epoch))
    return SubjectKey(subject, kek.epoch, wrapped)


def rewrap(root: bytes, old: KeyEncryptionKey, new: KeyEncryptionKey, key: SubjectKey, entropy: Entropy) -> SubjectKey:
    """The same subject key under another epoch's key-encryption key."""
    plain = unwrap(_kek_cipher(root, old), key.wrapped, *_subject_context(key.subject, old.epoch))
    wrapped = wrap(_kek_cipher(root, new), entropy(NONCE_SIZE), plain, *_subject_context(key.subject, new.epoch))
    return SubjectKey(key.subject, new.epoch, wrapped)


def rewrap_kek(old: bytes, new: bytes, kek: KeyEncryptionKey, entropy: Entropy) -> KeyEncryptionKey:
    """The same key-encryption key under another root key. One that is under it already stays as it is."""
    try:
        plain = unwrap(AESGCM(old), kek.wrapped, *_kek_context(kek.epoch))
    except IntegrityError:
        unwrap(AESGCM(new), kek.wrapped, *_kek_context(kek.epoch))
        return kek
    return KeyEncryptionKey(kek.epoch, wrap(AESGCM(new), entropy(NONCE_SIZE), plain, *_kek_context(kek.epoch)))


def _kek_context(epoch: int) -> tuple[bytes, ...]:
    return b"wardstead key-encryption key v1", str(epoch).encode()


def _subject_context(subject: str, epoch: int) -> tuple[bytes, ...]:
    return b"wardstead subject key v1", subject.encode(), str(epoch).encode()


def _kek_cipher(root: bytes, kek: KeyEncryptionKey) -> AESGCM:
    return AESGCM(unwrap(AESGCM(root), kek.wrapped, *_kek_context(kek.epoch)))


class KeyRing:
    """Opens subject keys, and remembers their ciphers: an exchange then costs one wrap and no look-up.

    Residual: Python cannot wipe memory; an evicted key may linger in a process's heap until it ends.
    """

    __slots__ = ("_ciphers", "_entropy", "_root", "_store")

    def __init__(self, root: bytes, store: KeyStore, entropy: Entropy) -> None:
        """``root``: the 32 bytes of the root key."""
        if len(root) != KEY_SIZE:
            raise IntegrityError("the root key has 32 bytes")
        self._root, self._store, self._entropy = root, store, entropy
        self._ciphers: dict[str, AESGCM] = {}

    def to_seal(self, subject: str) -> AESGCM:
        """The subject's cipher; a new subject gets a key. Raises ``KeyGone`` for an erased one."""
        return self._ciphers.get(subject) or self._load(subject, make=True)

    def to_open(self, subject: str) -> AESGCM:
        """The subject's cipher. Raises ``KeyGone`` for an erased subject, ``KeyUnknown`` for one that never had a key."""
        return self._ciphers.get(subject) or self._load(subject, make=False)

    def evict(self) -> None:
        """Forget every cipher: call it whenever a subject was erased anywhere."""
        self._ciphers.clear()

    def _load(self, subject: str, *, make: bool) -> AESGCM:
        try:
            return self._remember(self._find(subject, make=make))
        except EpochRetired:  # an erasure came between two looks at the store; between four it does not come
            return self._remember(self._find(subject, make=make))

    def _find(self, subject: str, *, make: bool) -> SubjectKey:
        key = self._store.find(subject)
        if key is None and make:
            key = self._store.add(new_subject_key(self._root, self._store.current_kek(), subject, self._entropy))
        if key is None:
            raise KeyUnknown(
                "whose it is said to be never had a key", why="the record or the key store was altered, or is an older copy",
                next_step="Run 'wardstead ledger verify'",
            )  # fmt: skip
        return key

    def _remember(self, key: SubjectKey) -> AESGCM:
        kek = _kek_cipher(self._root, self._store.kek(key.epoch))
        cipher = AESGCM(unwrap(kek, key.wrapped, *_subject_context(key.subject, key.epoch)))
        if len(self._ciphers) >= _CACHED_SUBJECTS:
            self._ciphers.clear()
        self._ciphers[key.subject] = cipher
        return cipher
