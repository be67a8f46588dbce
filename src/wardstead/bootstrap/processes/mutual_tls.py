"""The door for services: TLS in which the client proves a certificate too, and what it proved handed to the gateway.

granian can ask for a client's certificate and does not say which one it was, so this door has a server of its own: asyncio's
TLS (OpenSSL) and uvicorn's HTTP/1.1 protocol over h11, in the same process and loop, before the same application
(docs/adr/0018-mutual-tls.md).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from wardstead.access.ports import PeerCertificate
from wardstead.adapters.identity.certificates import read_peer
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity.certificates import client_authority
from wardstead.config.sections import MutualTlsSection
from wardstead.gateway.server.app import Gateway
from wardstead.gateway.server.request_head import CERTIFICATE
from wardstead.kernel.errors import CallerError, ConfigurationError

log = logging.getLogger(__name__)
_BACKLOG: Final = 256
_HANDSHAKE_S: Final = 10.0


class _Certified:
    """The application, told what the connection has proven."""

    def __init__(self, app: Any, certificate: PeerCertificate) -> None:
        self._app, self._certificate = app, certificate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope[CERTIFICATE] = self._certificate
        await self._app(scope, receive, send)


class _Connection(H11Protocol):
    """One connection. What cannot be read as a client's certificate ends it before a byte of HTTP is."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The handshake is done, and OpenSSL has verified chain, key, times and purpose."""
        super().connection_made(transport)
        given = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        try:
            self.app = _Certified(self.app, read_peer(given or b""))
        except CallerError as error:
            log.info("a client's certificate is refused", extra={"fields": error.diagnostics()})
            transport.abort()


@asynccontextmanager
async def door_for_services(deployment: Deployment, gateway: Gateway) -> AsyncIterator[None]:
    """Open while the context is, where the settings have one. Leaving closes the door and ends what idles at it."""
    settings = deployment.settings.server
    mutual = settings.mutual_tls
    if mutual is None:
        yield
        return
    config = Config(
        gateway, lifespan="off", log_config=None, access_log=False, server_header=False, date_header=False, proxy_headers=False,
        ws="none", interface="asgi3", timeout_keep_alive=60, h11_max_incomplete_event_size=max(16384, settings.header_bytes * 2),
        limit_concurrency=settings.concurrency * 4,
    )  # fmt: skip
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(config, state, {}), sock=_listening(deployment, mutual.port), ssl=context_of(deployment, mutual),
        ssl_handshake_timeout=_HANDSHAKE_S, backlog=_BACKLOG,
    )  # fmt: skip
    try:
        yield
    finally:
        server.close()
        for one in list(state.connections):
            one.shutdown()


def context_of(deployment: Deployment, mutual: MutualTlsSection) -> ssl.SSLContext:
    """TLS 1.3 alone, with the server's certificate; a client without one that verifies does not get in.

    Raises ``ConfigurationError`` for files that cannot be used.
    """
    tls = deployment.places.tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    # A ticket would let a client in again without its certificate being looked at.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    outside = deployment.places.directory / mutual.ca_file
    loads: tuple[tuple[Path, Callable[[], object]], ...] = (
        (tls / "server.crt", lambda: context.load_cert_chain(tls / "server.crt", tls / "server.key")),
        (tls / "services.crt", lambda: context.load_verify_locations(cadata=client_authority(deployment).certificate.decode())),
        (outside, lambda: context.load_verify_locations(cafile=outside) if mutual.ca_file else None),
    )
    for path, load in loads:
        try:
            load()
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror or str(error)
            raise ConfigurationError("a certificate for mutual TLS cannot be used", where=str(path), why=why) from None
    return context


def _listening(deployment: Deployment, port: int) -> socket.socket:
    """Each worker has a socket of its own at the same port, as granian's has."""
    host = deployment.settings.server.host
    address = {"localhost": "127.0.0.1"}.get(host, host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address, port))
    made.setblocking(False)
    return made
