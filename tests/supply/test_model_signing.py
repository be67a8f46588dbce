"""Signatures of publishers: whose counts, over which files, and what is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from wardstead.crypto.dsse import pre_authentication
from wardstead.crypto.publishers import PublisherKey
from wardstead.kernel.errors import ConfigurationError, IntegrityError
from wardstead.supply.admission import AdmittedFile, Role
from wardstead.supply.admission_policy import Publisher
from wardstead.supply.model_signing import PREDICATE, signed_bundle, signer

NOW = datetime(2026, 11, 26, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
FILES = (AdmittedFile("models/m-1/w.gguf", "a" * 64, 7, Role.WEIGHTS), AdmittedFile("models/m-1/c/config.json", "b" * 64, 5))
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


LABS = Publisher(name="Labs", public_key=pem(KEY))


def statement(files: list[tuple[str, str]], kind: str = PREDICATE) -> bytes:
    whole = sha256(b"".join(bytes.fromhex(digest) for _, digest in files)).hexdigest()
    resources = [{"name": name, "algorithm": "sha256", "digest": digest} for name, digest in files]
    how = {"method": "files", "hash_type": "sha256"}
    return json.dumps(
        {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "m", "digest": {"sha256": whole}}],
         "predicateType": kind, "predicate": {"serialization": how, "resources": resources}}
    ).encode()  # fmt: skip


def bundle(payload: bytes, key: ec.EllipticCurvePrivateKey = KEY, material: dict[str, Any] | None = None) -> bytes:
    hashed = SHA384() if key.key_size == 384 else SHA256()
    signature = key.sign(pre_authentication("application/vnd.in-toto+json", payload), ec.ECDSA(hashed))
    envelope = {
        "payload": b64encode(payload).decode(), "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": b64encode(signature).decode(), "keyid": ""}],
    }  # fmt: skip
    return json.dumps({"verificationMaterial": material or {"publicKey": {"hint": "x"}}, "dsseEnvelope": envelope}).encode()


NAMED = [("c/config.json", "b" * 64), ("w.gguf", "a" * 64)]


def test_the_publisher_who_signed_these_files_is_found() -> None:
    stranger = Publisher(name="Stranger", public_key=pem(OTHER))
    assert signer(bundle(statement(NAMED)), [stranger, LABS], FILES, NOW_MS) is LABS
    assert signer(bundle(statement(NAMED), OTHER), [LABS, stranger], FILES, NOW_MS) is stranger
    single = bundle(statement([(".", "a" * 64)]))
    assert signer(single, [LABS], FILES[:1], NOW_MS) is LABS


def test_a_template_of_ones_own_is_not_asked_of_the_publisher() -> None:
    own = AdmittedFile("models/m-1/own.jinja", "c" * 64, 3, Role.TEMPLATE)
    assert signer(bundle(statement(NAMED)), [LABS], (*FILES, own), NOW_MS) is LABS


@pytest.mark.parametrize(
    ("signed", "said"),
    [
        (bundle(statement(NAMED), OTHER), "nobody whom policy trusts"),
        (bundle(statement(NAMED)).replace(b'"sig": "', b'"sig": "AAAA'), "nobody whom policy trusts"),
        (bundle(statement(NAMED[:1])), "not among those"),
        (bundle(statement([("c/config.json", "b" * 64), ("w.gguf", "d" * 64)])), "not among those"),
        (bundle(statement([("w.gguf", "b" * 64), ("c/config.json", "a" * 64)])), "not among those"),
        (bundle(statement(NAMED, "https://slsa.dev/provenance/v1")), "not a model's signature"),
        (bundle(statement(NAMED).replace(b'"m", "digest": {"sha256": "', b'"m", "digest": {"sha256": "00')), "not a model's"),
    ],
)
def test_other_signers_files_and_statements_are_refused(signed: bytes, said: str) -> None:
    with pytest.raises(IntegrityError, match=said):
        signer(signed, [LABS], FILES, NOW_MS)


def test_the_signature_itself_and_what_is_gits_are_not_asked_for() -> None:
    signed = bundle(statement(NAMED))
    beside = [
        AdmittedFile("models/m-1/model.sig", sha256(signed).hexdigest(), 9),
        AdmittedFile("models/m-1/.gitattributes", "c" * 64, 9),
    ]
    assert signer(signed, [LABS], [*FILES, *beside], NOW_MS) is LABS
    for other in (
        AdmittedFile("models/m-1/model.sig", "c" * 64, 9),
        AdmittedFile("models/m-1/.git/w.gguf", "c" * 64, 9, Role.WEIGHTS),
    ):
        with pytest.raises(IntegrityError, match="not among those"):
            signer(signed, [LABS], [*FILES, other], NOW_MS)


@given(st.binary(max_size=80) | st.sampled_from([b"{}", b"[]", b'{"verificationMaterial":[],"dsseEnvelope":{}}', b"[" * 50_000]))
def test_what_is_no_bundle_is_refused_as_such(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        signer(data, [LABS], FILES, NOW_MS)


def certificate(
    name: str, key: ec.EllipticCurvePrivateKey, by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
    *, days: int = 30, signing: bool = True,
) -> x509.Certificate:  # fmt: skip
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(by[0].subject if by else subject).public_key(key.public_key())
        .serial_number(7).not_valid_before(NOW - timedelta(days=60)).not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )  # fmt: skip
    if by is not None:
        made = made.add_extension(x509.SubjectAlternativeName([x509.RFC822Name("models@labs.example")]), critical=False)
        use = x509.ExtendedKeyUsageOID.CODE_SIGNING if signing else x509.ExtendedKeyUsageOID.SERVER_AUTH
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return made.sign(by[1] if by else key, SHA256())


AUTHORITY = certificate("authority", OTHER)
TRUSTED = Publisher(name="By certificate", authority=AUTHORITY.public_bytes(Encoding.PEM).decode(), subject="models@labs.example")


def chained(leaf: x509.Certificate) -> bytes:
    raw = b64encode(leaf.public_bytes(Encoding.DER)).decode()
    return bundle(statement(NAMED), material={"x509CertificateChain": {"certificates": [{"rawBytes": raw}]}})


def test_a_certificate_of_the_authority_counts_for_its_subject() -> None:
    assert signer(chained(certificate("leaf", KEY, (AUTHORITY, OTHER))), [TRUSTED], FILES, NOW_MS) is TRUSTED


@pytest.mark.parametrize(
    "leaf",
    [
        certificate("leaf", KEY, (certificate("authority", KEY), KEY)),
        certificate("leaf", KEY, (AUTHORITY, OTHER), days=-1),
        certificate("leaf", KEY, (AUTHORITY, OTHER), signing=False),
        certificate("leaf", KEY),
    ],
    ids=["another-authority", "over", "not-for-signing", "self-signed"],
)
def test_other_certificates_do_not(leaf: x509.Certificate) -> None:
    with pytest.raises(IntegrityError, match="nobody whom policy trusts"):
        signer(chained(leaf), [TRUSTED], FILES, NOW_MS)
    wrong = Publisher(name="x", authority=TRUSTED.authority, subject="others@labs.example")
    with pytest.raises(IntegrityError):
        signer(chained(certificate("leaf", KEY, (AUTHORITY, OTHER))), [wrong], FILES, NOW_MS)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda one: one.name)
def test_what_is_signed_here_verifies_as_anybodys(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"words"))
    made = signed_bundle(PublisherKey(secret, b"words"), "m", {"w.gguf": "a" * 64, "c/config.json": "b" * 64}, [".git"])
    assert signer(made, [Publisher(name="Us", public_key=pem(key))], FILES, NOW_MS).name == "Us"
    with pytest.raises(IntegrityError, match="nobody whom policy trusts"):
        signer(made, [LABS], FILES, NOW_MS)
    with pytest.raises(ConfigurationError, match="no private key"):
        PublisherKey(secret, b"other words")


def test_a_key_that_signs_no_models_and_a_certificate_of_another_key_are_refused() -> None:
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ConfigurationError, match="of this kind"):
        PublisherKey(ed25519.Ed25519PrivateKey.generate().private_bytes(*plain))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1).public_key(OTHER.public_key())
        .not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1)).sign(OTHER, SHA384())
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match="another key's"):
        PublisherKey(KEY.private_bytes(*plain), chain_pem=certificate.public_bytes(Encoding.PEM))
