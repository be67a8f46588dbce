"""What the console asks about passkeys. ``bootstrap`` wires it.

What a browser is asked is JSON for ``navigator.credentials``; what it answers comes back as JSON, with the ticket that went out
with the question: an answer is taken once. Methods block, and raise ``CallerError`` with code
``passkey_refused`` or ``sign_in_lost``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wardstead.access.ports import Identity
from wardstead.console.factor_desk import OpenedSession


@dataclass(frozen=True, slots=True)
class Question:
    """What a browser is asked, and the ticket that it brings back with the answer."""

    options: str
    ticket: str


class PasskeyDesk(Protocol):
    """Passkeys: to sign in with, to confirm with, and one's own."""

    def possible(self) -> bool:
        """Whether this deployment has a name that passkeys can be for: an address alone is none."""
        ...

    def ask(self) -> Question:
        """Whoever it is: any passkey for this deployment, its owner verified by the authenticator."""
        ...

    def sign_in(self, ticket: str, answer: str) -> OpenedSession:
        """A session for whose passkey it is."""
        ...

    def ask_second(self, ticket: str) -> Question:
        """The second half of a sign-in: a passkey of whoever gave the password."""
        ...

    def finish(self, ticket: str, answer: str) -> OpenedSession:
        """The session that this sign-in comes to."""
        ...

    def ask_confirm(self, who: Identity) -> Question:
        """One of ``who``'s, in their session."""
        ...

    def confirm(self, who: Identity, ticket: str, answer: str) -> OpenedSession:
        """A session in place of ``who``'s, which has proved it just now."""
        ...

    def ask_new(self, who: Identity) -> Question:
        """For a new one. Raises ``CallerError`` with code ``confirm_first`` as changes of second factors do."""
        ...

    def add(self, who: Identity, ticket: str, answer: str, name: str) -> tuple[OpenedSession, tuple[str, ...]]:
        """Keep it: a session in place of ``who``'s, which has proved it; and recovery codes where they had none, shown this
        once.
        """
        ...

    def rename(self, who: Identity, passkey: str, name: str) -> None:
        """Call it otherwise."""
        ...

    def remove(self, who: Identity, passkey: str) -> None:
        """Without it. Raises as ``ask_new``."""
        ...
