"""Passwords: argon2id (RFC 9106), with parameters that rise over time; a hash made with older ones is made anew at sign-in."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's password storage cheat sheet: at least 19 MiB, two passes, one lane."""
_NOBODY: Final = _HASHER.hash("nobody has this password")


def hash_password(password: str) -> str:
    """A salted hash in PHC string form."""
    return _HASHER.hash(password)


def check_password(kept: str | None, password: str) -> bool:
    """Whether it fits. With ``kept=None`` (no such person) the same work is done, and the answer is no."""
    try:
        _HASHER.verify(kept or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def needs_rehash(kept: str) -> bool:
    """Whether the hash was made with older parameters."""
    return _HASHER.check_needs_rehash(kept)
