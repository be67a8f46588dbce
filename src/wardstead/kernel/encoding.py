"""Canonical bytes: what is hashed or signed has exactly one encoding."""

from __future__ import annotations

import json
from collections.abc import Mapping


def length_prefixed(*fields: bytes) -> bytes:
    """Each field behind its length (8 bytes, big-endian), so that no two lists of fields encode alike."""
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def canonical_json(value: Mapping[str, object]) -> bytes:
    """Sorted keys, no spaces, UTF-8, no NaN: RFC 8785 for the values we use (strings, integers, booleans, lists, objects)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
