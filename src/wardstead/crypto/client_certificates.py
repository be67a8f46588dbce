"""Certificates of services: an authority that can vouch for nobody but this deployment's own, and short-lived leaves of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from wardstead.crypto.pki import CertifiedKey, common_name, elliptic_key, key_pem, make_root, usage
from wardstead.kernel.errors import CallerError

TRUST_DOMAIN: Final = "wardstead.internal"
""".internal is nobody's in the public DNS (ICANN resolution 2024.07.29.06)."""
_SKEW: Final = timedelta(minutes=5)


class BadRequest(CallerError):
    """Not a certificate signing request that can be answered."""

    code = "bad_certificate_request"


def service_name(principal: str) -> str:
    """What a certificate calls a principal: a SPIFFE ID (section 2)."""
    return f"spiffe://{TRUST_DOMAIN}/principal/{principal}"


def make_client_authority(now_ms: int) -> CertifiedKey:
    """An authority for names of the deployment's trust domain alone (RFC 5280 section 4.2.1.10)."""
    return make_root("Wardstead service authority", [x509.UniformResourceIdentifier(TRUST_DOMAIN)], now_ms)


def make_client_leaf(
    authority: CertifiedKey, principal: str, common: str, until_ms: int, now_ms: int, *, request: bytes = b""
) -> CertifiedKey:
    """A client certificate for a principal. ``request``: a signing request in PEM, of which the public key alone is taken: the
    private key stays where it is, and ``key`` is empty. Raises ``BadRequest``.
    """
    issuer, issuer_key = x509.load_pem_x509_certificate(authority.certificate), elliptic_key(authority)
    key = None if request else ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(common_name(common))
        .issuer_name(issuer.subject)
        .public_key(_requested(request) if key is None else key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(now_ms / 1000, UTC) - _SKEW)
        .not_valid_after(datetime.fromtimestamp(until_ms / 1000, UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(service_name(principal))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return CertifiedKey(made.public_bytes(serialization.Encoding.PEM), key_pem(key) if key is not None else b"")


def _requested(pem: bytes) -> ec.EllipticCurvePublicKey:
    try:
        request = x509.load_pem_x509_csr(pem)
        key, proven = request.public_key(), request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise BadRequest("not a certificate signing request in PEM") from None
    if not proven or not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size < 256:
        raise BadRequest(
            "this request cannot be answered", why="it is signed with an elliptic key of 256 bits or more",
            next_step="openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=NAME -keyout KEY",
        )  # fmt: skip
    return key
