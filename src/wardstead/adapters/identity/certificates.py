"""Reads the certificate that a client has proven: its names and its fingerprint. What it is good for is decided elsewhere."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from wardstead.access.ports import PeerCertificate
from wardstead.kernel.errors import CallerError

_MAX_NAMES: Final = 20
_MAX_NAME: Final = 512


class NotForClients(CallerError):
    """A certificate that was made for something else than to name a client, or cannot be read."""

    code = "bad_certificate"


def read_peer(certificate: bytes) -> PeerCertificate:
    """Of DER, as the TLS library has verified it. Raises ``NotForClients``.

    OpenSSL takes a certificate that does not say what it is for; here it has to (RFC 5280 section 4.2.1.12).
    """
    try:
        read = x509.load_der_x509_certificate(certificate)
        uses = read.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        names = _names(read)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise NotForClients("the certificate cannot be read, or does not say what it is for", why=type(error).__name__) from None
    if ExtendedKeyUsageOID.CLIENT_AUTH not in uses:
        raise NotForClients("the certificate is not for clients", why="its extended key usage lacks clientAuth")
    return PeerCertificate(
        sha256(certificate).hexdigest(), f"{read.serial_number:x}", names, int(read.not_valid_after_utc.timestamp() * 1000)
    )


def _names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = [f"URI:{one}" for one in found.get_values_for_type(x509.UniformResourceIdentifier)]
    names += [f"DNS:{one.lower()}" for one in found.get_values_for_type(x509.DNSName)]
    if len(names) > _MAX_NAMES or any(len(one) > _MAX_NAME for one in names):
        raise ValueError
    return tuple(names)
