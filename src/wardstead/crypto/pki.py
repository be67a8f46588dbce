"""A local certificate authority for one deployment: name-constrained, so that its key can vouch for nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS = 3650
LEAF_DAYS = 397
"""CA/Browser Forum baseline requirements section 6.3.2: clients refuse leaves that are valid for longer."""


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


def make_authority(names: Sequence[str], now_ms: int) -> CertifiedKey:
    """A new authority that may certify ``names`` (host names and IP addresses) and nothing else."""
    return make_root("Wardstead local authority", [_constraint(name) for name in names], now_ms)


def make_root(common: str, permitted: Sequence[x509.GeneralName], now_ms: int) -> CertifiedKey:
    """An authority that may certify these names and, of their kinds, no others."""
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(minutes=5)
    subject = common_name(common)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    return CertifiedKey(_pem(builder.sign(key, hashes.SHA256())), key_pem(key))


def make_leaf(authority: CertifiedKey, names: Sequence[str], now_ms: int, *, days: int = LEAF_DAYS) -> CertifiedKey:
    """A server certificate for ``names`` by the authority, for so many days. Its chain includes the authority's certificate."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = elliptic_key(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(minutes=5)
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name(names[0]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return CertifiedKey(_pem(builder.sign(issuer_key, hashes.SHA256())) + authority.certificate, key_pem(key))


@dataclass(frozen=True, slots=True)
class Outline:
    """What a certificate says, for whoever has to decide or to tell. ``fingerprint``: SHA-256 of its DER, hexadecimal."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before_ms: int
    not_after_ms: int
    fingerprint: str
    key: str

    def days_left(self, now_ms: int) -> int:
        """Whole days until it ends; negative when it has."""
        return (self.not_after_ms - now_ms) // 86_400_000


def outline(certificate: x509.Certificate) -> Outline:
    """The outline of a certificate."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        named = x509.SubjectAlternativeName([])
    key = certificate.public_key()
    size = getattr(key, "key_size", "")
    return Outline(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=(*named.get_values_for_type(x509.DNSName), *(str(one) for one in named.get_values_for_type(x509.IPAddress))),
        not_before_ms=int(certificate.not_valid_before_utc.timestamp() * 1000),
        not_after_ms=int(certificate.not_valid_after_utc.timestamp() * 1000),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        key=f"{type(key).__name__.removesuffix('PublicKey').lstrip('_')} {size}".strip(),
    )


def outlines(pem: bytes) -> list[Outline]:
    """The outlines of all certificates in a PEM file. Raises ``ValueError`` where there is none."""
    return [outline(one) for one in x509.load_pem_x509_certificates(pem)]


def public_key_digest(certificate: bytes) -> str:
    """SHA-256 of a certificate's public key (DER in, SubjectPublicKeyInfo hashed): the same after a renewal with the same key."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(encoded).hexdigest()


def split(pem: bytes) -> list[bytes]:
    """The certificates of a bundle, each as PEM."""
    return [_pem(one) for one in x509.load_pem_x509_certificates(pem)]


def belongs(certificate: bytes, key: bytes) -> bool:
    """Whether a private key is that of a certificate."""
    held = serialization.load_pem_private_key(key, None).public_key()
    return x509.load_pem_x509_certificate(certificate).public_key() == held


def is_issued_by(leaf: bytes, authority: bytes) -> bool:
    """Whether the authority's key signed the first certificate of ``leaf``."""
    try:
        x509.load_pem_x509_certificate(leaf).verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def elliptic_key(authority: CertifiedKey) -> ec.EllipticCurvePrivateKey:
    """An authority's private key."""
    key = serialization.load_pem_private_key(authority.key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is on an elliptic curve")
    return key


def common_name(common: str) -> x509.Name:
    """A subject that has a common name and nothing else."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _general(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.IPAddress(address) if address is not None else x509.DNSName(name)


def _constraint(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.IPAddress(ipaddress.ip_network(address)) if address is not None else x509.DNSName(name)


def usage(*, sign_certificates: bool) -> x509.KeyUsage:
    """What a key is for: to sign certificates, or to sign for itself."""
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as it is written into a file."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
