"""Identifiers: UUIDv7 in text form (RFC 9562 section 5.7), so that they sort by the time they were made."""

from __future__ import annotations

from typing import NewType

ExchangeId = NewType("ExchangeId", str)
PrincipalId = NewType("PrincipalId", str)
CredentialId = NewType("CredentialId", str)


def uuid7(time_ms: int, entropy: bytes) -> str:
    """A UUIDv7 from milliseconds since the epoch and at least 10 random bytes, both given by the caller."""
    if len(entropy) < 10:
        raise ValueError("a UUIDv7 takes 10 random bytes")
    value = (time_ms & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(entropy[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
