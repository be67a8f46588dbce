"""Other people's signatures: by a public key, or by a certificate that an authority made (PEM and DER, ECDSA and Ed25519)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from wardstead.kernel.errors import ConfigurationError, IntegrityError

_HASHES = {256: SHA256(), 384: SHA384(), 521: SHA512()}
_CODE_SIGNING = x509.oid.ExtendedKeyUsageOID.CODE_SIGNING


def verify_by_key(pem: str, signature: bytes, message: bytes) -> None:
    """Raises ``IntegrityError`` unless the key in ``pem`` signed ``message``; ``ConfigurationError`` where that is no key."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError("not a public key in PEM") from None
    _verify(key, signature, message)


def verify_by_certificate(
    authority_pem: str, subject: str, chain: Sequence[bytes], signature: bytes, message: bytes, *, now_ms: int
) -> None:
    """Raises ``IntegrityError`` unless the first certificate of ``chain`` signed ``message``, names ``subject``, and is of the
    authority, now. The others of the chain may stand between them.
    """
    try:
        authority = x509.load_pem_x509_certificate(authority_pem.encode())
    except ValueError:
        raise ConfigurationError("not a certificate in PEM") from None
    try:
        leaf, *between = [x509.load_der_x509_certificate(one) for one in chain]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        said = {str(one.value) for one in names}
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if subject not in said or _CODE_SIGNING not in usage:
            raise IntegrityError(
                "the certificate is somebody else's, or not for signing", why=f"it names {', '.join(sorted(said))[:200]}"
            )
        _require_chain([leaf, *between], authority, datetime.fromtimestamp(now_ms / 1000, UTC))
    except (ValueError, x509.ExtensionNotFound, InvalidSignature, TypeError, UnsupportedAlgorithm):
        raise IntegrityError("the certificate is not one that this authority vouches for") from None
    _verify(leaf.public_key(), signature, message)


class PublisherKey:
    """A private key of a publisher's own (PEM; ECDSA on P-256, P-384 or P-521), and their certificates where they have some."""

    def __init__(self, pem: bytes, passphrase: bytes | None = None, chain_pem: bytes = b"") -> None:
        """Raises ``ConfigurationError`` for another key, or where the first certificate is another key's."""
        try:
            key = load_pem_private_key(pem, passphrase or None)
            chain = x509.load_pem_x509_certificates(chain_pem) if chain_pem else []
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError(
                "this is no private key, or no certificate, in PEM", why="or its passphrase is another",
                next_step="openssl ecparam -genkey -name prime256v1 -noout -out key.pem makes one",
            ) from None  # fmt: skip
        if not isinstance(key, EllipticCurvePrivateKey) or key.key_size not in _HASHES:
            raise ConfigurationError("a key of this kind signs no models", why="ECDSA on P-256, P-384 or P-521 does")
        if chain and chain[0].public_key() != key.public_key():
            raise ConfigurationError("the first certificate is another key's")
        self._key = key
        self.chain = tuple(one.public_bytes(Encoding.DER) for one in chain)
        self.public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """A signature over ``message``."""
        return self._key.sign(message, ECDSA(_HASHES[self._key.key_size]))


def _require_chain(chain: Sequence[x509.Certificate], authority: x509.Certificate, now: datetime) -> None:
    """Each is of the next, the last of the authority; all are valid now, and whoever vouches for others may."""
    issuers = [*chain[1:], authority]
    for one, issuer in zip(chain, issuers, strict=True):
        one.verify_directly_issued_by(issuer)
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise ValueError("it may vouch for nobody")
    for one in (*chain, authority):
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            raise ValueError("it is not valid now")


def _verify(key: object, signature: bytes, message: bytes) -> None:
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, EllipticCurvePublicKey) and key.key_size in _HASHES:
            key.verify(signature, message, ECDSA(_HASHES[key.key_size]))
        else:
            raise IntegrityError("signatures of this kind of key are not known here", why="ECDSA and Ed25519 are")
    except InvalidSignature:
        raise IntegrityError("the signature does not verify") from None
