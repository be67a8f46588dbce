"""The canonical form of an entry, and the leaf it becomes.

The header is public: JSON with exactly these fields, in this order, no spaces. It names no person and no label, and its
time is coarse; ``row`` commits to whose it is and when all the same, and ``label`` to how sensitive it is.

``leaf = SHA-256(0x00 || length-prefixed(header, SHA-256(body)))``: it covers the ciphertext, never the content, so
destroying a key leaves every proof intact.
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

VERSION = 3
"""Version 1 had no ``row``: entries of that time commit to neither subject nor exact time. Version 2 had no ``label``; entries
that hold no data with a label (acts of administration, unknown outcomes) are still written in it."""
_ROW = b"wardstead entry row v2"
UNKNOWN = "unknown"
"""The outcome of an intent whose worker died: what it had delivered may be unrecorded."""
_MINUTE_MS = 60_000
_ID = re.compile(r"[0-9a-zA-Z._-]{1,64}\Z")
_WORD = re.compile(r"[a-z0-9_-]{0,32}\Z")


class Header(msgspec.Struct, frozen=True):
    """What everyone may see of an entry.

    ``exchange`` is the receipt id, a pseudonym; ``minute`` counts from the epoch; ``key`` is the exchange's key, wrapped
    under its subject's. An entry without content (a recovered outcome) has neither key, commitment nor nonce. ``row`` is
    ``row_digest`` of what stays outside; ``label`` a tag over the label, under a key that only the exchange's key gives.
    """

    kind: EntryKind
    exchange: ExchangeId
    minute: int
    commitment: bytes = b""
    nonce: bytes = b""
    key: bytes = b""
    outcome: str = ""
    row: bytes = b""
    label: bytes = b""

    def encode(self) -> bytes:
        """The one canonical encoding: what ``json.dumps`` with sorted keys gives, without its price on the hot path."""
        last = f'"row":"{self.row.hex()}","v":{VERSION if self.label else 2}' if self.row else '"v":1'
        label = f'"label":"{self.label.hex()}",' if self.label else ""
        return (
            f'{{"commitment":"{self.commitment.hex()}","exchange":"{self.exchange}","key":"{self.key.hex()}",'
            f'"kind":"{self.kind.value}",{label}"minute":{self.minute},"nonce":"{self.nonce.hex()}",'
            f'"outcome":"{self.outcome}",{last}}}'
        ).encode()

    def fits(self, exchange: str, kind: str, outcome: str, subject: str, time_ms: int) -> bool:
        """Whether the columns that stand beside it say what it says."""
        if (exchange, kind, outcome, minute_of(time_ms)) != (self.exchange, self.kind.value, self.outcome, self.minute):
            return False
        return not self.row or self.row == row_digest(exchange, kind, subject, time_ms)

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
                row=bytes.fromhex(fields.get("row", "")),
                label=bytes.fromhex(fields.get("label", "")),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise IntegrityError("the entry's header is not one of ours") from None
        if header.encode() != data or (header.label and not header.row):
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


def row_digest(exchange: str, kind: str, subject: str, time_ms: int) -> bytes:
    """Commits to whose entry it is, and when exactly, and tells neither.

    A subject is 128 random bits that stand in no header, and the exchange differs each time: who does not have the row can
    neither guess the subject nor see that two entries are one person's.
    """
    return sha256(length_prefixed(_ROW, exchange.encode(), kind.encode(), subject.encode(), b"%d" % time_ms)).digest()


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
    row = row_digest(exchange, EntryKind.OUTCOME.value, subject, time_ms)
    header = Header(EntryKind.OUTCOME, exchange, minute_of(time_ms), outcome=UNKNOWN, row=row)
    return Draft(exchange, EntryKind.OUTCOME, header.encode(), b"", subject, time_ms, UNKNOWN)
