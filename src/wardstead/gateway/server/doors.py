"""What may come in at all: limits at the door, and how many exchanges one person may have under way."""

from __future__ import annotations

from dataclasses import dataclass

from wardstead.kernel.errors import BackendError, CallerError
from wardstead.kernel.ids import PrincipalId


class Overloaded(BackendError):
    """As many exchanges are under way as this worker may have."""

    code = "overloaded"


class Draining(BackendError):
    """The worker is stopping: it finishes what it has and takes nothing new."""

    code = "draining"


class TooManyAtOnce(CallerError):
    """As many exchanges are under way as this person may have."""

    code = "too_many_at_once"


@dataclass(frozen=True, slots=True)
class Doors:
    """Limits at the door. Times in seconds, sizes in bytes."""

    allowed_hosts: frozenset[str]
    allowed_origins: frozenset[str] = frozenset()
    header_bytes: int = 32 * 1024
    headers: int = 100
    body_timeout_s: float = 30.0
    keep_alive_s: float = 10.0
    silence_timeout_s: float = 120.0
    exchange_timeout_s: float = 600.0
    send_timeout_s: float = 60.0
    concurrency: int = 512
    per_person: int = 128


class Crowd:
    """Counts the exchanges that each person has under way in this worker, so that nobody crowds out the others."""

    __slots__ = ("_counts", "_limit")

    def __init__(self, limit: int) -> None:
        """``limit`` is the most for one person."""
        self._limit = limit
        self._counts: dict[PrincipalId, int] = {}

    def enter(self, person: PrincipalId) -> None:
        """One more. Raises ``TooManyAtOnce``."""
        count = self._counts.get(person, 0)
        if count >= self._limit:
            raise TooManyAtOnce(
                f"you have {count} exchanges under way, which is as many as one person may have here",
                next_step="Wait until one of them ends",
            )
        self._counts[person] = count + 1

    def leave(self, person: PrincipalId) -> None:
        """One less."""
        count = self._counts[person] - 1
        if count:
            self._counts[person] = count
        else:
            del self._counts[person]
