"""Signed envelopes (DSSE 1.0.2, https://github.com/secure-systems-lab/dsse): what a statement about files is signed in."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.errors import IntegrityError

IN_TOTO: Final = "application/vnd.in-toto+json"
_MAX_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """What was signed, of what type, and the signatures as (key id, signature). Nothing of it is verified."""

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def signed(self) -> bytes:
        """What the signatures are over."""
        return pre_authentication(self.payload_type, self.payload)


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """DSSE's encoding. No checkpoint begins so, hence a key that signs both signs neither for the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal_envelope(key: SigningKey, payload: bytes, payload_type: str = IN_TOTO) -> bytes:
    """``payload`` in an envelope that ``key`` signed."""
    signature = key.sign(pre_authentication(payload_type, payload))
    document = {
        "payload": b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": key_id(key.verifying), "sig": b64encode(signature).decode()}],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def open_envelope(data: bytes, key: VerifyingKey, payload_type: str = IN_TOTO) -> bytes:
    """The payload of an envelope that ``key`` signed. Raises ``IntegrityError`` for any other."""
    envelope = read_envelope(data)
    if envelope.payload_type != payload_type:
        raise IntegrityError("the envelope holds something else", why=f"its type is {envelope.payload_type[:80]!r}")
    signature = next((one for ident, one in envelope.signatures if ident == key_id(key)), None)
    if signature is None:
        raise IntegrityError("the envelope is not signed by the key that is trusted here", where=key.name)
    key.verify(signature, envelope.signed)
    return envelope.payload


def read_envelope(data: bytes | Any) -> Envelope:
    """An envelope, or what JSON made of one, unverified. Raises ``IntegrityError`` for what is none."""
    return _well_formed(lambda: _read(json.loads(data) if isinstance(data, bytes) and len(data) <= _MAX_BYTES else data))


def key_id(key: VerifyingKey) -> str:
    """How an envelope names a key: by its name and its id."""
    return f"{key.name}+{key.key_id.hex()}"


def _well_formed(read: Callable[[], Envelope]) -> Envelope:
    try:
        return read()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise IntegrityError("not a signed envelope (DSSE)") from None


def _read(document: Any) -> Envelope:
    signatures = tuple(
        (str(one.get("keyid", "")), b64decode(one["sig"], validate=True)) for one in document["signatures"]
    )  # fmt: skip
    return Envelope(str(document["payloadType"]), b64decode(document["payload"], validate=True), signatures)
