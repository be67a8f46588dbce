"""The root key under a key that never leaves OpenBao or Vault: their *transit* engine encrypts and decrypts for us."""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wardstead.adapters.keys.passphrase import Ask
from wardstead.crypto.sealed_root import RESTORE, SealedRoot, context_of, require_root
from wardstead.kernel.errors import CallerError, ConfigurationError, PeerError

if TYPE_CHECKING:
    import httpx2

_TIMEOUT_S: Final = 10.0
_MOST_BYTES: Final = 64 * 1024
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class TransitFailed(PeerError):
    """The server is not there, is sealed, refuses the token, or has not the key."""

    code = "transit_failed"


class Transit:
    """The ``KeyProvider`` that asks a transit engine (https://openbao.org/api-docs/secret/transit/)."""

    name = "transit"

    def __init__(self, ask: Ask, *, url: str = "", mount: str = "transit", key: str = "", ca_file: str = "") -> None:
        """``url``, ``mount``, ``key``, ``ca_file`` (whom to trust; else whom the system trusts): wanted to seal alone."""
        self._ask = ask
        self._parameters: dict[str, str | int] = {"url": url.rstrip("/"), "mount": mount, "key": key, "ca_file": ca_file}

    def seal(self, root: bytes) -> SealedRoot:
        """Raises ``TransitFailed``; ``CallerError`` for an address without TLS that is not this machine's."""
        return self.reseal(SealedRoot(provider=self.name, parameters=self._parameters, sealed=""), root)

    def reseal(self, sealed: SealedRoot, root: bytes) -> SealedRoot:
        """Under the same key of the same server, in its newest version."""
        body = {"plaintext": b64encode(root).decode(), **_bound(self.name, sealed.parameters)}
        ciphertext = self._post(sealed, "encrypt", body, "ciphertext")
        return SealedRoot(provider=self.name, parameters=sealed.parameters, sealed=ciphertext)

    def open(self, sealed: SealedRoot) -> bytes:
        """Raises ``TransitFailed``."""
        said = self._post(sealed, "decrypt", {"ciphertext": sealed.sealed, **_bound(self.name, sealed.parameters)}, "plaintext")
        try:
            return require_root(b64decode(said, validate=True))
        except ValueError:
            raise TransitFailed("the transit server's answer is no key", where=sealed.text("url")) from None

    def _post(self, sealed: SealedRoot, verb: str, body: dict[str, str], wanted: str) -> str:
        import httpx2  # takes long to import, and most keep their key elsewhere

        url = _safe(sealed.text("url"))
        where = f"{url}/v1/{sealed.text('mount')}/{verb}/{sealed.text('key')}"
        token = self._ask("token of the transit server").decode("ascii", "replace")
        try:
            trusted = ssl.create_default_context(cafile=sealed.text("ca_file") or None)
            with httpx2.Client(verify=trusted, timeout=_TIMEOUT_S, trust_env=False) as client:
                answer = client.post(where, json=body, headers={"X-Vault-Token": token})
        except (httpx2.HTTPError, OSError, ValueError) as error:
            raise TransitFailed(
                "the transit server cannot be asked", where=where, why=f"{type(error).__name__} {error}".strip(),
                next_step="see that it answers there, and that --ca-file names the authority of its certificate",
            ) from None  # fmt: skip
        if answer.status_code != 200 or len(answer.content) > _MOST_BYTES:
            otherwise = f"; otherwise {RESTORE}" if sealed.sealed else ""
            raise TransitFailed(
                f"the transit server refused ({answer.status_code})", where=where, why=_WHY.get(answer.status_code, ""),
                next_step=f"see that the key is there and the token may {verb} with it{otherwise}",
            )  # fmt: skip
        return _field(answer, wanted, where)


_WHY: Final = {
    400: "the ciphertext, the key or its type is not right: it takes a key that authenticates, such as aes256-gcm96",
    403: "the token is not allowed to, or has ended",
    404: "there is no such key or mount",
    503: "it is sealed, or not ready",
}


def _bound(name: str, parameters: dict[str, Any]) -> dict[str, str]:
    return {"associated_data": b64encode(context_of(name, parameters)).decode()}


def _field(answer: httpx2.Response, wanted: str, where: str) -> str:
    try:
        said = answer.json()["data"][wanted]
    except (ValueError, KeyError, TypeError):
        said = None
    if not isinstance(said, str):
        raise TransitFailed(f"the transit server's answer has no {wanted}", where=where)
    return said


def _safe(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL):
        return url
    if not parts.scheme:
        raise ConfigurationError("a transit server has an address", where=url[:200], next_step="--url https://bao.example:8200")
    raise CallerError("the root key would be sent without TLS", where=url[:200], next_step="use https")
