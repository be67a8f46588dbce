"""API keys and console sessions: what they look like, how they are kept, and who presents one.

A secret has 256 random bits, so its keyed digest can be looked up in a table: there is nothing to guess, and nothing is
learned from the time a look-up takes (the digest cannot be steered without the pepper). No slow hash is needed, or wanted
on the hot path; passwords, which people choose, get argon2id instead.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from wardstead.access.ports import Credential, CredentialKind, Directory, Identity, PeerCertificate
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import CallerError

API_KEY_MARK: Final = "ws_"
SESSION_MARK: Final = "wss_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_BYTES: Final = 32
_MAX_LENGTH: Final = 200


class Unauthenticated(CallerError):
    """Nobody known presents this: unknown, expired, revoked and switched off look the same (no oracle)."""

    code = "unauthenticated"

    def __init__(self) -> None:
        super().__init__(
            "no valid credential was presented",
            next_step="Send an API key as 'Authorization: Bearer ws_…'; 'wardstead key create' makes one",
        )


class UnknownCertificate(CallerError):
    """A certificate that an authority of ours issued and that names nobody: not known, revoked and switched off look the same."""

    code = "unauthenticated"

    def __init__(self) -> None:
        super().__init__(
            "the certificate of this connection names nobody here",
            next_step="'wardstead certificate list' says which do; 'certificate issue' and 'certificate trust' make others",
        )


class CredentialsDisagree(CallerError):
    """A key, and the certificate of the connection that it came over, are of two people."""

    code = "unauthenticated"

    def __init__(self) -> None:
        super().__init__(
            "the key and the certificate are not of the same person",
            next_step="Send a key of whom the certificate names, or none",
        )


class BadCsrfToken(CallerError):
    """A session was presented without the token that only our own pages know."""

    code = "csrf"

    def __init__(self) -> None:
        super().__init__("the session's request token is missing or wrong", next_step="Reload the page and try again")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret, shown once, with what is kept of it."""

    secret: str
    prefix: str
    digest: bytes


def digest(pepper: bytes, secret: str) -> bytes:
    """The keyed hash that is kept: HMAC-SHA256 under a key that is not in the database."""
    return hmac.digest(pepper, secret.encode(), "sha256")


def new_secret(mark: str, pepper: bytes, entropy: Entropy) -> NewSecret:
    """``ws_`` + 43 characters of 256 random bits + 6 of a checksum, by which leaked keys can be told from look-alikes."""
    body = _base62(entropy(_SECRET_BYTES), 43)
    secret = mark + body + checksum(body)
    return NewSecret(secret, secret[: len(mark) + 8], digest(pepper, secret))


def checksum(body: str) -> str:
    """Six base-62 characters of SHA-256."""
    return _base62(hashlib.sha256(body.encode()).digest()[:4], 6)


def _base62(data: bytes, width: int) -> str:
    number, out = int.from_bytes(data, "big"), []
    for _ in range(width):
        number, rest = divmod(number, 62)
        out.append(_ALPHABET[rest])
    return "".join(reversed(out))


def identify(directory: Directory, pepper: bytes, presented: str, csrf: str | None, now_ms: int) -> Identity:
    """Whose credential this is. Raises ``Unauthenticated``, or ``BadCsrfToken`` for a session without its token."""
    if not presented or len(presented) > _MAX_LENGTH or not presented.isascii():
        raise Unauthenticated
    found = _identity(directory, directory.credentials.get(digest(pepper, presented)), now_ms)
    if found.credential.kind is CredentialKind.SESSION:
        check_csrf(found.credential, pepper, csrf)
    return found


def certify(directory: Directory, pepper: bytes, certificate: PeerCertificate, now_ms: int) -> Identity:
    """Whose certificate this is: one that was issued here, or one with a name that was given to somebody.

    Raises ``UnknownCertificate``; a certificate whose names are of several people is nobody's.
    """
    if certificate.until_ms <= now_ms:
        raise UnknownCertificate
    marks = [certificate_digest(pepper, certificate.fingerprint), *(name_digest(pepper, one) for one in certificate.names)]
    known = [directory.credentials[one] for one in marks if one in directory.credentials]
    if len({one.principal for one in known}) != 1:
        raise UnknownCertificate
    try:
        return _identity(directory, known[0], now_ms)
    except Unauthenticated:
        raise UnknownCertificate from None


def together(certified: Identity, presented: Identity) -> Identity:
    """Somebody who showed a certificate and another credential. Raises ``CredentialsDisagree`` where those are two people."""
    if certified.principal.id != presented.principal.id:
        raise CredentialsDisagree
    return Identity(presented.principal, presented.credential, presented.address, certified.credential)


def certificate_digest(pepper: bytes, fingerprint: str) -> bytes:
    """What is kept of a certificate that was issued here."""
    return digest(_for_certificates(pepper), f"certificate {fingerprint}")


def name_digest(pepper: bytes, name: str) -> bytes:
    """What is kept of a name in the certificates of an outside authority."""
    return digest(_for_certificates(pepper), f"certified name {name}")


def _for_certificates(pepper: bytes) -> bytes:
    """A fingerprint or a name is no secret: under a key of its own, whoever sends it as a secret presents nothing."""
    return hmac.digest(pepper, b"wardstead certificates v1", "sha256")


def _identity(directory: Directory, credential: Credential | None, now_ms: int) -> Identity:
    if credential is None or (credential.expires_ms is not None and credential.expires_ms <= now_ms):
        raise Unauthenticated
    principal = directory.principals.get(credential.principal)
    if principal is None or not principal.active:
        raise Unauthenticated
    return Identity(principal, credential)


def check_csrf(credential: Credential, pepper: bytes, csrf: str | None) -> None:
    """Raises ``BadCsrfToken`` unless ``csrf`` is this session's token."""
    if not csrf or not csrf.isascii() or not hmac.compare_digest(digest(pepper, csrf), credential.csrf_digest):
        raise BadCsrfToken
