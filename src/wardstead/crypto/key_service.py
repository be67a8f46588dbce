"""A key service of somebody else (a cloud's KMS): what its package brings, and the contract that anybody can run over theirs.

The service has a key that never leaves it, wraps 32 bytes and unwraps them again, for the same context alone. A service that
would unwrap for another context, or gives back something else, would be noticed when the root key is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from wardstead.kernel.errors import PeerError

GROUP: Final = "wardstead.key_services"
"""The group of entry points: each is called with its settings and a way to ask for secrets, and returns a ``KeyService``."""
MOST_BYTES: Final = 8192
"""No wrapped key is longer."""


class KeyServiceFailed(PeerError):
    """The service is not there, refuses, takes too long, or does not unwrap this: what a ``KeyService`` raises."""

    code = "key_service_failed"


class KeyService(Protocol):
    """Wraps and unwraps. Whatever goes wrong is a ``KeyServiceFailed`` that quotes neither key nor secret.

    ``context`` must be bound to what is wrapped: as a service's own encryption context or additional data, or, where it has
    none, by sealing under a key of one's own that the service wraps.
    """

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """``key``, wrapped for ``context``."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again. Raises ``KeyServiceFailed`` for another context, or anything that was changed."""
        ...


Ask = Callable[[str], bytes]
"""Asks for a secret by what it is called: at the terminal, or from the files that the environment names."""
Make = Callable[[Mapping[str, str], Ask], KeyService]
"""What an entry point is."""


def breach(service: KeyService, key: bytes) -> str:
    """What ``service`` does against the contract, tried with a key that keeps nothing; empty where it keeps to it.

    1. A key comes back as it was. 2. What is wrapped shows it to nobody, and is not too long. 3. Another context, a changed or
    cut ciphertext and none at all are refused with ``KeyServiceFailed``, and with nothing else.

    Raises ``KeyServiceFailed`` where it cannot be asked now: that breaks nothing.
    """
    context, other = b"wardstead contract check 1", b"wardstead contract check 2"
    wrapped: object = service.wrap(key, context)
    if not isinstance(wrapped, bytes) or not 0 < len(wrapped) <= MOST_BYTES:
        return f"what it wraps is not 1 to {MOST_BYTES} bytes"
    if key in wrapped:
        return "what it wraps shows the key"
    if service.unwrap(wrapped, context) != key:
        return "it gives back another key than it was given"
    changed = bytes([*wrapped[:-1], wrapped[-1] ^ 1])
    tries: Sequence[tuple[str, bytes, bytes]] = (
        ("for another context", wrapped, other), ("what was changed", changed, context),
        ("what was cut off", wrapped[:-1], context), ("nothing", b"", context),
    )  # fmt: skip
    for what, altered, where in tries:
        try:
            service.unwrap(altered, where)
        except KeyServiceFailed:
            continue
        return f"it unwraps {what}"
    return ""
