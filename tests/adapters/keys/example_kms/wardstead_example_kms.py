"""A key service that asks an HTTP service with an encryption context, as clouds' services have one."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from http.client import HTTPException
from urllib.request import Request, urlopen

from wardstead.crypto.key_service import Ask, KeyServiceFailed


class ExampleKms:
    """``POST /encrypt`` and ``/decrypt``: JSON with a key id, a context and what it is about."""

    def __init__(self, url: str, key_id: str, token: str) -> None:
        self._url, self._key_id, self._token = url, key_id, token

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._ask("encrypt", key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self._ask("decrypt", wrapped, context)

    def _ask(self, verb: str, data: bytes, context: bytes) -> bytes:
        said = {"key_id": self._key_id, "context": b64encode(context).decode(), "data": b64encode(data).decode()}
        request = Request(f"{self._url}/{verb}", json.dumps(said).encode(), {"authorization": self._token})
        try:
            with urlopen(request, timeout=5) as answer:
                return b64decode(json.loads(answer.read(64 * 1024))["data"], validate=True)
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise KeyServiceFailed("the key service refused", where=self._url, why=type(error).__name__) from None


def make(settings: Mapping[str, str], ask: Ask) -> ExampleKms:
    """The entry point. Secrets are asked for, never settings."""
    return ExampleKms(settings["url"], settings["key_id"], ask("token of the key service").decode())
