"""The key hierarchy: root → key-encryption key (one per epoch) → subject → exchange.

Whoever destroys a subject's key makes all that was sealed under it unreadable. A copy of the wrapped key in an old backup
must not undo that, so an erasure also retires the epoch: survivors are re-wrapped under a new key-encryption key
(``moved_subjects``) and the old one is destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Final, Protocol, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardstead.crypto.envelope import KEY_SIZE, NONCE_SIZE, unwrap, wrap
from wardstead.crypto.mentions import INDEX, Mention, MentionStore, masked, new_mention, open_mention, token
from wardstead.crypto.roots import Roots
from wardstead.crypto.sealed_root import KEYS_OF_ONE_COPY
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import IntegrityError

MOST_USES: Final = 1 << 32
"""So often a key wraps others under random nonces of 96 bits: NIST SP 800-38D section 8.3. That two nonces meet, which would give
the key's authentication away, has a chance of at most 2^-32 then."""
ERA: Final = MOST_USES // 2
"""After so many uses of all keys together each subject has a new one, so none is used more often than that."""
RANGE: Final = 1 << 14
"""So many uses a process reserves at once; what it had left when it ended counts as used."""
_CACHED_SUBJECTS = 10_000
_CACHED_MENTIONS = 50_000
T = TypeVar("T")


class KeyGone(IntegrityError):
    """The subject's key was destroyed: what was sealed under it cannot be read."""

    code = "key_gone"


class KeyUnknown(IntegrityError):
    """There is no such key, and none was destroyed: whoever reads of this subject reads what was altered."""

    code = "key_unknown"


class MentionErased(KeyGone):
    """Somebody whom this mentions was erased, and what was said of them with them."""

    code = "mention_erased"


class RetentionOver(KeyGone):
    """The time for which this is kept is over, and what it takes to open it was destroyed."""

    code = "retention_over"


class EpochRetired(KeyGone):
    """The key-encryption key of this epoch was destroyed: whoever survived was moved to a newer one."""

    code = "epoch_retired"


class OtherRoot(IntegrityError):
    """A key-encryption key lies under no root key that is held."""

    code = "other_root_key"


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


class KeyStore(MentionStore, Protocol):
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

    def reserve(self, uses: int, most: int) -> int:
        """Note that subjects' keys will be used so often; the era whose keys these are.

        Where those would be used more than ``most`` times the next era begins: keys of eras before open what they sealed, and
        seal nothing more.
        """
        ...

    def era(self) -> int:
        """The present era."""
        ...


def in_era(subject: str, era: int) -> str:
    """By which name a subject's key of an era is kept; no subject has a slash in it."""
    return f"{subject}/{era}" if era else subject


def new_kek(root: bytes, epoch: int, entropy: Entropy) -> KeyEncryptionKey:
    """A fresh key-encryption key under the root key."""
    return KeyEncryptionKey(epoch, wrap(AESGCM(root), entropy(NONCE_SIZE), entropy(KEY_SIZE), *_kek_context(epoch)))


def new_subject_key(kek: bytes, epoch: int, subject: str, entropy: Entropy) -> SubjectKey:
    """A fresh subject key under the key ``kek`` of an epoch."""
    wrapped = wrap(AESGCM(kek), entropy(NONCE_SIZE), entropy(KEY_SIZE), *_subject_context(subject, epoch))
    return SubjectKey(subject, epoch, wrapped)


def moved_subjects(old: bytes, new: bytes, epoch: int, keys: Iterable[SubjectKey], entropy: Entropy) -> list[SubjectKey]:
    """The same subjects' keys, from under the key ``old`` of their epoch, under the key ``new`` of another."""
    before, after, out = AESGCM(old), AESGCM(new), []
    for key in keys:
        plain = unwrap(before, key.wrapped, *_subject_context(key.subject, key.epoch))
        wrapped = wrap(after, entropy(NONCE_SIZE), plain, *_subject_context(key.subject, epoch))
        out.append(SubjectKey(key.subject, epoch, wrapped))
    return out


def rewrap_kek(old: bytes, new: bytes, kek: KeyEncryptionKey, entropy: Entropy) -> KeyEncryptionKey:
    """The same key-encryption key under another root key. One that is under it already stays as it is."""
    found = open_kek((new, old), kek)
    if found.root == new:
        return kek
    return KeyEncryptionKey(kek.epoch, wrap(AESGCM(new), entropy(NONCE_SIZE), found.key, *_kek_context(kek.epoch)))


def _kek_context(epoch: int) -> tuple[bytes, ...]:
    return b"wardstead key-encryption key v1", str(epoch).encode()


def _subject_context(subject: str, epoch: int) -> tuple[bytes, ...]:
    return b"wardstead subject key v1", subject.encode(), str(epoch).encode()


@dataclass(frozen=True, slots=True)
class OpenKek:
    """The key of an epoch, and the root key that it lies under."""

    key: bytes
    root: bytes


def open_kek(roots: Sequence[bytes], kek: KeyEncryptionKey) -> OpenKek:
    """The key of an epoch. Raises ``OtherRoot`` where it lies under none of these."""
    for root in roots:
        with suppress(IntegrityError):
            return OpenKek(unwrap(AESGCM(root), kek.wrapped, *_kek_context(kek.epoch)), root)
    why = f"it is another deployment's or an older one, or the key of epoch {kek.epoch} was altered"
    raise OtherRoot("the root key does not open the key store", why=why, next_step=KEYS_OF_ONE_COPY)


class KeyRing:
    """Opens subject keys, and remembers their ciphers: an exchange then costs one wrap and no look-up.

    Residual: Python cannot wipe memory; an evicted key may linger in a process's heap until it ends.
    """

    __slots__ = ("_ciphers", "_entropy", "_era", "_index", "_look", "_mentions", "_most", "_roots", "_store", "_uses")

    def __init__(self, roots: Roots, store: KeyStore, entropy: Entropy, *, most: int = ERA) -> None:
        """``most``: the uses of an era."""
        self._roots, self._store, self._entropy = roots, store, entropy
        self._ciphers: dict[str, AESGCM] = {}
        self._mentions: dict[tuple[str, bytes], Mention] = {}
        self._index = b""
        self._most = most
        self._uses: Iterator[int] = iter(())
        """What is reserved and not used: each use is of an era. ``next`` is atomic among threads."""
        self._era, self._look = 0, False

    def to_seal(self, subject: str) -> AESGCM:
        """The subject's newest cipher, for one use; a new subject gets a key. Raises ``KeyGone`` for an erased one."""
        if self._look:
            if self._store.era() != self._era:
                self._uses = iter(())
            self._look = False
        era = next(self._uses, None)
        if era is None:
            self._era = era = self._store.reserve(RANGE, self._most)
            self._uses = repeat(era, RANGE - 1)
        name = in_era(subject, era)
        return self._ciphers.get(name) or self._load(name, make=True)

    def to_open(self, subject: str) -> AESGCM:
        """The subject's cipher. Raises ``KeyGone`` for an erased subject, ``KeyUnknown`` for one that never had a key."""
        return self._ciphers.get(subject) or self._load(subject, make=False)

    def unwrap(self, subject: str, wrapped: bytes, *context: bytes) -> bytes:
        """A key that lies under a subject's, of whichever era. Raises as ``to_open``, and ``IntegrityError``."""
        try:
            return unwrap(self.to_open(subject), wrapped, *context)
        except IntegrityError as error:
            if type(error) is KeyGone:
                raise
            for era in range(self._store.era(), 0, -1):
                with suppress(KeyUnknown):
                    cipher = self.to_open(in_era(subject, era))
                    with suppress(IntegrityError):
                        return unwrap(cipher, wrapped, *context)
            raise

    def evict(self) -> None:
        """Forget every cipher, and look for a new era: call it whenever a subject was erased, or an era begun, anywhere."""
        self._look = True
        self._ciphers.clear()
        self._mentions.clear()

    # -- who is mentioned ----------------------------------------------------------------------------------------------

    def tokens(self, said: Sequence[tuple[str, str]]) -> list[bytes]:
        """By which identifiers, each a kind and a value, are found."""
        if not self._index:
            # It never changes, and no erasure destroys it.
            self._index = self._again(lambda: self._plain(self._find(INDEX, make=True)))
        return [token(self._index, *one) for one in said]

    def mention(self, owner: str, said: Sequence[tuple[str, str]]) -> list[Mention]:
        """The keys of what ``owner`` mentions; made where there is none. Raises ``KeyGone`` for an erased owner."""
        wanted = dict.fromkeys(self.tokens(said))
        found = {one: self._mentions[owner, one] for one in wanted if (owner, one) in self._mentions}
        missing = [one for one in wanted if one not in found]
        if missing:
            made = self._again(lambda: self._find_mentions(owner, missing))
            if len(self._mentions) >= _CACHED_MENTIONS:
                self._mentions.clear()
            self._mentions |= {(owner, one): key for one, key in made.items()}
            found |= made
        return [found[one] for one in wanted]

    def known_mentions(self, owner: str, said: Sequence[tuple[str, str]]) -> list[Mention] | None:
        """As ``mention``, from this process's memory alone; ``None`` where that does not hold all of them."""
        if not self._index:
            return None
        tokens = dict.fromkeys(self.tokens(said))
        found = [key for one in tokens if (key := self._mentions.get((owner, one))) is not None]
        return found if len(found) == len(tokens) else None

    def open_mentions(self, owner: str, ids: Sequence[bytes]) -> list[bytes]:
        """The keys of these ids, in their order. Raises ``MentionErased``, and ``KeyUnknown`` for what is not this owner's."""
        return self._again(lambda: self._open_mentions(owner, ids))

    def mentioned(self, said: Sequence[tuple[str, str]]) -> dict[bytes, str]:
        """Whose exchanges mention any of these: the ids of the keys, and their owners. Makes none."""
        tokens = self.tokens(said)

        def look() -> dict[bytes, str]:
            kek = self._open(self._store.current_kek())
            return {row.id: row.owner for row in self._store.find_mentions([masked(kek, one) for one in tokens], None)}

        return self._again(look)

    def _find_mentions(self, owner: str, tokens: Sequence[bytes]) -> dict[bytes, Mention]:
        present = self._store.current_kek()
        kek = self._open(present)
        stored = {masked(kek, one): one for one in tokens}
        rows = self._store.find_mentions(list(stored), owner)
        missing = stored.keys() - {row.token for row in rows}
        if missing:
            made = [new_mention(kek, present.epoch, owner, stored[one], self._entropy) for one in sorted(missing)]
            rows += self._store.add_mentions(made)
        return {stored[row.token]: open_mention(kek, row) for row in rows}

    def _open_mentions(self, owner: str, ids: Sequence[bytes]) -> list[bytes]:
        rows = {row.id: row for row in self._store.mentions(ids)}
        if any(one not in rows or rows[one].owner != owner for one in ids):
            raise KeyUnknown(
                "what it mentions never had a key", why="the record or the key store was altered, or is an older copy",
                next_step="Run 'wardstead ledger verify'",
            )  # fmt: skip
        keks = {epoch: self._open(self._store.kek(epoch)) for epoch in {row.epoch for row in rows.values()}}
        return [open_mention(keks[rows[one].epoch], rows[one]).key for one in ids]

    # -- the store -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _again(look: Callable[[], T]) -> T:
        try:
            return look()
        except (EpochRetired, OtherRoot):  # an erasure or a rotation came between two looks; between four none comes
            return look()

    def _open(self, kek: KeyEncryptionKey) -> bytes:
        return open_kek(self._roots(), kek).key

    def _load(self, subject: str, *, make: bool) -> AESGCM:
        return self._again(lambda: self._remember(self._find(subject, make=make)))

    def _find(self, subject: str, *, make: bool) -> SubjectKey:
        key = self._store.find(subject)
        if key is None and make:
            kek = self._store.current_kek()
            key = self._store.add(new_subject_key(self._open(kek), kek.epoch, subject, self._entropy))
        if key is None:
            raise KeyUnknown(
                "whose it is said to be never had a key", why="the record or the key store was altered, or is an older copy",
                next_step="Run 'wardstead ledger verify'",
            )  # fmt: skip
        return key

    def _remember(self, key: SubjectKey) -> AESGCM:
        cipher = AESGCM(self._plain(key))
        if len(self._ciphers) >= _CACHED_SUBJECTS:
            self._ciphers.clear()
        self._ciphers[key.subject] = cipher
        return cipher

    def _plain(self, key: SubjectKey) -> bytes:
        kek = self._open(self._store.kek(key.epoch))
        return unwrap(AESGCM(kek), key.wrapped, *_subject_context(key.subject, key.epoch))
