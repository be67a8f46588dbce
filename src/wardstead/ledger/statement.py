"""Statements that a ledger's key signs beside checkpoints: a title of their own, and fields in their canonical form.

The title is the first line, and no checkpoint begins with one, so that neither can pass for the other under the same key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.succession import LedgerKeys, keys_of

SizeOf = Callable[[Mapping[str, Any]], object]
"""Of how many leaves a statement speaks."""


def sign_statement(key: SigningKey, title: str, fields: Mapping[str, object]) -> str:
    """A signed note: the title, and ``fields``."""
    return key.sign_note(f"{title}\n{canonical_json(fields).decode()}\n")


def open_statement(
    note: str, trusted: VerifyingKey | LedgerKeys, title: str, what: str, *, size_of: SizeOf | None = None
) -> dict[str, Any]:
    """What a statement says. Raises ``IntegrityError`` when the ledger has not signed it, or it is not ``what`` was expected.

    ``size_of``: of how many leaves it speaks, for a key that signed it and was replaced since; without, only the newest key
    may have signed it (``KeyRetired``).
    """
    keys = keys_of(trusted)
    text, signers = keys.open(note)
    found, _, document = text.partition("\n")
    try:
        fields = json.loads(document)
    except ValueError:
        fields = None
    if found != title or not isinstance(fields, dict):
        raise IntegrityError(f"the note is not {what}")
    if keys.newest not in signers:
        keys.require(signers, _size(fields, size_of))
    return fields


def _size(fields: Mapping[str, Any], size_of: SizeOf | None) -> int | None:
    try:
        size = size_of(fields) if size_of is not None else None
    except (KeyError, TypeError, IndexError, ValueError):
        size = None
    return size if isinstance(size, int) else None
