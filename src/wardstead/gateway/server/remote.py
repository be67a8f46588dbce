"""Model servers reached over TLS 1.3, through aiohttp: each proves to the other who it is, where the settings say so."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp

from wardstead.crypto.pki import public_key_digest
from wardstead.gateway.server.pool import Started, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from wardstead.kernel.errors import PeerError


class UpstreamUntrusted(PeerError):
    """The model server could not prove that it is the one that the settings name: nothing was sent to it."""

    code = "upstream_untrusted"


class UpstreamRefusesUs(PeerError):
    """The model server wants a client certificate, or another one than it was shown."""

    code = "upstream_refuses_us"


class _Context(ssl.SSLContext):
    """A context whose connections are held against pins as soon as the handshake is done."""

    pins: frozenset[str] = frozenset()


class _Pinned(ssl.SSLObject):
    """A connection of such a context."""

    def do_handshake(self) -> None:
        """Raises ``SSLCertVerificationError`` where the peer's public key is none of those that are pinned."""
        super().do_handshake()
        pins = self.context.pins if isinstance(self.context, _Context) else frozenset()
        if pins and public_key_digest(self.getpeercert(binary_form=True) or b"") not in pins:
            raise ssl.SSLCertVerificationError("its public key is not one of those that are pinned")


def tls_context(*, ca: Path | None, certificate: Path | None, key: Path | None, pins: frozenset[str]) -> ssl.SSLContext:
    """TLS 1.3 alone. ``ca`` pins the authority, else the system's are trusted. Raises ``OSError`` for unusable files."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    context.sslobject_class = _Pinned
    context.pins = pins
    return context


class RemoteUpstream:
    """An ``https://`` model server. Redirects are not followed; proxies of the environment are not used."""

    def __init__(self, base_url: str, context: ssl.SSLContext, *, bearer: str, head_timeout_s: float = 300.0) -> None:
        """``context`` is of ``tls_context``."""
        self._base = base_url.rstrip("/")
        self._context = context
        self._head_timeout_s = head_timeout_s
        self._headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        self._session: aiohttp.ClientSession | None = None

    async def request(self, method: str, path: str, body: bytes, started: Started | None = None) -> RemoteReply:
        """Send a request, wait for the head of its response."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context, limit=256),
                timeout=aiohttp.ClientTimeout(total=None, connect=10),
                trust_env=False,
                auto_decompress=False,
            )
        task = asyncio.ensure_future(self._send(method, path, body))
        interrupted: list[Exception] = []

        def interrupt(error: Exception) -> None:
            interrupted.append(error)
            task.cancel()

        if started is not None:
            started(interrupt)
        try:
            return RemoteReply(await task)
        except asyncio.CancelledError:
            if interrupted:
                raise interrupted[0] from None
            raise
        except TimeoutError:
            raise UpstreamTimeout(f"the model server sent no answer within {self._head_timeout_s:g} s") from None
        except aiohttp.ClientError as error:
            raise _explained(error) from error

    async def _send(self, method: str, path: str, body: bytes) -> aiohttp.ClientResponse:
        if self._session is None:
            raise UpstreamUnreachable("the connection to the model server is closed")
        headers = {"content-type": "application/json", "accept-encoding": "identity", **self._headers}
        async with asyncio.timeout(self._head_timeout_s):
            return await self._session.request(method, self._base + path, data=body, headers=headers, allow_redirects=False)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _explained(error: aiohttp.ClientError) -> PeerError:
    """Whose fault it was: theirs, ours, or the way's."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message if hasattr(cause, "verify_message") else str(cause)
            return UpstreamUntrusted(
                "the model server's certificate is not accepted",
                why=why,
                next_step="see upstream.tls: 'wardstead doctor' shows it",
            )
        if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or "") and "CERT" in (cause.reason or ""):
            what = "the model server does not accept our certificate"
            return UpstreamRefusesUs(what, why=cause.reason or "", next_step="see upstream.tls: certificate and key")
    if isinstance(error, aiohttp.ClientConnectorError):
        return UpstreamUnreachable("the model server is not reachable", why=type(error).__name__)
    # A server that refuses a certificate in TLS 1.3 does so after the handshake: a reset may overtake what it says of it.
    hint = "if it demands a client certificate: upstream.tls" if isinstance(error, aiohttp.ClientOSError) else ""
    return UpstreamProtocolError("the model server's answer broke off", why=type(error).__name__, next_step=hint)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was made of."""
    seen = set[int]()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        inner = getattr(one, "certificate_error", None) or getattr(one, "os_error", None)
        one = inner if isinstance(inner, BaseException) else one.__cause__ or one.__context__


class RemoteReply:
    """A response over TLS whose head has arrived."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._error: Exception | None = None
        self._cancel: Callable[[], object] = response.close
        self.status = response.status

    async def read(self, timeout_s: float) -> bytes | None:
        """The next bytes; ``b""`` at the end; ``None`` when nothing came within ``timeout_s``."""
        task = asyncio.ensure_future(self._response.content.readany())
        self._cancel = task.cancel
        try:
            async with asyncio.timeout(timeout_s):
                return await task
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            if self._error is not None:
                raise self._error from None
            raise
        except aiohttp.ClientError as error:
            raise UpstreamProtocolError("the model server's answer broke off", why=type(error).__name__) from error

    def interrupt(self, error: Exception) -> None:
        """Make a pending ``read`` raise ``error`` and close the connection."""
        self._error = error
        self._response.close()
        self._cancel()

    def release(self) -> None:
        """Done with it: kept by aiohttp when it was read to its end, else closed."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
