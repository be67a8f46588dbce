"""Certificates of services: for one principal, for clients alone, by an authority that can vouch for nobody else."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from wardstead.crypto.client_certificates import BadRequest, make_client_authority, make_client_leaf, service_name
from wardstead.crypto.pki import common_name

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
AUTHORITY = make_client_authority(NOW_MS)


def test_a_leaf_names_one_principal_and_is_for_clients_until_it_ends() -> None:
    made = make_client_leaf(AUTHORITY, "01a2", "support-bot", NOW_MS + DAY_MS, NOW_MS)
    leaf = x509.load_pem_x509_certificate(made.certificate)
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(AUTHORITY.certificate))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [service_name("01a2")]
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert leaf.not_valid_after_utc.timestamp() * 1000 == NOW_MS + DAY_MS
    key = serialization.load_pem_private_key(made.key, None)
    assert key.public_key() == leaf.public_key()


def test_the_authority_is_for_its_own_names_alone() -> None:
    constraints = x509.load_pem_x509_certificate(AUTHORITY.certificate).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.UniformResourceIdentifier("wardstead.internal")]


def signed(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(common_name("root")).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def test_of_a_signing_request_the_public_key_alone_is_taken() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = make_client_leaf(AUTHORITY, "01a2", "bot", NOW_MS + DAY_MS, NOW_MS, request=signed(key))
    leaf = x509.load_pem_x509_certificate(made.certificate)
    assert (made.key, leaf.public_key(), leaf.subject) == (b"", key.public_key(), common_name("bot"))


def test_a_request_that_proves_nothing_is_refused() -> None:
    good = signed(ec.generate_private_key(ec.SECP256R1()))
    der = bytearray(x509.load_pem_x509_csr(good).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    weak = signed(rsa.generate_private_key(65537, 2048))
    for request in (b"nonsense", forged, weak, signed(ec.generate_private_key(ec.SECP192R1()))):
        with pytest.raises(BadRequest):
            make_client_leaf(AUTHORITY, "01a2", "bot", NOW_MS + DAY_MS, NOW_MS, request=request)
