"""The keys of people who are only mentioned: what others said that names somebody opens with a key of that somebody's, too.

Each identifier that an asker's exchanges hold has a key, made when it is first seen. The content key of an entry is derived from
the exchange's key *and* the keys of all that it mentions, so whoever destroys one of them makes the entry unreadable, wherever
a copy of it lies, and nothing else.

They are found by a token: HMAC-SHA256 of kind and value under a key of its own, cut to 16 bytes. With 10^9 tokens, the chance
that a given identifier meets a stranger's is 10^9 / 2^128 < 10^-29: a false match is no matter of length. At rest the token is
enciphered once more under the epoch's key, so that it changes with each epoch, and one in an older copy of the key store can be
tested by nobody once that epoch's key is destroyed.

Residual: until they are erased, the ids of keys stand in the database beside the entries: it shows that two exchanges of one
asker mention the same.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from wardstead.crypto.envelope import KEY_SIZE, NONCE_SIZE, ContentKey, unwrap, wrap
from wardstead.kernel.clock import Entropy
from wardstead.kernel.encoding import length_prefixed
from wardstead.kernel.errors import IntegrityError

TOKEN_SIZE: Final = 16
ID_SIZE: Final = 16
MARK: Final = "mention:"
"""Before the id of such a key, where keys are named among those of people."""
SPAN: Final = "retention:"
"""Before the id of a key that goes with its day: all that one asker said, and that is kept until then, takes it."""
SPAN_KIND: Final = "wardstead retention"
"""What such a key is found by: this and a day, where others are found by an identifier's kind and value."""
INDEX: Final = "wardstead index of mentions v1"
"""The subject whose key is that of the index."""
_COUNT_SIZE, _TAG_SIZE = 2, 16
_NAMED: Final = b"wardstead mentions of an entry v1"


@dataclass(frozen=True, slots=True)
class Mention:
    """A key, by its random id."""

    id: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class MentionRow:
    """A key as it is stored: ``token`` enciphered, ``wrapped`` under the key-encryption key of ``epoch``."""

    owner: str
    """The asker whose exchanges hold it."""
    token: bytes
    id: bytes
    epoch: int
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Split:
    """What stands before a ciphertext, and the ciphertext."""

    ids: list[bytes]
    body: bytes


class MentionStore(Protocol):
    """Where they live. Durable before it returns; safe for several processes."""

    def find_mentions(self, tokens: Sequence[bytes], owner: str | None) -> list[MentionRow]:
        """Those of an owner, or everybody's."""
        ...

    def add_mentions(self, rows: Sequence[MentionRow]) -> list[MentionRow]:
        """Keep new ones; those that are kept, should another process have been first.

        Raises ``EpochRetired`` when their epoch was destroyed meanwhile, ``KeyGone`` when the owner was erased.
        """
        ...

    def mentions(self, ids: Sequence[bytes]) -> list[MentionRow]:
        """Those of these ids. Raises ``KeyGone`` where one was destroyed: ``RetentionOver`` where that was by its day."""
        ...


def token(index: bytes, kind: str, value: str) -> bytes:
    """By which an identifier is found; ``index``: the index's own key."""
    return hmac.digest(index, length_prefixed(b"wardstead mention v1", kind.encode(), value.encode()), "sha256")[:TOKEN_SIZE]


def masked(epoch_key: bytes, plain: bytes) -> bytes:
    """A token as it is stored in an epoch: a permutation, so what differs differs still."""
    encryptor = _mask(epoch_key).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def _mask(epoch_key: bytes) -> Cipher[ECB]:
    key = hmac.digest(epoch_key, b"wardstead mention token v1", "sha256")
    # One block, random to whoever has not the index's key: what ECB shows, equality, is what it is for.
    return Cipher(AES256(key), ECB())  # noqa: S305


def new_mention(epoch_key: bytes, epoch: int, owner: str, plain_token: bytes, entropy: Entropy) -> MentionRow:
    """A fresh key for an identifier."""
    made, ident = entropy(KEY_SIZE), entropy(ID_SIZE)
    wrapped = wrap(AESGCM(epoch_key), entropy(NONCE_SIZE), made, *_context(owner, ident, epoch))
    return MentionRow(owner, masked(epoch_key, plain_token), ident, epoch, wrapped)


def open_mention(epoch_key: bytes, row: MentionRow) -> Mention:
    """The key. Raises ``IntegrityError``."""
    return Mention(row.id, unwrap(AESGCM(epoch_key), row.wrapped, *_context(row.owner, row.id, row.epoch)))


def moved_mentions(old: bytes, new: bytes, epoch: int, rows: Iterable[MentionRow], entropy: Entropy) -> list[MentionRow]:
    """The same keys in another epoch, under other tokens."""
    before, after = AESGCM(old), AESGCM(new)
    off, on = _mask(old).decryptor(), _mask(new).encryptor()
    out = []
    for row in rows:
        key = unwrap(before, row.wrapped, *_context(row.owner, row.id, row.epoch))
        wrapped = wrap(after, entropy(NONCE_SIZE), key, *_context(row.owner, row.id, epoch))
        out.append(MentionRow(row.owner, on.update(off.update(row.token)), row.id, epoch, wrapped))
    return out


def _context(owner: str, ident: bytes, epoch: int) -> tuple[bytes, ...]:
    return b"wardstead mention key v1", owner.encode(), ident, str(epoch).encode()


# -- what an entry is sealed under -----------------------------------------------------------------------------------------


def joined(exchange_key: bytes, mentioned: Sequence[bytes]) -> bytes:
    """The key of an entry that opens with the exchange's key and all of ``mentioned`` together, and with none of them missing."""
    return hmac.digest(exchange_key, length_prefixed(b"wardstead mentioned v1", *mentioned), "sha256")


def named(key: ContentKey, nonce: bytes, mentions: Sequence[Mention], header: bytes) -> bytes:
    """Before the ciphertext: which keys it takes, for whoever has the exchange's.

    ``key`` is made of the exchange's key alone, which seals nothing else where somebody is mentioned: so ``nonce`` may be the
    entry's own.
    """
    ids = b"".join(one.id for one in mentions)
    return len(mentions).to_bytes(_COUNT_SIZE, "big") + key.cipher.encrypt(nonce, ids, length_prefixed(_NAMED, header))


def split(key: ContentKey, nonce: bytes, body: bytes, header: bytes) -> Split:
    """The ids of the keys, and the ciphertext. Raises ``IntegrityError``."""
    end = _COUNT_SIZE + int.from_bytes(body[:_COUNT_SIZE], "big") * ID_SIZE + _TAG_SIZE
    try:
        ids = key.cipher.decrypt(nonce, body[_COUNT_SIZE:end], length_prefixed(_NAMED, header))
    except (InvalidTag, ValueError):
        raise IntegrityError("the key is not the one that the record commits to") from None
    return Split([ids[at : at + ID_SIZE] for at in range(0, len(ids), ID_SIZE)], body[end:])
