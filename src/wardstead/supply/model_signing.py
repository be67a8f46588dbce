"""OpenSSF model signing (https://github.com/ossf/model-signing-spec, version 1.0): others' signatures over a model's files, ours.

A bundle is a Sigstore bundle (JSON) around a DSSE envelope with an in-toto statement that names each file with its digest. Keys
and certificates are verified offline; signatures that only a transparency log vouches for (keyless) are not.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from wardstead.crypto.dsse import IN_TOTO, Envelope, pre_authentication, read_envelope
from wardstead.crypto.publishers import PublisherKey, verify_by_certificate, verify_by_key
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import IntegrityError
from wardstead.supply.admission import AdmittedFile, Role
from wardstead.supply.admission_policy import Publisher

PREDICATE: Final = "https://model_signing/signature/v1.0"
GIT: Final = (".git", ".gitattributes", ".gitignore", ".github")
"""What belongs to Git and not to a model: signers leave it out, and say so in their statement."""
_WHOLE: Final = "."
"""What a model that is a single file is called in its own statement."""


def signer(bundle: bytes, publishers: Sequence[Publisher], files: Sequence[AdmittedFile], now_ms: int) -> Publisher:
    """Which of ``publishers`` signed exactly these files. Raises ``IntegrityError`` where none did.

    A chat template that was added beside the model is not of its publisher, and not asked for; nor are the signature itself
    and Git's own files, which those who sign leave out.
    """
    envelope, chain = _read(bundle)
    publisher = next((one for one in publishers if _signed_by(one, envelope, chain, now_ms)), None)
    if publisher is None:
        raise IntegrityError(
            "nobody whom policy trusts signed this", why=f"trusted are: {', '.join(one.name for one in publishers) or 'nobody'}",
            next_step="name the publisher in policies/admission.yaml, once you have their key from them",
        )  # fmt: skip
    resources = _resources(envelope)
    itself = sha256(bundle).hexdigest()
    for file in files:
        if file.sha256 == itself or (file.role is Role.OTHER and not set(GIT).isdisjoint(file.path.split("/"))):
            continue
        if file.role is not Role.TEMPLATE and not any(
            digest == file.sha256 and (name == _WHOLE or f"/{file.path}".endswith(f"/{name}")) for name, digest in resources
        ):
            raise IntegrityError("this file is not among those that the publisher signed", where=file.path)
    return publisher


def signed_bundle(key: PublisherKey, model: str, digests: Mapping[str, str], ignored: Sequence[str]) -> bytes:
    """A bundle over files (relative path, or ``.`` for a model that is one file, to SHA-256), as ``model_signing`` 1.1 reads it.

    ``ignored``: paths beside them that whoever verifies leaves out.
    """
    named = sorted(digests.items(), key=lambda one: one[0].split("/"))
    whole = sha256(b"".join(bytes.fromhex(digest) for _, digest in named)).hexdigest()
    payload = canonical_json({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": model, "digest": {"sha256": whole}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": sorted(ignored),
            },
            "resources": [{"name": name, "algorithm": "sha256", "digest": digest} for name, digest in named],
        },
    })  # fmt: skip
    certificates = [{"rawBytes": b64encode(one).decode()} for one in key.chain]
    material = {"x509CertificateChain": {"certificates": certificates}} if certificates else {
        "publicKey": {"hint": sha256(key.public_pem).hexdigest()}
    }  # fmt: skip
    signature = key.sign(pre_authentication(IN_TOTO, payload))
    return canonical_json({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {**material, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": b64encode(payload).decode(), "payloadType": IN_TOTO,
            "signatures": [{"sig": b64encode(signature).decode(), "keyid": ""}],
        },
    })  # fmt: skip


def _signed_by(one: Publisher, envelope: Envelope, chain: Sequence[bytes], now_ms: int) -> bool:
    """Whether the envelope's one signature is this publisher's."""
    ((_, signature),) = envelope.signatures
    try:
        if one.public_key:
            verify_by_key(one.public_key, signature, envelope.signed)
        else:
            verify_by_certificate(one.authority, one.subject, chain, signature, envelope.signed, now_ms=now_ms)
    except IntegrityError:
        return False
    return True


def _read(bundle: bytes) -> tuple[Envelope, list[bytes]]:
    try:
        document = json.loads(bundle)
        material = document["verificationMaterial"]
        certificates = material.get("x509CertificateChain", {}).get("certificates", [])
        certificates = [material["certificate"]] if "certificate" in material else certificates
        chain = [b64decode(one["rawBytes"], validate=True) for one in certificates]
        envelope = read_envelope(document["dsseEnvelope"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        raise IntegrityError(
            "not a model's signature", why="it is a Sigstore bundle, as OpenSSF model signing writes it"
        ) from None
    if envelope.payload_type != IN_TOTO or len(envelope.signatures) != 1:
        raise IntegrityError("not a model's signature", why="it has one signature, over an in-toto statement")
    return envelope, chain


def _resources(envelope: Envelope) -> list[tuple[str, str]]:
    """The files that a verified envelope names, with their SHA-256. Raises ``IntegrityError``."""
    try:
        document: dict[str, Any] = json.loads(envelope.payload)
        found = [
            (str(one["name"]), str(one["digest"])) for one in document["predicate"]["resources"] if one["algorithm"] == "sha256"
        ]
        whole = sha256(b"".join(bytes.fromhex(digest) for _, digest in found)).hexdigest()
        ((said,),) = [[one["digest"]["sha256"] for one in document["subject"]]]
        kind = document["predicateType"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise IntegrityError("not a model's signature", why="its statement is not one of model signing") from None
    if kind != PREDICATE or whole != said:
        raise IntegrityError("not a model's signature", why="its statement contradicts itself, or is about something else")
    return found
