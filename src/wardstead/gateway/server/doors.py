"""What may come in at all: limits at the door, and how many exchanges one person may have under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

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
    allowed_origins: frozenset[str]
    header_bytes: int
    body_timeout_s: float
    keep_alive_s: float
    silence_timeout_s: float
    exchange_timeout_s: float
    concurrency: int
    per_person: int
    headers: int = 100
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose word counts for where a request comes from."""
    send_timeout_s: float = 60.0
    edge: bool = False
    """Whether all but the door for services is a socket that our own edge alone can reach: its word counts, and is needed."""


class Crowd:
    """Counts the exchanges that each person has under way in this worker, so that nobody crowds out the others.

    Strangers, whose credential has to be looked up first, are counted apart: they crowd out one another alone.
    """

    __slots__ = ("_all", "_counts", "_each", "_inside", "_strangers")

    def __init__(self, *, each: int, all: int) -> None:  # noqa: A002 -- it is the word
        """The most for one person, for all together, and (the same number again) for strangers."""
        self._each, self._all = each, all
        self._counts: dict[PrincipalId, int] = {}
        self._inside = 0
        self._strangers = 0

    def enter(self, person: PrincipalId) -> None:
        """One more. Raises ``TooManyAtOnce`` or ``Overloaded``."""
        count = self._counts.get(person, 0)
        if count >= self._each:
            raise TooManyAtOnce(
                f"you have {count} exchanges under way, which is as many as one person may have here",
                next_step="Wait until one of them ends",
            )
        if self._inside >= self._all:
            raise Overloaded("too many exchanges are under way", next_step="Try again in a moment")
        self._counts[person] = count + 1
        self._inside += 1

    def leave(self, person: PrincipalId) -> None:
        """One less."""
        self._inside -= 1
        count = self._counts[person] - 1
        if count:
            self._counts[person] = count
        else:
            del self._counts[person]

    @contextmanager
    def stranger(self) -> Iterator[None]:
        """While somebody's credential is looked up. Raises ``Overloaded``."""
        if self._strangers >= self._all:
            raise Overloaded("too many callers wait to be identified", next_step="Try again in a moment")
        self._strangers += 1
        try:
            yield
        finally:
            self._strangers -= 1
