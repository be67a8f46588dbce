"""Statements that a ledger's key signs beside checkpoints: a title of their own, and fields in their canonical form.

The title is the first line, and no checkpoint begins with one, so that neither can pass for the other under the same key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wardstead.crypto.signing import SigningKey, VerifyingKey, open_note
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import IntegrityError


def sign_statement(key: SigningKey, title: str, fields: Mapping[str, object]) -> str:
    """A signed note: the title, and ``fields``."""
    return key.sign_note(f"{title}\n{canonical_json(fields).decode()}\n")


def open_statement(note: str, key: VerifyingKey, title: str, what: str) -> dict[str, Any]:
    """What a statement says. Raises ``IntegrityError`` when ``key`` has not signed it, or it is not ``what`` was expected."""
    found, _, document = open_note(note, key).partition("\n")
    try:
        fields = json.loads(document)
    except ValueError:
        fields = None
    if found != title or not isinstance(fields, dict):
        raise IntegrityError(f"the note is not {what}")
    return fields
