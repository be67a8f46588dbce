"""Certificates of erasure: what was destroyed, when, and until when a copy of the key may still exist; signed by the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.ledger.statement import open_statement, sign_statement

TITLE = "wardstead erasure certificate v1"


def sign_certificate(key: SigningKey, fields: Mapping[str, object]) -> str:
    """A signed note: the title, and ``fields`` in their canonical form."""
    return sign_statement(key, TITLE, fields)


def open_certificate(note: str, key: VerifyingKey) -> dict[str, Any]:
    """What a certificate says. Raises ``IntegrityError`` when ``key`` has not signed it, or it is none."""
    return open_statement(note, key, TITLE, "a certificate of erasure")
