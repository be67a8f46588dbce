"""What a server offers by TLS, seen as a client sees it: versions, cipher, key exchange, certificate, and whether it verifies."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

from cryptography import x509

from wardstead.adapters.tls_hello import Agreed, client_hello, read_agreed
from wardstead.crypto.pki import Outline, outline

_POSTGRESQL = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""SSLRequest: the server answers S, and TLS begins (PostgreSQL's protocol, section "SSL Session Encryption")."""
_OLDER = {"TLSv1.2": ssl.TLSVersion.TLSv1_2}


@dataclass(frozen=True, slots=True)
class Surface:
    """Where to ask, and by what its certificate is to be verified."""

    name: str
    host: str
    port: int
    context: ssl.SSLContext
    server_name: str
    postgresql: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """What it offers. ``unreachable`` and ``untrusted`` say why; empty where all is well."""

    versions: tuple[str, ...] = ()
    cipher: str = ""
    group: str = ""
    certificate: Outline | None = None
    unreachable: str = ""
    untrusted: str = ""
    agreed: Agreed = field(default_factory=Agreed)


def probe(surface: Surface, timeout_s: float = 5.0) -> Offer:
    """Ask it: a few connections, each bounded in time. Nothing but handshakes is sent."""
    try:
        connection = _connect(surface, timeout_s)
    except OSError as error:
        return Offer(unreachable=error.strerror or str(error))
    with connection:
        connection.sendall(client_hello("" if _is_address(surface.server_name) else surface.server_name))
        agreed = read_agreed(_first_record(connection))
    version, cipher, untrusted = _verified(surface, timeout_s)
    older = [name for name, number in _OLDER.items() if _speaks(surface, number, timeout_s)]
    certificate = _certificate(surface, timeout_s)
    versions = (*older, *([version] if version and version not in older else []))
    return Offer(versions, cipher or agreed.suite, agreed.group, certificate, untrusted=untrusted, agreed=agreed)


def _connect(surface: Surface, timeout_s: float) -> socket.socket:
    connection = socket.create_connection((surface.host, surface.port), timeout=timeout_s)
    if surface.postgresql:
        connection.sendall(_POSTGRESQL)
        if connection.recv(1) != b"S":
            connection.close()
            raise ConnectionError("it speaks no TLS")
    return connection


def _first_record(connection: socket.socket) -> bytes:
    data = b""
    try:
        while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
            piece = connection.recv(4096)
            if not piece:
                break
            data += piece
    except OSError:
        pass  # it broke off: what came is read
    return data


def _verified(surface: Surface, timeout_s: float) -> tuple[str, str, str]:
    """Version and cipher of a verified connection, or why there is none. Whether it wants a client certificate is its affair."""
    try:
        with (
            _connect(surface, timeout_s) as connection,
            surface.context.wrap_socket(connection, server_hostname=surface.server_name) as wrapped,
        ):
            cipher = wrapped.cipher()
            return wrapped.version() or "", cipher[0] if cipher else "", ""
    except ssl.SSLCertVerificationError as error:
        return "", "", error.verify_message or "its certificate does not verify"
    except OSError as error:
        return "", "", error.strerror or str(error)


def _open(minimum: ssl.TLSVersion, maximum: ssl.TLSVersion) -> ssl.SSLContext:
    """A context that looks and trusts nobody: nothing is ever sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version, context.maximum_version = minimum, maximum
    return context


def _speaks(surface: Surface, version: ssl.TLSVersion, timeout_s: float) -> bool:
    try:
        with (
            _connect(surface, timeout_s) as connection,
            _open(version, version).wrap_socket(connection, server_hostname=surface.server_name),
        ):
            return True
    except OSError:
        return False


def _certificate(surface: Surface, timeout_s: float) -> Outline | None:
    context = _open(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    try:
        with (
            _connect(surface, timeout_s) as connection,
            context.wrap_socket(connection, server_hostname=surface.server_name) as wrapped,
        ):
            return outline(x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True) or b""))
    except (OSError, ValueError):
        return None


def _is_address(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return False
    return True
