"""What a TLS 1.3 server would agree on, asked by a ClientHello that holds no key: it answers which group it wants one of.

Python's ``ssl`` does not tell the group. An empty ``key_share`` asks for exactly that (RFC 8446 section 4.2.8), and the answer,
a HelloRetryRequest, is sent in the clear.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

GROUPS: Final = {
    0x11EC: "X25519MLKEM768",
    0x11EB: "SecP256r1MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
    0x001D: "x25519",
    0x0017: "secp256r1",
    0x0018: "secp384r1",
}
"""Those that are offered, the hybrid post-quantum ones first (IANA's TLS Supported Groups; draft-ietf-tls-ecdhe-mlkem)."""
SUITES: Final = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256"}
POST_QUANTUM: Final = frozenset({"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"})
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0401, 0x0501, 0x0601)
_HANDSHAKE, _CLIENT_HELLO, _SERVER_HELLO = 22, 1, 2
_SERVER_NAME, _SUPPORTED_GROUPS, _SIGNATURE_ALGORITHMS, _VERSIONS, _KEY_SHARE = 0, 10, 13, 43, 51


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the server would use: empty where it says something else than was expected."""

    group: str = ""
    suite: str = ""


def client_hello(server_name: str) -> bytes:
    """The record to send. ``server_name``: empty for an address."""
    extensions = [
        (_SUPPORTED_GROUPS, _sized(b"".join(one.to_bytes(2, "big") for one in GROUPS))),
        (_SIGNATURE_ALGORITHMS, _sized(b"".join(one.to_bytes(2, "big") for one in _SIGNATURES))),
        (_VERSIONS, b"\x02\x03\x04"),
        (_KEY_SHARE, b"\x00\x00"),
    ]
    if server_name:
        extensions.insert(0, (_SERVER_NAME, _sized(b"\x00" + _sized(server_name.encode("idna")))))
    said = b"".join(kind.to_bytes(2, "big") + _sized(value) for kind, value in extensions)
    suites = b"".join(one.to_bytes(2, "big") for one in SUITES)
    body = b"\x03\x03" + os.urandom(32) + b"\x20" + os.urandom(32) + _sized(suites) + b"\x01\x00" + _sized(said)
    hello = bytes([_CLIENT_HELLO]) + len(body).to_bytes(3, "big") + body
    return bytes([_HANDSHAKE, 3, 1]) + _sized(hello)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def read_agreed(record: bytes) -> Agreed:
    """What the server's first record says; nothing, where it is an alert or malformed."""
    try:
        return _read(record)
    except (IndexError, ValueError):
        return Agreed()


def _read(record: bytes) -> Agreed:
    if record[0] != _HANDSHAKE or record[5] != _SERVER_HELLO:
        return Agreed()
    at = 5 + 4 + 2 + 32  # record and message headers, version, random
    at += 1 + record[at]  # the session id, given back
    suite = SUITES.get(int.from_bytes(record[at : at + 2], "big"), "")
    at += 2 + 1 + 2
    group = ""
    while at + 4 <= len(record):
        kind, size = (int.from_bytes(record[place : place + 2], "big") for place in (at, at + 2))
        if kind == _KEY_SHARE:
            group = GROUPS.get(int.from_bytes(record[at + 4 : at + 6], "big"), "another")
        at += 4 + size
    return Agreed(group, suite)
