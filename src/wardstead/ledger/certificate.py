"""Certificates of erasure: what was destroyed, when, and until when a copy of the key may still exist; signed by the ledger.

The text begins with a line that no checkpoint begins with, so that neither can pass for the other under the same key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wardstead.crypto.signing import SigningKey, VerifyingKey, open_note
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import IntegrityError

TITLE = "wardstead erasure certificate v1"


def sign_certificate(key: SigningKey, fields: Mapping[str, object]) -> str:
    """A signed note: the title, and ``fields`` in their canonical form."""
    return key.sign_note(f"{TITLE}\n{canonical_json(fields).decode()}\n")


def open_certificate(note: str, key: VerifyingKey) -> dict[str, Any]:
    """What a certificate says. Raises ``IntegrityError`` when ``key`` has not signed it, or it is none."""
    title, _, document = open_note(note, key).partition("\n")
    try:
        fields = json.loads(document)
    except ValueError:
        fields = None
    if title != TITLE or not isinstance(fields, dict):
        raise IntegrityError("the note is not a certificate of erasure")
    return fields
