"""Model servers reached over TLS, through aiohttp, with a pinned certificate authority."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import aiohttp

from wardstead.gateway.server.pool import Started, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable


class RemoteUpstream:
    """An ``https://`` model server. Redirects are not followed; proxies of the environment are not used."""

    def __init__(self, base_url: str, *, ca_file: str | None, bearer: str, head_timeout_s: float = 300.0) -> None:
        """``ca_file`` pins the authority (PEM); without it the system's are trusted."""
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
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
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnreachable("the model server is not reachable", why=type(error).__name__) from error
        except aiohttp.ClientError as error:
            raise UpstreamProtocolError("the model server's answer broke off", why=type(error).__name__) from error

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
