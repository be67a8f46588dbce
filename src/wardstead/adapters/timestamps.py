"""A time-stamping authority over HTTP (RFC 3161 section 3.4), and whether its token holds.

What it answers is bounded in time and size, and kept only when it verifies: by the certificates that the settings name, at the
time that it says.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from wardstead.adapters.posting import post
from wardstead.kernel.errors import ConfigurationError, IntegrityError, PeerError

_MOST_BYTES = 64 * 1024
_CERTIFICATES, _LONG = 0xA0, 0x80


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority as it is asked and believed: ``roots`` are PEM; ``ca_file`` is for its TLS, where the system's do not do."""

    name: str
    url: str
    roots: bytes
    ca_file: str = ""
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Stamped:
    """Its response as DER, and the time that it vouches for."""

    response: bytes
    time_ms: int


def read_roots(pem: bytes, where: str) -> list[x509.Certificate]:
    """The certificates in a PEM file. Raises ``ConfigurationError``."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigurationError("there is no certificate in it", where=where, why="PEM is expected") from None


def ask_authority(authority: Authority, message: bytes) -> Stamped:
    """A time stamp for ``message``, of which the authority sees the hash. Raises ``PeerError`` and ``IntegrityError``."""
    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    response = _post(authority, request.as_bytes())
    opened = _decoded(response, authority.name)
    if opened.status not in {0, 1}:
        raise PeerError("it grants no time stamp", where=authority.name, why="; ".join(opened.status_string)[:200])
    if opened.tst_info.nonce != request.nonce:
        raise IntegrityError("its answer is to another request", where=authority.name)
    return Stamped(response, token_time_ms(authority, response, message))


def token_time_ms(authority: Authority, response: bytes, message: bytes) -> int:
    """When ``message`` existed at the latest, as the authority signed it. Raises ``IntegrityError`` unless that holds."""
    opened = _decoded(response, authority.name)
    builder = VerifierBuilder(roots=read_roots(authority.roots, authority.name))
    try:
        builder.build().verify_message(opened, message)
    except (VerificationError, ValueError) as error:
        raise IntegrityError("a time stamp does not verify", where=authority.name, why=str(error)[:200]) from None
    return int(opened.tst_info.gen_time.timestamp() * 1000)


def _decoded(response: bytes, where: str) -> TimeStampResponse:
    try:
        return decode_timestamp_response(in_order(response))
    except (ValueError, IndexError):
        raise IntegrityError("a time stamp is malformed", where=where) from None


def in_order(response: bytes) -> bytes:
    """The response with its certificates sorted, as DER asks: OpenSSL's authorities do not, and no signature covers them."""
    at = 0
    for step in (0, 1, 1, 0, 3):  # TimeStampResp, token, its content, SignedData, certificates (RFC 5652 section 5.1)
        at, _ = _inside(response, at)
        for _ in range(step):
            _, at = _inside(response, at)
    begin, end = _inside(response, at)
    if response[at] != _CERTIFICATES:
        return response
    each, one = [], begin
    while one < end:
        _, after = _inside(response, one)
        each.append(response[one:after])
        one = after
    return response[:begin] + b"".join(sorted(each)) + response[end:]


def _inside(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at ``at`` begins and ends."""
    size, begin = data[at + 1], at + 2
    if size >= _LONG:
        begin += size - _LONG
        size = int.from_bytes(data[at + 2 : begin], "big")
    if begin + size > len(data):
        raise ValueError("cut off")
    return begin, begin + size


def _post(authority: Authority, body: bytes) -> bytes:
    # Over http, too: a token is believed for its signature alone.
    secure = urlsplit(authority.url).scheme != "http"
    context = ssl.create_default_context(cafile=authority.ca_file or None) if secure else None
    try:
        answer = post(
            authority.url, body, "application/timestamp-query", context=context, timeout_s=authority.timeout_s,
            most_bytes=_MOST_BYTES,
        )  # fmt: skip
    except (OSError, HTTPException) as error:
        raise PeerError("it does not answer", where=authority.name, why=type(error).__name__) from None
    if answer.status != 200:
        raise PeerError("it gives no time stamp", where=authority.name, why=f"it answered {answer.status}")
    return answer.body


def roots_of(path: Path) -> bytes:
    """The certificates in a file, read and looked at. Raises ``ConfigurationError``."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "the authority's certificates cannot be read", where=str(path), why=error.strerror or ""
        ) from None
    read_roots(pem, str(path))
    return pem
