"""The root key under a passphrase: Argon2id (RFC 9106, its second recommended choice) and AES-256-GCM."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardstead.crypto.envelope import KEY_SIZE, NONCE_SIZE, unwrap, wrap
from wardstead.crypto.sealed_root import RESTORE, SealedRoot, context_of
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError

Ask = Callable[[str], bytes]
"""From what is wanted, in words, to the secret that somebody gave."""
SHORTEST: Final = 12
"""Characters of a passphrase."""
_SALT = 16
_MEMORY_KIB, _ITERATIONS, _LANES = 65_536, 3, 4
_MAX_MEMORY_KIB = 4 * 1024 * 1024


class WrongPassphrase(ConfigurationError):
    """Another passphrase, or the sealed root key was altered: the two cannot be told apart."""

    code = "wrong_passphrase"


class Passphrase:
    """The ``KeyProvider`` whose secret is in somebody's head, or in a file that the service manager hands over."""

    name = "passphrase"

    def __init__(self, ask: Ask, entropy: Entropy) -> None:
        self._ask, self._entropy = ask, entropy

    def seal(self, root: bytes) -> SealedRoot:
        """Raises ``CallerError`` for a passphrase that is too short."""
        passphrase = self._ask("passphrase")
        if len(passphrase.decode("utf-8", "replace")) < SHORTEST:
            raise CallerError(f"a passphrase has at least {SHORTEST} characters", next_step="five words drawn at random are good")
        salt = b64encode(self._entropy(_SALT)).decode()
        parameters: dict[str, str | int] = {"salt": salt, "memory_kib": _MEMORY_KIB, "iterations": _ITERATIONS, "lanes": _LANES}
        draft = SealedRoot(provider=self.name, parameters=parameters, sealed="")
        wrapped = wrap(_cipher(passphrase, draft), self._entropy(NONCE_SIZE), root, context_of(self.name, parameters))
        return SealedRoot(provider=self.name, parameters=parameters, sealed=b64encode(wrapped).decode())

    def reseal(self, sealed: SealedRoot, root: bytes) -> SealedRoot:
        """Under the same passphrase, with another salt."""
        del sealed
        return self.seal(root)

    def open(self, sealed: SealedRoot) -> bytes:
        """Raises ``WrongPassphrase``."""
        cipher = _cipher(self._ask("passphrase"), sealed)
        try:
            return unwrap(cipher, b64decode(sealed.sealed), context_of(self.name, sealed.parameters))
        except (IntegrityError, ValueError):
            raise WrongPassphrase(
                "this passphrase does not open the root key",
                why="it is another, or keys/root.key.sealed was altered", next_step=f"try again, or {RESTORE}",
            ) from None  # fmt: skip


def _cipher(passphrase: bytes, sealed: SealedRoot) -> AESGCM:
    try:
        salt = b64decode(sealed.text("salt"), validate=True)
    except ValueError:
        salt = b""
    if len(salt) != _SALT:
        raise ConfigurationError("the sealed root key's salt is no salt", where="salt", next_step=RESTORE)
    key = hash_secret_raw(
        passphrase,
        salt,
        time_cost=sealed.number("iterations", 1, 1_000),
        memory_cost=sealed.number("memory_kib", 8_192, _MAX_MEMORY_KIB),
        parallelism=sealed.number("lanes", 1, 64),
        hash_len=KEY_SIZE,
        type=Type.ID,
    )
    return AESGCM(key)
