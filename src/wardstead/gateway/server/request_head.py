"""What the gateway reads of a request's head, and what it refuses there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from wardstead.access.ports import PeerCertificate
from wardstead.gateway.server.doors import Doors
from wardstead.kernel.errors import CallerError

Send = Callable[[dict[str, Any]], Awaitable[None]]
CERTIFICATE: Final = "wardstead.certificate"
"""Where a server that has verified a client's certificate puts what it read there, in an ASGI scope."""
CONTEXT_HEADERS: Final = {
    b"wardstead-conversation": "conversation",
    b"wardstead-purpose": "purpose",
    b"wardstead-application": "application",
}


class BadHeader(CallerError):
    """A request header is not acceptable."""

    code = "bad_header"


class HeadersTooLarge(BadHeader):
    """More headers, or more bytes of them, than are read."""

    code = "header_too_large"


@dataclass(slots=True)
class RequestHead:
    """``secret`` and ``csrf`` are what was presented to prove an identity; ``context`` what ``wardstead-*`` headers said."""

    secret: str = ""
    csrf: str | None = None
    chunked: bool = False
    forwarded: str = ""
    """What ``x-forwarded-for`` said, each header after the one before."""
    address: str = ""
    """From where it was sent, as far as that can be trusted."""
    certificate: PeerCertificate | None = None
    """What the connection has proven; no header says it."""
    context: dict[str, str] = field(default_factory=dict)


def read_head(headers: list[tuple[bytes, bytes]], doors: Doors) -> RequestHead:  # noqa: C901, PLR0912 -- one pass, one branch for each header
    """Read the headers (names in lower case, as ASGI gives them) once. Raises ``BadHeader``."""
    head = RequestHead()
    size = 0
    host = b""
    length, shown = False, set[bytes]()
    if len(headers) > doors.headers:
        raise HeadersTooLarge(f"more than {doors.headers} headers")
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"host":
            if host:
                raise BadHeader("more than one Host header", where="host")
            host = value
        elif name in {b"authorization", b"x-api-key"}:
            if name in shown:
                raise BadHeader("it is there twice: nobody is two", where=name.decode())
            shown.add(name)
            head.secret = _one_secret(head.secret, _bearer(value) if name == b"authorization" else _text(value), shown)
        elif name == b"cookie":
            head.secret = head.secret or _session_cookie(value)
        elif name == b"x-wardstead-csrf":
            head.csrf = _text(value)
        elif name == b"content-length":
            length = True
        elif name == b"transfer-encoding":
            head.chunked = True
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise BadHeader("compressed request bodies are not taken", where="content-encoding")
        elif name == b"origin":
            _check_origin(value, doors)
        elif name == b"x-forwarded-for":
            head.forwarded = f"{head.forwarded},{_text(value)}"
        elif name.startswith(b"wardstead-"):
            _read_context(head.context, name, value)
    if size > doors.header_bytes:
        raise HeadersTooLarge(f"the headers are larger than {doors.header_bytes} bytes")
    if length and head.chunked:
        # RFC 9112 section 6.1: a sign of request smuggling.
        raise BadHeader("both Content-Length and Transfer-Encoding", where="transfer-encoding")
    _check_host(host, doors)
    return head


def peer_of(scope: dict[str, Any], forwarded: str, doors: Doors) -> str:
    """Where a request comes from. What came through the edge comes from where the edge says, and from nowhere if it does not."""
    if not doors.edge or CERTIFICATE in scope:
        return address_of(scope.get("client"), forwarded, doors)
    before, _, last = forwarded.rpartition(",")
    return address_of((last.strip(),), before, doors)


def address_of(client: Sequence[Any] | None, forwarded: str, doors: Doors) -> str:
    """Where a request comes from: its peer, or what a trusted proxy says of its own. Empty over a socket without addresses.

    Each proxy appends the address that it saw, so the list is read from its end: what the first one that is not trusted said
    of others does not count.
    """
    address = str(client[0]) if client else ""
    hops = [part.strip() for part in forwarded.split(",") if part.strip()] if doors.trusted_proxies else []
    while hops and _is_trusted(address, doors):
        address = hops.pop()
    return address


def _is_trusted(address: str, doors: Doors) -> bool:
    try:
        given = ip_address(address)
    except ValueError:
        return False
    return any(given in proxy for proxy in doors.trusted_proxies)


def then_close(send: Send) -> Send:
    """A ``send`` that ends the connection with its response.

    The HTTP library drops a Content-Length beside a Transfer-Encoding before we could see both, so every chunked request
    ends its connection: bytes smuggled behind it reach nobody (RFC 9112 section 6.1).
    """

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return sending


def _check_host(host: bytes, doors: Doors) -> None:
    name = host.decode("latin-1").lower()
    bare = name.rsplit(":", 1)[0] if not name.endswith("]") else name
    if name not in doors.allowed_hosts and bare not in doors.allowed_hosts:
        raise BadHeader("this host name is not served here", where="host", next_step="Add it to server.allowed_hosts")


def _check_origin(value: bytes, doors: Doors) -> None:
    if value.decode("latin-1").lower() not in doors.allowed_origins:
        raise BadHeader("requests from this origin are not taken", where="origin", next_step="Add it to server.allowed_origins")


def _one_secret(before: str, given: str, shown: set[bytes]) -> str:
    """A client that sends its key both ways sends one key. A cookie is no key, and gives way to one."""
    if len(shown) == 2 and before and given and before != given:
        raise BadHeader("two different keys", where="x-api-key", next_step="Send one, in authorization or in x-api-key")
    return given or before


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip()


def _bearer(value: bytes) -> str:
    scheme, _, secret = _text(value).partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _session_cookie(value: bytes) -> str:
    for part in _text(value).split(";"):
        name, _, secret = part.strip().partition("=")
        if name == "__Host-wardstead":
            return secret
    return ""


def _read_context(context: dict[str, str], name: bytes, value: bytes) -> None:
    key = CONTEXT_HEADERS.get(name)
    if key is None:
        known = ", ".join(sorted(header.decode() for header in CONTEXT_HEADERS))
        raise BadHeader("unknown request header", where="wardstead-*", next_step=f"Known are {known}")
    text = _text(value)
    if len(text) > 200 or not text.isprintable():
        raise BadHeader("at most 200 printable characters", where=name.decode("latin-1"))
    context[key] = text
