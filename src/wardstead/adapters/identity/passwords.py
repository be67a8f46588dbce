"""Passwords: argon2id (RFC 9106), with parameters that rise over time; a hash made with older ones is made anew at sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from wardstead.kernel.errors import CallerError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's password storage cheat sheet: at least 19 MiB, two passes, one lane."""
_NOBODY: Final = "$argon2id$v=19$m={memory_cost},t={time_cost},p={parallelism}${salt}${hash}".format(
    **{name: getattr(_HASHER, name) for name in ("memory_cost", "time_cost", "parallelism")},
    salt="A" * 22, hash="A" * 43,
)  # fmt: skip
"""Takes as long to check as anybody's."""
_AT_ONCE: Final = 4
_PATIENCE_S: Final = 2.0
_places = BoundedSemaphore(_AT_ONCE)


class TooManyAttempts(CallerError):
    """Sign-in is blocked for a while: after repeated failures, or because too many try at once."""

    code = "too_many_attempts"


@contextmanager
def hashing() -> Iterator[None]:
    """A place for this process's slow work: 4 at once, whoever asks. Raises ``TooManyAttempts`` when none is free in time.

    Not to be entered twice by one thread.
    """
    if not _places.acquire(timeout=_PATIENCE_S):
        raise TooManyAttempts("too many people sign in at this moment", next_step="Wait half a minute, then try again")
    try:
        yield
    finally:
        _places.release()


def hash_password(password: str) -> str:
    """A salted hash in PHC string form. Called within ``hashing``."""
    return _HASHER.hash(password)


def check_password(kept: str | None, password: str) -> bool:
    """Whether it fits. With ``kept=None`` (no such person) the same work is done, and the answer is no.

    Called within ``hashing``.
    """
    try:
        _HASHER.verify(kept or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def needs_rehash(kept: str) -> bool:
    """Whether the hash was made with older parameters."""
    return _HASHER.check_needs_rehash(kept)
