"""Sign-ins that have begun: what was proved so far, held here for some minutes under a ticket that the browser brings back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from wardstead.access.credentials import digest
from wardstead.access.ports import Principal
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.tables.second_factors import sign_in_step
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId

LASTS_MS: Final = 5 * 60_000


class StepLost(CallerError):
    """Nothing waits for this step: it was taken, it is too late, or it never began here."""

    code = "sign_in_lost"

    def __init__(self) -> None:
        super().__init__(
            "this sign-in does not go on", why="it took too long, was finished, or began in another browser",
            next_step="Begin again",
        )  # fmt: skip


class Purpose(StrEnum):
    """What a step is for: a ticket for one is none for another."""

    SIGN_IN = "sign-in"
    PASSKEY = "passkey"
    CONFIRM = "confirm"
    REGISTER = "register"


@dataclass(frozen=True, slots=True)
class Step:
    """What waits. ``principal`` is ``None`` where it is not known yet who signs in."""

    principal: PrincipalId | None
    means: frozenset[str]
    challenge: bytes


class SignInSteps:
    """Blocking. A step is lost when its person's sessions are ended."""

    def __init__(self, directory: DirectoryStore, *, pepper: bytes, clock: Clock, entropy: Entropy) -> None:
        """``pepper`` keys the digests of tickets."""
        self._directory, self._pepper, self._clock, self._entropy = directory, pepper, clock, entropy

    def begin(self, purpose: Purpose, who: Principal | None, means: Iterable[str] = (), challenge: bytes = b"") -> str:
        """The ticket for the next step. Forgets those whose time is over."""
        now, ticket = self._clock(), self._entropy(32).hex()
        row = {
            "digest": self._digest(ticket), "purpose": purpose.value, "principal": who.id if who is not None else None,
            "means": ",".join(sorted(means)), "challenge": challenge, "until_ms": now + LASTS_MS,
        }  # fmt: skip
        with self._directory.writing("a sign-in cannot begin", durable=False) as connection:
            connection.execute(delete(sign_in_step).where(sign_in_step.c.until_ms <= now))
            connection.execute(insert(sign_in_step).values(row))
        return ticket

    def look(self, purpose: Purpose, ticket: str) -> Step:
        """What waits; it goes on waiting. Raises ``StepLost``."""
        with self._directory.reading() as connection:
            return self._find(connection, purpose, ticket)

    def challenge(self, purpose: Purpose, ticket: str, challenge: bytes) -> Step:
        """Ask something (else) of what waits. Raises ``StepLost``."""
        with self._directory.writing("a sign-in cannot go on", durable=False) as connection:
            self._find(connection, purpose, ticket)
            here = sign_in_step.c.digest == self._digest(ticket)
            connection.execute(update(sign_in_step).where(here).values(challenge=challenge))
            return self._find(connection, purpose, ticket)

    def take(self, purpose: Purpose, ticket: str) -> Step:
        """What waits, once. Raises ``StepLost``."""
        with self._directory.writing("a sign-in cannot go on") as connection:
            found = self._find(connection, purpose, ticket)
            connection.execute(delete(sign_in_step).where(sign_in_step.c.digest == self._digest(ticket)))
        return found

    def _find(self, connection: Connection, purpose: Purpose, ticket: str) -> Step:
        query = select(sign_in_step).where(
            sign_in_step.c.digest == self._digest(ticket), sign_in_step.c.purpose == purpose.value,
            sign_in_step.c.until_ms > self._clock(),
        )  # fmt: skip
        row = connection.execute(query).first()
        if row is None:
            raise StepLost
        principal = PrincipalId(row.principal) if row.principal is not None else None
        return Step(principal, frozenset(part for part in row.means.split(",") if part), bytes(row.challenge))

    def _digest(self, ticket: str) -> bytes:
        return digest(self._pepper, f"sign-in step {ticket}")
