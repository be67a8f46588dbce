"""What an OpenID Connect provider publishes of itself: its metadata and its keys, fetched when they are asked for."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from wardstead.kernel.errors import PeerError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures alone. A MAC under a key that everybody can fetch, and ``none``, prove nothing (RFC 8725, section 2.1)."""
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})
_TIMEOUT_S: Final = 5.0
_FRESH_S: Final = 3600.0
_AGAIN_S: Final = 10.0
"""How often keys are fetched for tokens under a key that nobody knows: whoever sends such tokens does not decide it."""
_MOST_BYTES: Final = 1 << 20
_LONGEST_TOKEN: Final = 64 * 1024
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class ProviderFailed(PeerError):
    """The identity provider is not there, or is not what it should be."""

    code = "identity_provider_failed"


class Issuer:
    """A provider's metadata (OpenID Connect Discovery 1.0) and keys, kept for an hour. Thread-safe; blocking."""

    def __init__(self, url: str, *, ca_file: str | None = None, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """``url``: as the provider writes it in its tokens, character for character."""
        self.url = url
        context = ssl.create_default_context(cafile=ca_file)
        # The environment's proxies are not asked: who they are is not this deployment's own setting.
        self.connection: dict[str, Any] = {"verify": context, "timeout": _TIMEOUT_S, "trust_env": False}
        self._monotonic_s = monotonic_s
        self._lock = Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._looked_again_s: float | None = None

    @property
    def names_itself(self) -> bool:
        """Whether its answers say whose they are (RFC 9207)."""
        return self._published().get("authorization_response_iss_parameter_supported") is True

    def endpoint(self, name: str) -> str:
        """The address of one of its endpoints. Raises ``ProviderFailed``."""
        found = self._published().get(name)
        if not isinstance(found, str):
            raise ProviderFailed(f"the identity provider has no {name}", where=self.url)
        return _safe(found)

    def verified(self, token: str) -> jwt.Token:
        """A token under one of its keys. Raises ``JoseError``, ``ValueError`` or ``ProviderFailed``.

        A key that is not known is looked for once more: providers change their keys.
        """
        if not token or len(token) > _LONGEST_TOKEN:
            raise ValueError("no token, or a very long one")
        try:
            return jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            return jwt.decode(token, self._key_set(unknown=True), algorithms=ALGORITHMS)

    def _published(self) -> dict[str, Any]:
        with self._lock:
            if self._metadata is None or self._older(self._metadata[0], _FRESH_S):
                found = self._fetch(_safe(self.url.rstrip("/") + "/.well-known/openid-configuration"))
                if found.get("issuer") != self.url:
                    raise ProviderFailed(
                        "the identity provider calls itself otherwise", where=self.url,
                        next_step="write 'issuer' as its metadata does, character for character",
                    )  # fmt: skip
                self._metadata = (self._monotonic_s(), found)
            return self._metadata[1]

    def _key_set(self, *, unknown: bool = False) -> KeySet:
        """``unknown``: a token names a key that is not among those that are kept."""
        address = self.endpoint("jwks_uri")
        with self._lock:
            if self._keys is None or self._older(self._keys[0], _FRESH_S) or (unknown and self._may_look_again()):
                found = self._fetch(address).get("keys")
                usable = [one for one in found or () if isinstance(one, dict) and one.get("kty") in _KEY_TYPES]
                try:
                    keys = KeySet.import_key_set({"keys": [one for one in usable if one.get("use", "sig") == "sig"]})
                except (JoseError, ValueError, TypeError, KeyError) as error:
                    raise ProviderFailed("the identity provider's keys cannot be read", why=type(error).__name__) from None
                self._keys = (self._monotonic_s(), keys)
            return self._keys[1]

    def _may_look_again(self) -> bool:
        """Not counted from the last fetch: a key that changed just after it would lock everybody out for as long."""
        if self._looked_again_s is not None and not self._older(self._looked_again_s, _AGAIN_S):
            return False
        self._looked_again_s = self._monotonic_s()
        return True

    def _older(self, since_s: float, than_s: float) -> bool:
        return self._monotonic_s() - since_s >= than_s

    def _fetch(self, address: str) -> dict[str, Any]:
        try:
            with httpx2.stream("GET", address, **self.connection) as response:
                response.raise_for_status()
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise ProviderFailed("the identity provider sends too much", where=address)
            found = httpx2.Response(200, content=body).json()
        except (httpx2.HTTPError, ValueError) as error:
            raise ProviderFailed(
                "the identity provider does not answer as it should", where=address, why=type(error).__name__,
                next_step="look whether it runs, and whether 'ca_file' names its authority",
            ) from None  # fmt: skip
        if not isinstance(found, dict):
            raise ProviderFailed("the identity provider does not answer as it should", where=address)
        return found


def _safe(address: str) -> str:
    """TLS, except on this machine. Raises ``ProviderFailed``."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL):
        return address
    raise ProviderFailed("the identity provider is reached without TLS", where=address, next_step="use https addresses")
