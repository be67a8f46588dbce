"""An authenticator in software, as the standard has it (WebAuthn level 3, sections 6.1 and 6.5.4), with a browser around it."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, MAY_BE_COPIED, KEY_WITHIN = 0x01, 0x04, 0x08, 0x40


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def data(written: str) -> bytes:
    return urlsafe_b64decode(written + "=" * (-len(written) % 4))


@dataclass
class Authenticator:
    """Makes one passkey and proves it. ``origin``: the page that its browser is on. ``counts``: whether it counts its uses."""

    origin: str
    verifies: bool = True
    counts: bool = True
    count: int = 0
    credential: bytes = field(default_factory=lambda: os.urandom(16))
    handle: bytes = b""
    rp_id: str = ""

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: str) -> str:
        """What a browser answers to a question for a new passkey."""
        asked = json.loads(options)
        self.rp_id, self.handle = asked["rp"]["id"], data(asked["user"]["id"])
        point = self.key.public_key().public_numbers()
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        within = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + key
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._about(KEY_WITHIN) + within})
        client = self._client("webauthn.create", asked["challenge"])
        return self._answer({"clientDataJSON": text(client), "attestationObject": text(made), "transports": ["internal"]})

    def prove(self, options: str, **otherwise: Any) -> str:
        """What a browser answers to a question for a proof. ``otherwise``: what an attacker's says in its place."""
        asked = json.loads(options)
        about = self._about(0, otherwise.get("rp_id", ""))
        client = self._client(otherwise.get("type", "webauthn.get"), otherwise.get("challenge", asked["challenge"]))
        signature = self.key.sign(about + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": text(client),
                "authenticatorData": text(about),
                "signature": text(signature),
                "userHandle": text(otherwise.get("handle", self.handle)),
            }
        )

    def _about(self, flags: int, rp_id: str = "") -> bytes:
        self.count += self.counts
        flags |= PRESENT | MAY_BE_COPIED | (VERIFIED if self.verifies else 0)
        return sha256((rp_id or self.rp_id).encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        named = text(self.credential)
        said = {"id": named, "rawId": named, "type": "public-key", "response": response, "clientExtensionResults": {}}
        return json.dumps(said)
