"""Cookies, request tokens and forms: who is at the other end, and whether our own page sent what they sent.

Two cookies that scripts cannot read hold a session's token and its request token; what is kept of both is a keyed hash.
A POST must bring the request token in its form or header as well (OWASP: synchroniser token), and an ``Origin`` of ours.
Before there is a session, the sign-in form has a token of its own, compared with a cookie (double submit; ``__Host-``
keeps other hosts from planting one).
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from wardstead.access.credentials import BadCsrfToken, Unauthenticated
from wardstead.access.ports import CredentialKind, Identity
from wardstead.console.factor_desk import OpenedSession
from wardstead.console.ports import ConsoleServices
from wardstead.gateway.protocol.forms import BadForm, FormTooLarge, Upload, parse_upload

SESSION_COOKIE: Final = "__Host-wardstead"
CSRF_COOKIE: Final = "__Host-wardstead-csrf"
STEP_COOKIE: Final = "__Host-wardstead-step"
TICKET_COOKIE: Final = "__Host-wardstead-ticket"
FORM_COOKIE: Final = "__Host-wardstead-form"
CSRF_HEADER: Final = "x-wardstead-csrf"
_FORM_BYTES: Final = 16 * 1024
_FORM_TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in. ``csrf`` goes into the pages we give them, ``token`` is their session's secret."""

    identity: Identity
    csrf: str
    token: str


async def visitor(request: Request, services: ConsoleServices, form: Mapping[str, str] | None = None) -> Visitor:
    """Who sent this. For a POST give its ``form``: the request token then comes from the form or header, never the cookie.

    Raises ``CallerError`` with code ``unauthenticated`` (no such session) or ``csrf``.
    """
    token = request.cookies.get(SESSION_COOKIE, "")
    csrf = request.cookies.get(CSRF_COOKIE, "")
    if not token or not csrf:
        raise Unauthenticated
    if form is not None:
        sent = form.get("csrf") or request.headers.get(CSRF_HEADER, "")
        if not _same(sent, csrf):
            raise BadCsrfToken
    identity = await services.identify(token, csrf)
    if identity.credential.kind is not CredentialKind.SESSION:
        raise Unauthenticated  # an API key is no session, whoever put it into a cookie
    address = str(request.scope.get("wardstead.address", ""))
    return Visitor(Identity(identity.principal, identity.credential, address), csrf, token)


def keep_session(response: Response, session: OpenedSession) -> None:
    """Put a new session into the browser. It ends with the browser, or when the directory says so."""
    _set(response, SESSION_COOKIE, session.token)
    _set(response, CSRF_COOKIE, session.csrf)
    _drop(response, FORM_COOKIE)
    _drop(response, STEP_COOKIE)


def end_session(response: Response) -> None:
    """Take the session out of the browser."""
    _drop(response, SESSION_COOKIE)
    _drop(response, CSRF_COOKIE)


def form_token(request: Request) -> str:
    """The token for a form that is sent before there is a session: the browser's, or a new one."""
    given = request.cookies.get(FORM_COOKIE, "")
    return given if 32 <= len(given) <= 64 and given.isascii() else secrets.token_urlsafe(32)


def keep_form_token(response: Response, token: str) -> None:
    """Put that token into the browser."""
    _set(response, FORM_COOKIE, token)


def keep_step(response: Response, ticket: str) -> None:
    """Put the ticket of a sign-in that has begun here into the browser, for its next step."""
    _set(response, STEP_COOKIE, ticket)


def keep_ticket(response: Response, ticket: str) -> None:
    """Put the ticket of a sign-in with a provider into the browser, which brings it along from the provider's page: ``lax``."""
    response.set_cookie(TICKET_COOKIE, ticket, path="/", max_age=600, secure=True, httponly=True, samesite="lax")


def drop_ticket(response: Response) -> None:
    """Take it out again."""
    response.delete_cookie(TICKET_COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def check_form_token(request: Request, form: Mapping[str, str]) -> None:
    """Raises ``BadCsrfToken`` unless the form brought the token that the browser holds."""
    held = request.cookies.get(FORM_COOKIE, "")
    if not held or not _same(form.get("csrf", ""), held):
        raise BadCsrfToken


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a small form, each at most once. Raises ``BadForm``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadForm("this is not a form", where="content-type")
    body = await _body(request, _FORM_BYTES)
    try:
        fields = parse_qs(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=16
        )
    except ValueError:
        raise BadForm("the form cannot be read") from None
    if any(len(values) > 1 for values in fields.values()):
        raise BadForm("a field of the form was sent twice")
    return {name: values[0] for name, values in fields.items()}


async def read_upload(request: Request, limit_bytes: int) -> Upload:
    """A form that may bring files, of a bounded size. Raises ``BadForm``, ``FormTooLarge``."""
    return parse_upload(request.headers.get("content-type", ""), await _body(request, limit_bytes))


async def _body(request: Request, limit_bytes: int) -> bytes:
    try:
        async with asyncio.timeout(_FORM_TIMEOUT_S):
            return await _read(request, limit_bytes)
    except TimeoutError:
        raise BadForm("the form did not arrive in time") from None
    except ClientDisconnect:
        raise BadForm("the form did not arrive") from None


async def _read(request: Request, limit_bytes: int) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit_bytes:
            raise FormTooLarge(f"the form is larger than {limit_bytes} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _same(given: str, held: str) -> bool:
    return hmac.compare_digest(given.encode(), held.encode())


def _set(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="strict")


def _drop(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
