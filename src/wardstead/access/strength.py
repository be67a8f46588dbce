"""How somebody proved who they are: the means that they used, and what these come to.

A password is something that one knows; a code of an authenticator, a recovery code and a passkey are something that one has.
Codes are taken after a password or a provider's word alone, and a passkey alone only where its owner was verified by it (a PIN,
a finger): so whoever used one of them has used two factors (NIST SP 800-63B, section 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wardstead.access.ports import Credential, CredentialKind

PASSWORD: Final = "password"  # noqa: S105 -- a word
PROVIDER: Final = "provider"
CODE: Final = "code"
RECOVERY_CODE: Final = "recovery-code"
PASSKEY: Final = "passkey"
OPERATOR: Final = "operator"
"""Nobody signed in: somebody runs a command on the machine, and the record says which user of it."""
SECOND_FACTOR: Final = "second-factor"
"""What means come to."""
_HAD: Final = frozenset({CODE, RECOVERY_CODE, PASSKEY})
MEANS: Final = frozenset({PASSWORD, PROVIDER}) | _HAD
"""With which people sign in."""
STRENGTHS: Final = MEANS | {SECOND_FACTOR, OPERATOR}
"""All that ``context.strength`` may hold."""


def strength_of(means: Iterable[str]) -> frozenset[str]:
    """The means, and what they come to."""
    used = frozenset(means) & STRENGTHS
    return used | {SECOND_FACTOR} if used & _HAD else used


def lacks(credential: Credential, demanded: frozenset[str]) -> frozenset[str]:
    """What somebody's roles demand of a sign-in and this one has not. A key is no sign-in, and neither is a command."""
    if credential.kind is not CredentialKind.SESSION or OPERATOR in credential.strength:
        return frozenset()
    return demanded - credential.strength
