"""The keys of a ledger, one after another, so that whoever trusts one of them can follow to every other.

A change is an entry of the ledger itself, whose body is no ciphertext: a note that the key before and the key after it signed
both. Where it stands decides: trees that hold it are signed by the key after, all that do not by the key before. A key that
was replaced can therefore sign no larger tree that anybody accepts who knows of the change.

Residual: what the old key signs for smaller trees looks as it did before. Whether it is of this ledger, its tree says, or a
witness. Who knows the old key alone, and meets whoever stole it first, can be led to another successor.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from wardstead.crypto.merkle import HASH_SIZE
from wardstead.crypto.signing import SigningKey, VerifyingKey, open_note, signed_by
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import ConfigurationError, IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.ledger.entry import Header, minute_of, row_digest
from wardstead.ledger.ports import Draft, EntryKind

TITLE: Final = "wardstead ledger key v1"
SUBJECT: Final = "ledger"
"""Whose entry a change is: nobody's key seals it."""
_FIELDS: Final = ("after", "before", "root", "size")


class KeyRetired(IntegrityError):
    """Signed with a key of this ledger that another had replaced by then."""

    code = "key_retired"


@dataclass(frozen=True, slots=True)
class Change:
    """``after`` took the place of ``before``. The newest checkpoint then was of ``size`` leaves and this root.

    ``index`` is its entry's place in the tree; ``None`` while it has none, and nothing has changed yet.
    """

    before: VerifyingKey
    after: VerifyingKey
    size: int
    root: bytes
    index: int | None = None

    def at(self, index: int | None) -> Change:
        """The same, with its entry's place. Raises ``IntegrityError`` where the tree that it names is larger than that."""
        if index is not None and index < self.size:
            raise IntegrityError("a change of the ledger's key stands before the checkpoint that it names", where=f"leaf {index}")
        return replace(self, index=index)


def sign_change(old: SigningKey, new: SigningKey, size: int, root: bytes) -> bytes:
    """The body of the entry that puts ``new`` in the place of ``old``."""
    names = (new.verifying.text(), old.verifying.text(), b64encode(root).decode(), size)
    text = f"{TITLE}\n{canonical_json(dict(zip(_FIELDS, names, strict=True))).decode()}\n"
    return f"{old.sign_note(text)}{new.signature_line(text)}".encode()


def read_change(body: bytes) -> Change:
    """What such a body says. Raises ``IntegrityError`` unless both keys that it names have signed it."""
    try:
        note = body.decode()
        document = note.split("\n", 2)[1]
        fields = json.loads(document)
        before, after = (VerifyingKey.from_text(fields[name]) for name in ("before", "after"))
        size, root = fields["size"], b64decode(fields["root"], validate=True)
        whole = canonical_json({name: fields[name] for name in _FIELDS}).decode() == document and len(root) == HASH_SIZE
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, binascii.Error, ConfigurationError):
        whole = False
    if not whole or type(size) is not int or size < 0:
        raise IntegrityError("this is no change of a ledger's key")
    text = f"{TITLE}\n{document}\n"
    if before.name != after.name or before == after or open_note(note, before) != text or open_note(note, after) != text:
        raise IntegrityError("a change of the ledger's key is not signed by both keys", where=before.name)
    return Change(before, after, size, root)


def change_draft(exchange: ExchangeId, body: bytes, time_ms: int) -> Draft:
    """The entry of a change, beside the act of administration that says, under seal, who ordered it and why."""
    row = row_digest(exchange, EntryKind.KEY.value, SUBJECT, time_ms)
    header = Header(EntryKind.KEY, exchange, minute_of(time_ms), row=row)
    return Draft(exchange, EntryKind.KEY, header.encode(), body, SUBJECT, time_ms)


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """The first key, and the changes since, in order."""

    first: VerifyingKey
    changes: tuple[Change, ...] = ()

    @classmethod
    def follow(cls, first: VerifyingKey, changes: Sequence[Change]) -> LedgerKeys:
        """Raises ``IntegrityError`` unless each change goes on where the one before ended."""
        key: VerifyingKey = first
        place: int | None = -1
        for one in changes:
            if one.before != key or (place is None and one.index is not None):
                raise IntegrityError("a change of the ledger's key does not follow from the key before", where=key.text())
            if one.index is not None and place is not None and one.index <= place:
                raise IntegrityError("two changes of the ledger's key stand in the wrong order", where=f"leaf {one.index}")
            key, place = one.after, one.index
        return cls(first, tuple(changes))

    @property
    def name(self) -> str:
        """The ledger's: all its keys have it."""
        return self.first.name

    @property
    def all(self) -> tuple[VerifyingKey, ...]:
        """Every key, the first one first."""
        return (self.first, *(one.after for one in self.changes))

    @property
    def newest(self) -> VerifyingKey:
        """The one that signs whatever is signed now, but for trees that do not hold the change to it yet."""
        return self.all[-1]

    @property
    def placed(self) -> tuple[Change, ...]:
        """The changes that have their place in the tree."""
        return tuple(one for one in self.changes if one.index is not None)

    def before(self, size: int) -> tuple[Change, ...]:
        """The changes that a tree of ``size`` leaves holds."""
        return tuple(one for one in self.changes if one.index is not None and one.index < size)

    def of(self, size: int) -> VerifyingKey:
        """The key that signs a tree of ``size`` leaves."""
        held = self.before(size)
        return held[-1].after if held else self.first

    def text(self) -> str:
        """``name+id+base64`` of the newest, to hand to a verifier."""
        return self.newest.text()

    def open(self, note: str) -> tuple[str, frozenset[VerifyingKey]]:
        """A note's text, and which of the keys signed it: at least one."""
        return signed_by(note, *self.all)

    def require(self, signers: frozenset[VerifyingKey], size: int | None) -> None:
        """Raises ``KeyRetired`` unless one of the signers may say something of ``size`` leaves; ``None``: of now."""
        for one in signers:
            retired = next((change for change in self.changes if change.before == one), None)
            if retired is None or (size is not None and (retired.index is None or size <= retired.index)):
                return
        raise KeyRetired(
            "it is signed with a key of this ledger that was replaced before", where=self.name,
            next_step="'wardstead ledger keys' shows since when; whoever has the old key may have made it",
        )  # fmt: skip


def keys_of(trusted: VerifyingKey | LedgerKeys) -> LedgerKeys:
    """The keys of a ledger of which one is known, and no change."""
    return trusted if isinstance(trusted, LedgerKeys) else LedgerKeys(trusted)
