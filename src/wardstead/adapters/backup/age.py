"""Encryption to a public key in the age format (https://age-encryption.org/v1), by the ``rage`` library.

Whoever makes backups holds the public key alone: the private one opens them, and is kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO, Final, Protocol, TypeAlias

from pyrage import DecryptError, EncryptError, IdentityError, RecipientError, decrypt_io, encrypt_io, x25519

from wardstead.kernel.errors import BackendError, CallerError, ConfigurationError, IntegrityError

Identity: TypeAlias = x25519.Identity
"""A private key."""
_BEGINS: Final = "AGE-SECRET-KEY-1"
_ALTERED: Final = "the backup was altered, or cut off"


class Source(Protocol):
    """Bytes, as they are asked for."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` of them; none at the end."""
        ...


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take all of them."""
        ...

    def flush(self) -> None:
        """Nothing is kept back."""
        ...


def new_identity(now_ms: int) -> tuple[str, str]:
    """The file of a new private key, as ``age-keygen`` writes it, and the public key that belongs to it."""
    made = x25519.Identity.generate()
    public, when = str(made.to_public()), datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"# created: {when}\n# public key: {public}\n{made}\n", public


def require_recipient(text: str, where: str) -> str:
    """Raises ``ConfigurationError`` for what is no public key."""
    try:
        return str(x25519.Recipient.from_str(text.strip()))
    except RecipientError:
        raise ConfigurationError(
            "this is no public key of backups", where=where, next_step="'wardstead backup key' makes one: age1…"
        ) from None


def identities_in(data: bytes, where: str) -> list[Identity]:
    """The private keys in a file. Raises ``ConfigurationError`` where there is none."""
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    try:
        found = [x25519.Identity.from_str(line) for line in lines if line.startswith(_BEGINS)]
    except IdentityError:
        found = []
    if not found:
        raise ConfigurationError(
            "this file holds no private key of backups", where=where, next_step="'wardstead backup key' makes one"
        )
    return found


def encrypt(source: Source, sink: Sink, recipients: Sequence[str]) -> None:
    """Encrypt all of ``source``. Raises ``BackendError`` where the disk refuses."""
    try:
        encrypt_io(source, sink, [x25519.Recipient.from_str(one) for one in recipients])
    except EncryptError as error:  # what the sink raised is in its text alone
        raise BackendError("the backup cannot be written", why=str(error), next_step="see to the disk that it goes to") from None


def decrypt(source: BinaryIO, sink: Sink, identities: Sequence[Identity]) -> None:
    """Decrypt all of it. Raises ``CallerError`` for another key.

    Raises ``IntegrityError`` for any change; what came before it has been given by then.
    """
    try:
        decrypt_io(source, sink, list(identities))
    except DecryptError as error:
        if "matching keys" in str(error):
            raise CallerError(
                "none of these keys opens the backup", next_step="it names the public keys that it was made for"
            ) from None
        raise IntegrityError(_ALTERED, why=str(error)) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise IntegrityError(_ALTERED, why=str(error)) from None
