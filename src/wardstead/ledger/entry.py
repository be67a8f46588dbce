"""The canonical form of an entry, and the leaf it becomes.

The header is public: JSON with exactly these fields, in this order, no spaces. It names no person and no label, and its
time is coarse. ``leaf = SHA-256(0x00 || length-prefixed(header, SHA-256(body)))``: it covers the ciphertext, never the
content, so destroying a key leaves every proof intact.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256

import msgspec

from wardstead.crypto.merkle import leaf_hash
from wardstead.kernel.encoding import length_prefixed
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.ledger.ports import Draft, EntryKind

VERSION = 1
UNKNOWN = "unknown"
"""The outcome of an intent whose worker died: what it had delivered may be unrecorded."""
_MINUTE_MS = 60_000
_ID = re.compile(r"[0-9a-zA-Z._-]{1,64}\Z")
_WORD = re.compile(r"[a-z0-9_-]{0,32}\Z")


class Header(msgspec.Struct, frozen=True):
    """What everyone may see of an entry.

    ``exchange`` is the receipt id, a pseudonym; ``minute`` counts from the epoch; ``key`` is the exchange's key, wrapped
    under its subject's. An entry without content (a recovered outcome) has neither key, commitment nor nonce.
    """

    kind: EntryKind
    exchange: ExchangeId
    minute: int
    commitment: bytes = b""
    nonce: bytes = b""
    key: bytes = b""
    outcome: str = ""

    def encode(self) -> bytes:
        """The one canonical encoding: what ``json.dumps`` with sorted keys gives, without its price on the hot path."""
        return (
            f'{{"commitment":"{self.commitment.hex()}","exchange":"{self.exchange}","key":"{self.key.hex()}",'
            f'"kind":"{self.kind.value}","minute":{self.minute},"nonce":"{self.nonce.hex()}",'
            f'"outcome":"{self.outcome}","v":{VERSION}}}'
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read an encoded header; raises ``IntegrityError`` unless it is canonical."""
        try:
            fields = json.loads(data)
            header = cls(
                kind=EntryKind(fields["kind"]),
                exchange=ExchangeId(check_id(fields["exchange"])),
                minute=int(fields["minute"]),
                commitment=bytes.fromhex(fields["commitment"]),
                nonce=bytes.fromhex(fields["nonce"]),
                key=bytes.fromhex(fields["key"]),
                outcome=check_outcome(fields["outcome"]),
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise IntegrityError("the entry's header is not one of ours") from None
        if header.encode() != data:
            raise IntegrityError("the entry's header is not in its canonical form")
        return header


def check_id(exchange: str) -> str:
    """An exchange id that needs no escaping; raises ``IntegrityError`` otherwise."""
    if not _ID.match(exchange):
        raise IntegrityError("not an exchange id")
    return exchange


def check_outcome(outcome: str) -> str:
    """An outcome is one short word; raises ``IntegrityError`` otherwise."""
    if not _WORD.match(outcome):
        raise IntegrityError("an outcome is one word of small letters")
    return outcome


def minute_of(time_ms: int) -> int:
    """The coarse time that a header carries."""
    return time_ms // _MINUTE_MS


def leaf_input(header: bytes, body: bytes) -> bytes:
    """What the leaf hashes: the C2SP log entry."""
    return leaf_data(header, sha256(body).digest())


def leaf_data(header: bytes, body_sha256: bytes) -> bytes:
    """The same, for whoever holds only the hash of the body."""
    return length_prefixed(header, body_sha256)


def entry_leaf(header: bytes, body: bytes) -> bytes:
    """The entry's leaf hash."""
    return leaf_hash(leaf_input(header, body))


def unknown_outcome(exchange: ExchangeId, subject: str, time_ms: int) -> Draft:
    """The outcome of an exchange that nobody can finish any more. It has no content, hence no key."""
    header = Header(EntryKind.OUTCOME, exchange, minute_of(time_ms), outcome=UNKNOWN)
    return Draft(exchange, EntryKind.OUTCOME, header.encode(), b"", subject, time_ms, UNKNOWN)
