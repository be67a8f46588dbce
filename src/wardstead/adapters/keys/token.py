"""The root key under a key that never leaves a PKCS#11 token: a hardware security module, a smart card, SoftHSM."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wardstead.adapters.keys.passphrase import Ask
from wardstead.crypto.envelope import NONCE_SIZE
from wardstead.crypto.sealed_root import RESTORE, SealedRoot, context_of, require_root
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import BackendError, ConfigurationError

if TYPE_CHECKING:
    import pkcs11

_KEY_BITS, _TAG_BITS = 256, 128


_NEXT: Final = {
    "NoSuchToken": "put the token in; --token is its label",
    "NoSuchKey": "--key is the key's label in the token; --make-key makes one",
    "PinIncorrect": "give its right PIN: after a few wrong ones a token locks itself",
    "PinLocked": "its security officer unlocks the PIN",
}
"""What to do about an error of PKCS#11, by its name."""


class TokenFailed(BackendError):
    """The token is not there, refuses, or has not the key."""

    code = "token_failed"


class Token:
    """The ``KeyProvider`` whose key is in a token, made so that it cannot be taken out. AES-256-GCM, computed there."""

    name = "pkcs11"

    def __init__(
        self, ask: Ask, entropy: Entropy, *, module: str = "", token: str = "", key: str = "", make: bool = False
    ) -> None:
        """Wanted to seal alone: the library's path, the labels of token and key, and whether to make the key."""
        self._ask, self._entropy, self._make = ask, entropy, make
        self._parameters: dict[str, str | int] = {"module": module, "token": token, "key": key}

    def seal(self, root: bytes) -> SealedRoot:
        """Raises ``TokenFailed``; ``ConfigurationError`` where PKCS#11 is not installed, or the module is no file."""
        return self.reseal(SealedRoot(provider=self.name, parameters=self._parameters, sealed=""), root)

    def reseal(self, sealed: SealedRoot, root: bytes) -> SealedRoot:
        """Under the same key of the same token."""
        nonce = self._entropy(NONCE_SIZE)
        with self._key(sealed, make=self._make) as (key, mechanism):
            data = nonce + key.encrypt(root, **mechanism(nonce, context_of(self.name, sealed.parameters)))
        return SealedRoot(provider=self.name, parameters=sealed.parameters, sealed=b64encode(data).decode())

    def open(self, sealed: SealedRoot) -> bytes:
        """Raises ``TokenFailed``, also where the sealed root key was altered."""
        data = b64decode(sealed.sealed)
        nonce, rest = data[:NONCE_SIZE], data[NONCE_SIZE:]
        with self._key(sealed) as (key, mechanism):
            return require_root(key.decrypt(rest, **mechanism(nonce, context_of(self.name, sealed.parameters))))

    @contextmanager
    def _key(self, sealed: SealedRoot, *, make: bool = False) -> Iterator[tuple[Any, Any]]:
        library, labels = _library(sealed.text("module")), (sealed.text("token"), sealed.text("key"))
        making = not sealed.sealed
        import pkcs11
        from pkcs11.mechanisms import GCMParams

        def mechanism(nonce: bytes, context: bytes) -> dict[str, object]:
            return {"mechanism": pkcs11.Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, context, _TAG_BITS)}

        try:
            token = library.get_token(token_label=labels[0])
            with token.open(rw=make, user_pin=self._ask(f"PIN of the token {labels[0]!r}").decode("utf-8", "replace")) as session:
                yield _key_in(session, labels[1], make=make), mechanism
        except pkcs11.PKCS11Error as error:
            where, otherwise = f"token {labels[0]!r}, key {labels[1]!r}", "" if making else f", or {RESTORE}"
            next_step = f"{_NEXT.get(type(error).__name__, 'see that it is there, and what its module says')}{otherwise}"
            what = "the token does not keep the root key" if making else "the token does not open the root key"
            raise TokenFailed(what, where=where, why=_said(error), next_step=next_step) from None


def _library(module: str) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise ConfigurationError("PKCS#11 is not installed", next_step="pip install 'wardstead[hsm]'") from None
    if not Path(module).is_file():
        raise ConfigurationError("there is no such PKCS#11 module", where=module, next_step="--module names the library's file")
    try:
        return pkcs11.lib(module)
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        next_step = "see that its own configuration is there, such as SOFTHSM2_CONF, and that its device answers"
        raise TokenFailed("the PKCS#11 module cannot be loaded", where=module, why=_said(error), next_step=next_step) from None


def _key_in(session: pkcs11.Session, label: str, *, make: bool) -> Any:
    import pkcs11

    try:
        return session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=label)
    except pkcs11.NoSuchKey:
        if not make:
            raise
        template = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False}
        return session.generate_key(pkcs11.KeyType.AES, _KEY_BITS, label=label, store=True, template=template)


def _said(error: Exception) -> str:
    """What a PKCS#11 error is: its name, which is the standard's, and what it says, if anything."""
    return f"{type(error).__name__} {error}".strip()
