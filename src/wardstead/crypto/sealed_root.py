"""The root key while nobody uses it: sealed by whoever keeps it, and the secrets that lie sealed under it.

A *key provider* seals the root key and opens it again. What it leaves behind says which one it was and with what parameters, so
that a deployment's folder explains itself; both are bound to the ciphertext and cannot be exchanged for others.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Final, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardstead.crypto.envelope import KEY_SIZE, NONCE_SIZE
from wardstead.kernel.clock import Entropy
from wardstead.kernel.encoding import length_prefixed
from wardstead.kernel.errors import ConfigurationError, IntegrityError

MAX_SEALED: Final = 16_384
"""No sealed root key is longer, in bytes."""
_Parameter = Annotated[str, msgspec.Meta(max_length=4096)] | int


class SealedRoot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sealed root key, as its file has it. ``sealed`` is the provider's own form, in ASCII."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    provider: str
    parameters: dict[str, _Parameter]
    sealed: str

    def text(self, name: str) -> str:
        """A parameter that is a text. Raises ``ConfigurationError`` where it is none."""
        value = self.parameters.get(name)
        if not isinstance(value, str):
            raise ConfigurationError("the sealed root key lacks a parameter", where=name, next_step=RESTORE)
        return value

    def number(self, name: str, low: int, high: int) -> int:
        """A parameter that is a number from ``low`` to ``high``. Raises ``ConfigurationError`` where it is none."""
        value = self.parameters.get(name)
        if not isinstance(value, int) or not low <= value <= high:
            raise ConfigurationError(
                f"the sealed root key's parameter is not from {low} to {high}", where=name, next_step=RESTORE
            )
        return value


RESTORE: Final = "restore keys/root.key.sealed from a backup"
KEYS_OF_ONE_COPY: Final = "restore the whole folder keys/ from one copy; of several gateways, copy it from one that runs"


class KeyProvider(Protocol):
    """Who keeps what opens the root key."""

    @property
    def name(self) -> str:
        """Its name in the sealed root key."""
        ...

    def seal(self, root: bytes) -> SealedRoot:
        """Seal the root key. Raises ``WardsteadError`` where it cannot."""
        ...

    def reseal(self, sealed: SealedRoot, root: bytes) -> SealedRoot:
        """Seal another root key in the place of this one: whoever opens this one opens it, too."""
        ...

    def open(self, sealed: SealedRoot) -> bytes:
        """The 32 bytes of the root key. Raises ``WardsteadError`` where it cannot: a wrong passphrase, a server that refuses."""
        ...


def write_sealed(sealed: SealedRoot) -> bytes:
    """Its file's bytes."""
    return msgspec.json.format(msgspec.json.encode(sealed), indent=2) + b"\n"


def read_sealed(data: bytes, where: str) -> SealedRoot:
    """From its file's bytes. Raises ``ConfigurationError`` for anything else."""
    try:
        return msgspec.json.decode(data[: MAX_SEALED + 1], type=SealedRoot)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError("this is no sealed root key", where=where, why=str(error), next_step=RESTORE) from None


def context_of(provider: str, parameters: dict[str, _Parameter]) -> bytes:
    """What a provider binds the root key to."""
    said = [f"{name}={parameters[name]}".encode() for name in sorted(parameters)]
    return length_prefixed(b"wardstead root key v1", provider.encode(), *said)


def same_key(one: bytes, other: bytes) -> bool:
    """Whether two keys are one, in constant time."""
    return hmac.compare_digest(one, other)


def seal_secret(root: bytes, name: str, secret: bytes, entropy: Entropy) -> bytes:
    """A secret under the root key, for the place called ``name`` alone: ``nonce || ciphertext``."""
    nonce = entropy(NONCE_SIZE)
    return nonce + AESGCM(root).encrypt(nonce, secret, _secret_context(name))


def open_secret(roots: Sequence[bytes], name: str, sealed: bytes) -> bytes:
    """The secret, which lies under one of these root keys. Raises ``IntegrityError`` for others, another place, or any change."""
    for root in roots:
        with suppress(InvalidTag, ValueError):
            return AESGCM(root).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], _secret_context(name))
    raise IntegrityError(
        "a sealed secret does not open: it was changed, or the root key is another", where=name,
        next_step=KEYS_OF_ONE_COPY,
    )  # fmt: skip


def move_secret(roots: Sequence[bytes], new: bytes, name: str, sealed: bytes, entropy: Entropy) -> bytes:
    """The same secret, from under one of ``roots``, under the root key ``new``. One that is under it already stays as it is."""
    try:
        open_secret((new,), name, sealed)
    except IntegrityError:
        return seal_secret(new, name, open_secret(roots, name, sealed), entropy)
    return sealed


def _secret_context(name: str) -> bytes:
    return length_prefixed(b"wardstead sealed secret v1", name.encode())


def require_root(root: bytes) -> bytes:
    """The root key. Raises ``IntegrityError`` where it has not its size."""
    if len(root) != KEY_SIZE:
        raise IntegrityError("the root key has 32 bytes")
    return root
