"""What the console asks about second factors. ``bootstrap`` wires it.

Methods raise ``WardsteadError`` and nothing else; they block, and are called in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wardstead.access.ports import Identity


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session: ``token`` and ``csrf`` go into cookies that scripts cannot read; ``csrf`` also into our own pages."""

    token: str
    csrf: str


@dataclass(frozen=True, slots=True)
class SecondStep:
    """The password was right, and is half of it. No session was opened: ``ticket`` is good for the other half, for minutes.

    ``codes``: whether an authenticator or a recovery code can give it; ``passkeys``: whether a passkey can.
    """

    ticket: str
    codes: bool
    passkeys: bool


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator has to know: ``secret`` to be typed, ``picture`` (an ``svg`` element) to be seen."""

    secret: str
    picture: str


@dataclass(frozen=True, slots=True)
class PasskeyShown:
    """A passkey as its owner sees it. ``last_used`` is empty where it never was; ``synced``: it may be on several devices."""

    id: str
    name: str
    created: str
    last_used: str
    synced: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has. Times are RFC 3339; ``codes_since`` is empty without an authenticator.

    ``required``: a role of theirs demands one. ``problem``: why this session may change nothing of it; empty where it may.
    """

    codes_since: str
    recovery_codes: int
    passkeys: tuple[PasskeyShown, ...]
    required: bool
    problem: str = ""

    @property
    def any(self) -> bool:
        """Whether a password alone is not enough."""
        return bool(self.codes_since or self.passkeys)


class FactorDesk(Protocol):
    """Second factors of the person who asks, and nobody else's."""

    def finish(self, ticket: str, code: str) -> OpenedSession:
        """The second half of a sign-in. Raises ``CallerError`` with code ``wrong_code``, ``sign_in_lost`` or
        ``too_many_attempts``.
        """
        ...

    def confirm(self, who: Identity, code: str) -> OpenedSession:
        """A session in place of ``who``'s, which has proved a second factor just now. Raises as ``finish``."""
        ...

    def standing(self, who: Identity) -> Standing:
        """What they have."""
        ...

    def begin_codes(self, who: Identity) -> Enrolment:
        """A new secret, which counts once it was confirmed. Raises ``CallerError`` with code ``confirm_first`` where this
        session proved too little, or too long ago.
        """
        ...

    def begun_codes(self, who: Identity) -> Enrolment:
        """The secret that was begun. Raises ``CallerError`` with code ``no_second_factor``."""
        ...

    def confirm_codes(self, who: Identity, code: str) -> tuple[OpenedSession, tuple[str, ...]]:
        """The secret counts: a session in place of ``who``'s, and recovery codes, which are shown this once."""
        ...

    def remove_codes(self, who: Identity) -> None:
        """No authenticator any more. Raises as ``begin_codes``."""
        ...

    def renew_recovery_codes(self, who: Identity) -> tuple[str, ...]:
        """New ones in place of those that there are; shown this once. Raises as ``begin_codes``."""
        ...
