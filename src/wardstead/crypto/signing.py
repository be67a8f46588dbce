"""Ed25519 signatures in C2SP signed notes (https://c2sp.org/signed-note): what a checkpoint, or its witness, signs.

A key has a name; ``SHA-256(name || 0x0A || 0x01 || public key)[:4]`` is its id. Keys are written as Go's ``note`` package
writes them: ``name+id+base64`` to verify, ``PRIVATE+KEY+name+id+base64`` to sign.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wardstead.kernel.errors import ConfigurationError, IntegrityError

_ED25519, _COSIGNATURE = b"\x01", b"\x04"
"""Signature types: https://c2sp.org/signed-note."""
_TIME_SIZE = 8
_SIGNATURE_LINE = "\N{EM DASH} "
_PRIVATE = "PRIVATE+KEY+"
_MAX_NOTE_BYTES = 1_000_000
"""The limit of Go's implementation: no note of ours comes near it."""


def _key_id(name: str, public: bytes, kind: bytes = _ED25519) -> bytes:
    return sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise ConfigurationError("a key name may not be empty or hold spaces or plus signs", where=name[:80])


def _parse(text: str, what: str, kind: bytes = _ED25519) -> tuple[str, bytes, bytes]:
    """``name+id+base64`` to (name, id, 32 bytes)."""
    try:
        name, key_id, encoded = text.strip().split("+", 2)
        blob, ident = b64decode(encoded, validate=True), bytes.fromhex(key_id)
    except ValueError:
        raise ConfigurationError(f"not a {what}", next_step="expected name+id+base64") from None
    _check_name(name)
    if len(blob) != 33 or blob[:1] != kind:
        raise ConfigurationError(f"not an Ed25519 {what}", where=name)
    return name, ident, blob[1:]


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """Who may have signed: a name and an Ed25519 public key of 32 bytes."""

    name: str
    public: bytes

    @classmethod
    def from_text(cls, text: str) -> VerifyingKey:
        """Read ``name+id+base64``; raises ``ConfigurationError`` when it is not one, or its id does not fit."""
        name, ident, public = _parse(text, "verifier key")
        if ident != _key_id(name, public):
            raise ConfigurationError("the verifier key's id does not fit its name and key", where=name)
        return cls(name, public)

    @property
    def key_id(self) -> bytes:
        """The four bytes that precede this key's signatures."""
        return _key_id(self.name, self.public)

    def text(self) -> str:
        """``name+id+base64``, to hand to a verifier."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises ``IntegrityError`` unless this key signed ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise IntegrityError("a signature does not verify", where=self.name) from None


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness: a name and an Ed25519 public key, whose signatures carry the time (https://c2sp.org/tlog-cosignature)."""

    name: str
    public: bytes

    @classmethod
    def from_text(cls, text: str) -> WitnessKey:
        """Read ``name+id+base64``; raises ``ConfigurationError`` when it is not a witness's, or its id does not fit."""
        name, ident, public = _parse(text, "witness's verifier key", _COSIGNATURE)
        if ident != _key_id(name, public, _COSIGNATURE):
            raise ConfigurationError("the verifier key's id does not fit its name and key", where=name)
        return cls(name, public)

    @property
    def key_id(self) -> bytes:
        """The four bytes that precede this key's signatures."""
        return _key_id(self.name, self.public, _COSIGNATURE)

    def text(self) -> str:
        """``name+id+base64``, to hand to a verifier."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_COSIGNATURE + self.public).decode()}"


class SigningKey:
    """Signs notes under a name. Its text form is a secret."""

    __slots__ = ("_private", "_seed", "verifying")

    def __init__(self, name: str, seed: bytes) -> None:
        """``seed``: 32 random bytes."""
        _check_name(name)
        self._seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifying = VerifyingKey(name, public)

    @classmethod
    def from_text(cls, text: str) -> SigningKey:
        """Read ``PRIVATE+KEY+name+id+base64``; raises ``ConfigurationError`` when it is not one."""
        if not text.startswith(_PRIVATE):
            raise ConfigurationError("not a signing key", next_step="expected PRIVATE+KEY+name+id+base64")
        name, ident, seed = _parse(text.removeprefix(_PRIVATE), "signing key")
        key = cls(name, seed)
        if key.verifying.key_id != ident:
            raise ConfigurationError("the signing key's id does not fit its name and key", where=name)
        return key

    def text(self) -> str:
        """The secret text form, for a file with mode 0600."""
        return f"{_PRIVATE}{self.verifying.name}+{self.verifying.key_id.hex()}+{b64encode(_ED25519 + self._seed).decode()}"

    def sign(self, message: bytes) -> bytes:
        """The signature alone. What is signed says by its first bytes what it is: a note its origin, an envelope ``DSSEv1``."""
        return self._private.sign(message)

    def sign_note(self, text: str) -> str:
        """A signed note over ``text``, which ends with a newline."""
        if not text.endswith("\n"):
            raise IntegrityError("the text of a note ends with a newline")
        return f"{text}\n{self.signature_line(text)}"

    def signature_line(self, text: str) -> str:
        """The line below a note over ``text`` that says that this key signed it, too."""
        signature = b64encode(self.verifying.key_id + self.sign(text.encode())).decode()
        return f"{_SIGNATURE_LINE}{self.verifying.name} {signature}\n"


def open_note(note: str, *keys: VerifyingKey) -> str:
    """The text of a note that at least one of ``keys`` signed.

    Raises ``IntegrityError`` when none did, when a signature under one of them is wrong, or when it is no note.
    Signatures of unknown keys are ignored, as the specification asks.
    """
    return signed_by(note, *keys)[0]


def signed_by(note: str, *keys: VerifyingKey) -> tuple[str, frozenset[VerifyingKey]]:
    """As ``open_note``, and which of ``keys`` signed it."""
    head, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or len(note) > _MAX_NOTE_BYTES:
        raise IntegrityError("not a signed note")
    text, known = head + "\n", {(key.name, key.key_id): key for key in keys}
    verified = set[VerifyingKey]()
    for line in tail[:-1].split("\n"):
        name, ident, signature = _signature(line)
        key = known.get((name, ident))
        if key is not None:
            key.verify(signature, text.encode())
            verified.add(key)
    if not verified:
        raise IntegrityError("the note is not signed by a key that is trusted here")
    return text, frozenset(verified)


def cosigned_s(note: str, witness: WitnessKey) -> int | None:
    """When a witness cosigned a note, in seconds since the epoch; ``None`` when it did not.

    Raises ``IntegrityError`` for a signature in its name that does not verify, or when it is no note.
    """
    head, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or len(note) > _MAX_NOTE_BYTES:
        raise IntegrityError("not a signed note")
    for line in tail[:-1].split("\n"):
        name, ident, signature = _signature(line)
        if (name, ident) == (witness.name, witness.key_id):
            at_s = int.from_bytes(signature[:_TIME_SIZE], "big")
            text = f"cosignature/v1\ntime {at_s}\n{head}\n"
            VerifyingKey(name, witness.public).verify(signature[_TIME_SIZE:], text.encode())
            return at_s
    return None


def _signature(line: str) -> tuple[str, bytes, bytes]:
    """A signature line to (name, key id, signature)."""
    name, _, encoded = line.removeprefix(_SIGNATURE_LINE).partition(" ")
    try:
        blob = b64decode(encoded, validate=True)
    except binascii.Error:
        blob = b""
    # One signature has one spelling: base64's spare bits are zero.
    if not line.startswith(_SIGNATURE_LINE) or not name or len(blob) < 5 or b64encode(blob).decode() != encoded:
        raise IntegrityError("the note has a malformed signature line")
    return name, blob[:4], blob[4:]
