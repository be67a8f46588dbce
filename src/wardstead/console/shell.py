"""What surrounds every page: the headers that make a browser distrustful, the check of Host and Origin, and the last net."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardstead.kernel.errors import CallerError, WardsteadError
from wardstead.kernel.traces import origin

log = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""W3C CSP level 3. No inline script or style; with Trusted Types no script of ours can turn text into markup either."""
_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # "no-referrer" would make browsers send "Origin: null" with our own forms (Fetch, section 3.2), which is refused.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""No Strict-Transport-Security: on localhost it would bind every other port of the machine too."""
_SAFE: Final = frozenset({"GET", "HEAD"})

ErrorPage = Callable[[Request, WardsteadError], Awaitable[Response]]


class BadHost(CallerError):
    """The Host header names nobody that is served here."""

    code = "bad_header"


class CrossSite(CallerError):
    """Another site's page sent this."""

    code = "access_denied"


class OurFault(WardsteadError):
    """Something broke here; what it was is in the log, never on the page."""


class Shell:
    """ASGI middleware around the whole console: the server shell, and so the one place with a broad ``except``."""

    def __init__(self, app: ASGIApp, error_page: ErrorPage, allowed_hosts: frozenset[str]) -> None:
        """``allowed_hosts``: names without a port; empty where the gateway in front has checked the Host already."""
        self._app, self._error_page, self._allowed_hosts = app, error_page, allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _harden(message)
            await send(message)

        request = Request(scope, receive)
        try:
            self._check_source(scope["method"], Headers(scope=scope))
            await self._app(scope, receive, guarded_send)
        except WardsteadError as error:
            await self._answer(request, error, guarded_send, started=started)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 -- the server shell's last net
            # Nothing of it reaches the page, and its text stays out of the log too: it may quote content.
            fields = {"path": scope["path"][:200], "error": type(error).__name__, "at": origin(error.__traceback__)}
            log.error("page failed", extra={"fields": fields})  # noqa: TRY400 -- a traceback may quote content
            await self._answer(request, OurFault("something went wrong here"), guarded_send, started=started)

    def _check_source(self, method: str, headers: Headers) -> None:
        host = headers.get("host", "").lower()
        bare = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self._allowed_hosts and bare not in self._allowed_hosts and host not in self._allowed_hosts:
            raise BadHost("this host name is not served here", where="host")
        if method in _SAFE:
            return
        # A form of ours names our origin, and modern browsers say where a request comes from (W3C Fetch Metadata).
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host:
            raise CrossSite("this request was sent by another site", where="origin")
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise CrossSite("this request was sent by another site", where="sec-fetch-site")

    async def _answer(self, request: Request, error: WardsteadError, send: Send, *, started: bool) -> None:
        if started:
            return
        response = await self._error_page(request, error)
        await response(request.scope, request.receive, send)


def _harden(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("cache-control", "no-store")
