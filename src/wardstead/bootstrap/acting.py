"""Who acts, and how the record names them: at the console or through the API as themselves, at the command line by an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wardstead.access.ports import Credential, CredentialKind, Identity, Principal
from wardstead.access.strength import OPERATOR
from wardstead.adapters.store.directory.directory import Actor
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.kernel.ids import CredentialId


@dataclass(frozen=True, slots=True)
class Acting:
    """Somebody who acts. ``actor``: whose key seals the act; ``told``: how the act names them."""

    identity: Identity
    actor: str
    told: Mapping[str, str]

    @property
    def of_record(self) -> Actor:
        """As acts of administration name who carries them out."""
        who = self.identity.principal.name
        return Actor(COMMAND_LINE, COMMAND_LINE, who) if self.actor == COMMAND_LINE else Actor(who, self.actor)


def at_the_console(who: Identity) -> Acting:
    """Somebody who signed in, or whose key it is."""
    return Acting(who, who.principal.subject, {"by": who.principal.name})


def at_the_command_line(who: Principal) -> Acting:
    """Somebody in whose name a command is run; whoever runs it is recorded as well."""
    return Acting(as_if_signed_in(who), COMMAND_LINE, {"ordered_by": who.name})


def as_if_signed_in(who: Principal) -> Identity:
    """Somebody, by what is known of them alone: as if they had a session, which is never fresh."""
    one, strength = CredentialId(COMMAND_LINE), frozenset({OPERATOR})
    return Identity(who, Credential(one, CredentialKind.SESSION, b"", who.id, strength=strength))
