"""The gateway as an ASGI application: routes, limits at the door, and one ``Runner`` for each exchange.

No framework on this path (docs/adr/0003). Everything that is not an API of a model goes to the console's application.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from wardstead.access.ports import AccessRequest, Identity, Resource
from wardstead.gateway.pipeline.exchange import Exchange
from wardstead.gateway.pipeline.record import Sealer
from wardstead.gateway.pipeline.refusals import NoSuchModel
from wardstead.gateway.pipeline.steps import Incoming
from wardstead.gateway.protocol import dialects
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.types import Dialect
from wardstead.gateway.server.deadlines import Deadlines
from wardstead.gateway.server.runner import Receive, Runner, Send, Upstream, Worlds
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import BackendError, CallerError, WardsteadError
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.ledger.ports import Journal

log = logging.getLogger(__name__)

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
"""(scope, receive, send), as any ASGI framework types them."""
CONTEXT_HEADERS = {
    b"wardstead-conversation": "conversation",
    b"wardstead-purpose": "purpose",
    b"wardstead-application": "application",
}


class BadHeader(CallerError):
    """A request header is not acceptable."""

    code = "bad_header"


class NotFound(CallerError):
    """No such path or record, or none that this person may see."""

    code = "not_found"


class MethodNotAllowed(CallerError):
    """The path exists, the method does not."""

    code = "method_not_allowed"


class Overloaded(BackendError):
    """As many exchanges are under way as this worker (or this person) may have."""

    code = "overloaded"


class Draining(BackendError):
    """The worker is stopping: it finishes what it has and takes nothing new."""

    code = "draining"


@dataclass(frozen=True, slots=True)
class Doors:
    """Limits at the door. Times in seconds, sizes in bytes."""

    allowed_hosts: frozenset[str]
    allowed_origins: frozenset[str] = frozenset()
    header_bytes: int = 32 * 1024
    headers: int = 100
    body_timeout_s: float = 30.0
    keep_alive_s: float = 10.0
    silence_timeout_s: float = 120.0
    exchange_timeout_s: float = 600.0
    send_timeout_s: float = 60.0
    concurrency: int = 512
    per_person: int = 128


@dataclass(slots=True)
class Services:
    """What ``bootstrap`` wires. ``receipt``, ``checkpoint`` and ``exchange_owner`` block and run in a thread."""

    worlds: Worlds
    journal: Journal
    sealer: Sealer
    upstreams: dict[str, Upstream]
    clock: Clock
    entropy: Entropy
    receipt: Callable[[str], dict[str, Any] | None]
    checkpoint: Callable[[], str | None]
    exchange_owner: Callable[[str], str | None]
    model_health: Mapping[str, Callable[[], bool]] = field(default_factory=dict)


@dataclass(slots=True)
class _Head:
    """What the gateway reads of a request's head."""

    secret: str = ""
    csrf: str | None = None
    chunked: bool = False
    context: dict[str, str] = field(default_factory=dict)


class Gateway:
    """The ASGI application of one worker."""

    def __init__(self, services: Services, doors: Doors) -> None:
        """Takes wired services; starts nothing by itself (``sweep`` is run by the worker)."""
        self._services = services
        self._doors = doors
        self._routes = dialects.ROUTES
        self.console: AsgiApp | None = None
        """Serves every path that is not an API; set by the worker."""
        self.live: dict[str, tuple[Runner, float]] = {}
        self._deadlines = Deadlines()
        self._per_person: dict[str, int] = {}
        self.draining = False

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        dialect = self._routes.get(scope["path"]) if scope["method"] == "POST" else None
        if dialect is not None:
            await self._serve_exchange(dialect, scope, receive, send)
        else:
            await self._serve_other(scope, receive, send)

    # -- exchanges ---------------------------------------------------------------------------------------------------

    async def _serve_exchange(self, dialect: Dialect, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        services = self._services
        now = services.clock()
        exchange_id = ExchangeId(uuid7(now, services.entropy(10)))
        try:
            head = self._read_head(scope)
            if head.chunked:
                send = _then_close(send)
            self._admit()
        except WardsteadError as error:
            await _send_error(send, dialect, error)
            return
        incoming = Incoming(exchange_id, dialect, scope["path"], head.secret, head.csrf, now, head.context)
        exchange = Exchange(incoming, services.worlds.current, sealer=services.sealer, clock=services.clock)
        runner = Runner(
            exchange,
            receive,
            send,
            journal=services.journal,
            worlds=services.worlds,
            upstreams=services.upstreams,
            deadlines=self._deadlines,
            body_timeout_s=self._doors.body_timeout_s,
            keep_alive_s=self._doors.keep_alive_s,
            silence_timeout_s=self._doors.silence_timeout_s,
        )
        self.live[exchange_id] = (runner, time.monotonic() + self._doors.exchange_timeout_s)
        try:
            await runner.run()
        finally:
            del self.live[exchange_id]
            if exchange.status >= 500:
                log.warning("exchange failed", extra={"fields": _log_fields(exchange)})

    def _admit(self) -> None:
        if self.draining:
            raise Draining("this worker is stopping", next_step="Try again")
        if len(self.live) >= self._doors.concurrency:
            raise Overloaded("too many exchanges are under way", next_step="Try again in a moment")

    async def sweep(self) -> None:
        """Every second: end exchanges that have run longer than they may."""
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            for runner, deadline in list(self.live.values()):
                if now > deadline:
                    runner.leave()

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new, wait for what is under way, then end the rest."""
        self.draining = True
        await self._until_empty(timeout_s)
        for runner, _ in list(self.live.values()):
            runner.leave()
        await self._until_empty(2)

    async def _until_empty(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self.live and time.monotonic() < deadline:  # noqa: ASYNC110 -- an event would cost every exchange its upkeep
            await asyncio.sleep(0.02)

    # -- the head of a request -----------------------------------------------------------------------------------------

    def _read_head(self, scope: dict[str, Any]) -> _Head:  # noqa: C901, PLR0912 -- one pass over the headers, one branch for each
        head = _Head()
        size = 0
        host = b""
        length = False
        headers = scope["headers"]
        if len(headers) > self._doors.headers:
            raise BadHeader(f"more than {self._doors.headers} headers")
        for name, value in headers:
            size += len(name) + len(value)
            if name == b"host":
                if host:
                    raise BadHeader("more than one Host header", where="host")
                host = value
            elif name == b"authorization":
                head.secret = _bearer(value)
            elif name == b"x-api-key" and not head.secret:
                head.secret = _text(value)
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
                self._check_origin(value)
            elif name.startswith(b"wardstead-"):
                _read_context(head.context, name, value)
        if size > self._doors.header_bytes:
            raise BadHeader(f"the headers are larger than {self._doors.header_bytes} bytes")
        if length and head.chunked:
            # RFC 9112 section 6.1: a sign of request smuggling.
            raise BadHeader("both Content-Length and Transfer-Encoding", where="transfer-encoding")
        self._check_host(host)
        return head

    def _check_host(self, host: bytes) -> None:
        name = host.decode("latin-1").lower()
        bare = name.rsplit(":", 1)[0] if not name.endswith("]") else name
        if name not in self._doors.allowed_hosts and bare not in self._doors.allowed_hosts:
            raise BadHeader("this host name is not served here", where="host", next_step="Add it to server.allowed_hosts")

    def _check_origin(self, value: bytes) -> None:
        origin = value.decode("latin-1").lower()
        if origin not in self._doors.allowed_origins:
            raise BadHeader(
                "requests from this origin are not taken", where="origin", next_step="Add it to server.allowed_origins"
            )

    # -- everything else -------------------------------------------------------------------------------------------------

    async def _serve_other(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        try:
            head = self._read_head(scope)
            if path == "/healthz":
                await self._send_json(send, 200 if not self.draining else 503, self._health())
            elif path in self._routes:
                raise MethodNotAllowed("this path takes POST", where=method)
            elif (method == "GET" and path in {"/v1/models", "/api/tags"}) or path.startswith("/v1/models/"):
                await self._models(path, head, send)
            elif path == "/api/version":
                await self._send_json(send, 200, {"version": "0.0.0-wardstead"})
            elif path.startswith("/ledger/"):
                await self._ledger(path, head, send)
            elif path.startswith(("/v1", "/api")) or self.console is None:
                raise NotFound("there is nothing at this path", where=path[:200])
            else:
                await self.console(scope, receive, send)
        except WardsteadError as error:
            await _send_error(send, dialects.for_path(path), error)

    def _health(self) -> dict[str, Any]:
        models = {name: healthy() for name, healthy in self._services.model_health.items()}
        state = "draining" if self.draining else "ok" if all(models.values()) else "degraded"
        return {"status": state, "models": models, "live": len(self.live)}

    def _identify(self, head: _Head) -> Identity:
        world = self._services.worlds.current
        return world.authenticate(world.directory, head.secret, head.csrf, self._services.clock())

    def visible_models(self, identity: Identity) -> list[str]:
        """The models that this person may use: others are as if they did not exist."""
        world = self._services.worlds.current
        now = self._services.clock()
        return [
            name
            for name, model in world.models.items()
            if world.decisions.decide(
                AccessRequest(identity, "listModels", Resource("Model", name, clearance=model.clearance), now_ms=now)
            ).allow
        ]

    async def _models(self, path: str, head: _Head, send: Send) -> None:
        names = self.visible_models(self._identify(head))
        created = {name: model.created_s for name, model in self._services.worlds.current.models.items()}
        if path.startswith("/v1/models/"):
            name = path.removeprefix("/v1/models/")
            if name not in names:
                raise NoSuchModel(name)
            body = {"id": name, "object": "model", "created": created[name], "owned_by": "wardstead"}
            await self._send_json(send, 200, body)
            return
        listing = dialects.for_path(path).models(names, min(created.values(), default=0))
        await _send_whole(send, 200, listing)

    async def _ledger(self, path: str, head: _Head, send: Send) -> None:
        identity = self._identify(head)
        if path == "/ledger/checkpoint":
            text = await asyncio.to_thread(self._services.checkpoint)
            if text is None:
                raise NotFound("no checkpoint has been signed yet")
            await _send_whole(send, 200, text.encode(), b"text/plain; charset=utf-8")
            return
        exchange_id = path.removeprefix("/ledger/receipt/")
        if exchange_id == path or not 1 <= len(exchange_id) <= 64:
            raise NotFound("there is nothing at this path", where=path[:200])
        owner = await asyncio.to_thread(self._services.exchange_owner, exchange_id)
        resource = Resource("Exchange", exchange_id, owner=owner)  # type: ignore[arg-type]  # an id as the store has it
        request = AccessRequest(identity, "readReceipt", resource, now_ms=self._services.clock())
        decision = self._services.worlds.current.decisions.decide(request)
        receipt = await asyncio.to_thread(self._services.receipt, exchange_id) if decision.allow else None
        if receipt is None:
            raise NotFound("there is no such receipt, or it is not yours to see")
        await self._send_json(send, 200, receipt)

    @staticmethod
    async def _send_json(send: Send, status: int, body: dict[str, Any]) -> None:
        await _send_whole(send, status, orjson.dumps(body))


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
        raise BadHeader(f"unknown request header {name.decode('latin-1')[:80]!r}", next_step=f"Known are {known}")
    text = _text(value)
    if len(text) > 200 or not text.isprintable():
        raise BadHeader("at most 200 printable characters", where=name.decode("latin-1"))
    context[key] = text


def _then_close(send: Send) -> Send:
    """A ``send`` that ends the connection with its response.

    The HTTP library drops a Content-Length beside a Transfer-Encoding before we could see both, so every chunked request
    ends its connection: bytes smuggled behind it reach nobody (RFC 9112 section 6.1).
    """

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return sending


async def _send_error(send: Send, dialect: Dialect, error: WardsteadError) -> None:
    status = status_of(error)
    extra = [(b"retry-after", b"1")] if status in {429, 503} else []
    extra += [(b"www-authenticate", b"Bearer")] if status == 401 else []
    await _send_whole(send, status, dialect.error(error, status), headers=extra)


async def _send_whole(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes = b"application/json",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    base = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": base + (headers or [])})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _log_fields(exchange: Exchange) -> dict[str, Any]:
    return {
        "exchange": exchange.incoming.id,
        "status": exchange.status,
        "verdict": exchange.verdict,
        "outcome": exchange.outcome,
        "state": exchange.state.value,
    }
