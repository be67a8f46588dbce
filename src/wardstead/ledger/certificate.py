"""Certificates of erasure: what was destroyed, when, and until when a copy of the key may still exist; signed by the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.ledger.statement import open_statement, sign_statement
from wardstead.ledger.succession import LedgerKeys

TITLE = "wardstead erasure certificate v1"


def sign_certificate(key: SigningKey, fields: Mapping[str, object]) -> str:
    """A signed note: the title, and ``fields`` in their canonical form."""
    return sign_statement(key, TITLE, fields)


def open_certificate(note: str, trusted: VerifyingKey | LedgerKeys) -> dict[str, Any]:
    """What a certificate says. Raises ``IntegrityError`` when the ledger has not signed it, or it is none."""
    return open_statement(note, trusted, TITLE, "a certificate of erasure", size_of=_size)


def _size(fields: Mapping[str, Any]) -> int:
    """Of the tree when it was signed; 0 where no checkpoint was signed before."""
    return int(fields["checkpoint"][0]) if fields["checkpoint"] else 0
