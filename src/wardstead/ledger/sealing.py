"""Sealing the entries of an exchange under its own key. This is on the hot path: about 25 µs for both entries.

One draw of randomness serves the key and the three nonces. The body's context is the whole header, so that neither
a body nor a wrapped key can be moved to another exchange, kind, time or outcome. The label of what is
sealed stands in front of it, inside, and the header commits to it with a tag: it cannot be swapped, nor read without the key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import msgspec

from wardstead.crypto.envelope import (
    KEY_SIZE,
    NONCE_SIZE,
    WRAPPED_SIZE,
    content_key,
    open_sealed,
    seal,
    wrap,
)
from wardstead.crypto.keyring import KeyRing
from wardstead.crypto.mentions import Mention, joined, named, split
from wardstead.crypto.merkle import HASH_SIZE
from wardstead.kernel.clock import Entropy
from wardstead.kernel.encoding import length_prefixed
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import STANDARD, Label, Levels
from wardstead.ledger.entry import Header, check_id, check_outcome, minute_of, row_digest
from wardstead.ledger.ports import Draft, EntryKind

_BODY = b"wardstead entry body v1"
_LABEL = b"wardstead entry label v1"
_EXCHANGE_KEY = b"wardstead exchange key v1"


class ExchangeSeal:
    """The key of one exchange, and one nonce for each of the two entries it may seal."""

    __slots__ = ("_exchange", "_key", "_nonces", "_secret", "_subject", "_wrapped")

    def __init__(self, exchange: ExchangeId, subject: str, secret: bytes, wrapped: bytes, nonces: tuple[bytes, bytes]) -> None:
        """Made by ``Sealer.begin``. ``secret``: the exchange's key."""
        self._exchange, self._subject, self._secret, self._wrapped = exchange, subject, secret, wrapped
        self._key = content_key(secret)
        self._nonces: list[bytes | None] = list(nonces)

    def intent(self, content: bytes, time_ms: int, label: Label | None = None, mentions: Sequence[Mention] = ()) -> Draft:
        """Seal what is about to happen. ``label`` is that of ``content``; ``None`` where there is nothing to label.

        ``mentions``: the keys of all who are identified in it. It opens with every one of them, or not at all.
        """
        return self._draft(EntryKind.INTENT, content, "", time_ms, label, mentions=mentions)

    def outcome(
        self, content: bytes, outcome: str, time_ms: int, label: Label | None = None, mentions: Sequence[Mention] = ()
    ) -> Draft:
        """Seal what came of it; ``outcome`` is one word, and public."""
        return self._draft(EntryKind.OUTCOME, content, check_outcome(outcome), time_ms, label, mentions=mentions)

    def admin(self, content: bytes, time_ms: int) -> Draft:
        """Seal an act of administration, which is its own only entry."""
        return self._draft(EntryKind.ADMIN, content, "", time_ms, None)

    def _draft(
        self, kind: EntryKind, content: bytes, outcome: str, time_ms: int, label: Label | None, *,
        mentions: Sequence[Mention] = (),
    ) -> Draft:  # fmt: skip
        nonce, key = self._take(kind), self._key
        if mentions:
            key = content_key(joined(self._secret, [one.key for one in mentions]))
        minute, row = minute_of(time_ms), row_digest(self._exchange, kind.value, self._subject, time_ms)
        tag = b""
        if label is not None:
            said = label.encode()
            tag = label_tag(key.tag_key, self._exchange, kind, said)
            content = length_prefixed(said) + content
        header = Header(kind, self._exchange, minute, key.commitment, nonce, self._wrapped, outcome, row, tag).encode()
        body = seal(key, nonce, content, _BODY, header)
        if mentions:
            body = named(self._key, nonce, mentions, header) + body
        ids = tuple(one.id for one in mentions)
        return Draft(self._exchange, kind, header, body, self._subject, time_ms, outcome, ids)

    def _take(self, kind: EntryKind) -> bytes:
        """A nonce, once: a retried intent gets a fresh seal, never the same nonce for other bytes."""
        which = 1 if kind is EntryKind.OUTCOME else 0
        nonce = self._nonces[which]
        if nonce is None:
            raise IntegrityError("an exchange seals each of its entries once", next_step="begin a new seal")
        self._nonces[which] = None
        return nonce


class Sealer:
    """Makes seals: a fresh key per exchange, wrapped under its subject's."""

    __slots__ = ("_entropy", "_ring")

    def __init__(self, ring: KeyRing, entropy: Entropy) -> None:
        """``entropy`` must be cryptographic (``os.urandom``)."""
        self._ring, self._entropy = ring, entropy

    def begin(self, subject: str, exchange_id: ExchangeId) -> ExchangeSeal:
        """The seal of a new exchange. Raises ``KeyGone`` when the subject was erased."""
        check_id(exchange_id)
        drawn = self._entropy(KEY_SIZE + 3 * NONCE_SIZE)
        key, wrap_nonce = drawn[:KEY_SIZE], drawn[KEY_SIZE : KEY_SIZE + NONCE_SIZE]
        rest = drawn[KEY_SIZE + NONCE_SIZE :]
        wrapped = wrap(self._ring.to_seal(subject), wrap_nonce, key, _EXCHANGE_KEY, subject.encode(), exchange_id.encode())
        return ExchangeSeal(exchange_id, subject, key, wrapped, (rest[:NONCE_SIZE], rest[NONCE_SIZE:]))

    def mention(self, subject: str, said: Sequence[tuple[str, str]]) -> list[Mention]:
        """The keys of whom ``subject`` mentions, each identifier a kind and a value. Raises ``KeyGone`` for an erased subject."""
        return self._ring.mention(subject, said)

    def known_mentions(self, subject: str, said: Sequence[tuple[str, str]]) -> list[Mention] | None:
        """As ``mention``, without asking the key store; ``None`` where that is needed."""
        return self._ring.known_mentions(subject, said)

    def seal_kept(self, subject: str, name: str, content: bytes) -> bytes:
        """See ``seal_kept``."""
        return seal_kept(self._ring, self._entropy, subject, name, content)

    def open_kept(self, subject: str, name: str, sealed: bytes) -> bytes:
        """See ``open_kept``."""
        return open_kept(self._ring, subject, name, sealed)


_PREFIX = 8
_KEPT_KEY, _KEPT = b"wardstead kept key v1", b"wardstead kept v1"


def seal_kept(ring: KeyRing, entropy: Entropy, subject: str, name: str, content: bytes) -> bytes:
    """Something kept beside the ledger for a person, sealed under their key as entries are; it opens under ``name`` alone.

    ``commitment (32) || nonce (12) || wrapped key (60) || body``. Raises ``KeyGone`` when the subject was erased.
    """
    drawn = entropy(KEY_SIZE + 2 * NONCE_SIZE)
    key, wrap_nonce, nonce = drawn[:KEY_SIZE], drawn[KEY_SIZE : KEY_SIZE + NONCE_SIZE], drawn[KEY_SIZE + NONCE_SIZE :]
    made, context = content_key(key), (subject.encode(), name.encode())
    wrapped = wrap(ring.to_seal(subject), wrap_nonce, key, _KEPT_KEY, *context)
    return made.commitment + nonce + wrapped + seal(made, nonce, content, _KEPT, *context)


def open_kept(ring: KeyRing, subject: str, name: str, sealed: bytes) -> bytes:
    """What ``seal_kept`` sealed. Raises ``IntegrityError`` when anything does not fit, ``KeyGone`` for an erased subject."""
    commitment, rest = sealed[:HASH_SIZE], sealed[HASH_SIZE:]
    nonce, wrapped, body = rest[:NONCE_SIZE], rest[NONCE_SIZE : NONCE_SIZE + WRAPPED_SIZE], rest[NONCE_SIZE + WRAPPED_SIZE :]
    context = (subject.encode(), name.encode())
    key = content_key(ring.unwrap(subject, wrapped, _KEPT_KEY, *context))
    return open_sealed(key, commitment, nonce, body, _KEPT, *context)


def label_tag(tag_key: bytes, exchange: str, kind: EntryKind, label: bytes) -> bytes:
    """Commits to an entry's label, and tells it to nobody: whoever is given ``tag_key`` and the label can check it."""
    return hmac.digest(tag_key, length_prefixed(_LABEL, exchange.encode(), kind.value.encode(), label), "sha256")


class Opened(msgspec.Struct, frozen=True):
    """An entry's content, and the label that was sealed with it (``None``: it has none, or is older than labels)."""

    content: bytes
    label: Label | None = None
    mentions: frozenset[bytes] = frozenset()
    """The ids of the keys of whom it mentions."""


def open_entry(ring: KeyRing, subject: str, header: bytes, body: bytes, levels: Levels = STANDARD) -> Opened:
    """What a stored entry holds under seal; empty for one without content. Its label is held against the header's tag.

    ``levels``: what the names of levels mean here; one that they do not know is above all.
    Raises ``KeyGone`` when the subject's key was destroyed, another ``IntegrityError`` when anything does not fit: a subject
    that never had a key among it.
    """
    fields = Header.decode(header)
    if not fields.key:
        if body and fields.kind is not EntryKind.KEY:
            raise IntegrityError("an entry without a key has a body", where=fields.exchange)
        return Opened(b"")
    context = (_EXCHANGE_KEY, subject.encode(), fields.exchange.encode())
    secret = ring.unwrap(subject, fields.key, *context)
    key, mentions = content_key(secret), frozenset[bytes]()
    if not hmac.compare_digest(key.commitment, fields.commitment):
        # The commitment tells which of the two it is: none opens in the other's place.
        found = split(key, fields.nonce, body, header)
        key, body = content_key(joined(secret, ring.open_mentions(subject, found.ids))), found.body
        mentions = frozenset(found.ids)
    content = open_sealed(key, fields.commitment, fields.nonce, body, _BODY, header)
    if not fields.label:
        return Opened(content, mentions=mentions)
    size = int.from_bytes(content[:_PREFIX], "big")
    said, content = content[_PREFIX : _PREFIX + size], content[_PREFIX + size :]
    if not hmac.compare_digest(label_tag(key.tag_key, fields.exchange, fields.kind, said), fields.label):
        raise IntegrityError("the label is not the one that the entry commits to", where=fields.exchange)
    return Opened(content, levels.decode(said), mentions)
