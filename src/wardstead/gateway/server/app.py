"""The gateway as an ASGI application: routes, limits at the door, and one ``Runner`` for each exchange.

No framework on this path (docs/adr/0003). Everything that is not an API of a model goes to the console's application.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import orjson

from wardstead.access.ports import AccessRequest, Identity, Resource
from wardstead.gateway.pipeline.exchange import Exchange
from wardstead.gateway.pipeline.record import Sealer
from wardstead.gateway.pipeline.refusals import NoSuchModel, Unexpected
from wardstead.gateway.pipeline.steps import Incoming, who_is
from wardstead.gateway.protocol import dialects
from wardstead.gateway.protocol.authzen import METADATA
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.scim_call import BASE, CONTENT_TYPE, MOST_BYTES, Answering, Call, Refused, Reply, refused
from wardstead.gateway.protocol.types import Dialect
from wardstead.gateway.server.bodies import read_whole
from wardstead.gateway.server.deadlines import Deadlines
from wardstead.gateway.server.doors import Crowd, Doors, Draining
from wardstead.gateway.server.evaluating import CONSOLE, Evaluating
from wardstead.gateway.server.evaluating import PATHS as EVALUATIONS
from wardstead.gateway.server.files import Asked, Files, NotLikeThis, Shelf
from wardstead.gateway.server.health import Health
from wardstead.gateway.server.ports import (
    FindReleased,
    KeptDocuments,
    Memory,
    ReadDocument,
    Receive,
    Send,
    Upstream,
    Worlds,
)
from wardstead.gateway.server.request_head import CERTIFICATE, RequestHead, peer_of, read_head, then_close
from wardstead.gateway.server.runner import ConnectionAborted, Runner
from wardstead.gateway.server.unread import discard
from wardstead.gateway.server.workshop import Workshop
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import CallerError, WardsteadError
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.ledger.ports import Journal

log = logging.getLogger(__name__)

_APIS = frozenset({"/healthz", *dialects.ROUTES})
_API_FOLDERS = ("/v1", "/api", "/ledger/", "/access/")
"""What never goes to the console: a client of an API gets its own dialect's errors."""

_KEPT = (["v1", "files"], ["v1", "vector_stores"], ["v1", "templates"])

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
"""(scope, receive, send), as any ASGI framework types them."""


class NotFound(CallerError):
    """No such path or record, or none that this person may see."""

    code = "not_found"


@dataclass(slots=True)
class Services:
    """What ``bootstrap`` wires. Except ``clock`` and ``entropy`` the functions block, and run in a thread."""

    worlds: Worlds
    memory: Memory
    journal: Journal
    sealer: Sealer
    upstreams: dict[str, Upstream]
    clock: Clock
    entropy: Entropy
    receipt: Callable[[str], dict[str, Any] | None]
    checkpoint: Callable[[], str | None]
    tile: Callable[[str], bytes | None]
    """What the tree has at a path of C2SP's tlog-tiles."""
    exchange: Callable[[str], Resource]
    """An exchange as the decision point knows it, whether there is one or not."""
    held: Callable[[str, Identity], dict[str, Any]]
    held_of: Callable[[Identity], list[dict[str, Any]]]
    find_release: FindReleased
    read_document: ReadDocument
    kept: KeptDocuments
    shelf: Shelf
    document_bytes: int
    evaluating: Evaluating
    provisioning: Answering | None = None
    """The SCIM endpoints; ``None`` where no source is configured."""
    model_health: Sequence[Callable[[], bool]] = ()
    ledger_health: Callable[[], bool] = bool
    ledger_verified: Callable[[], bool | None] = bool


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
        self._crowd = Crowd(each=doors.per_person, all=doors.concurrency)
        self.workshop = Workshop()
        self.readers = Workshop("documents")
        self._files = Files(services.shelf, self.readers, self._crowd, services.document_bytes, doors.body_timeout_s)
        self._health = Health(services.model_health, services.ledger_health, services.ledger_verified)
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
            head = read_head(scope["headers"], self._doors)
            head.address = peer_of(scope, head.forwarded, self._doors)
            head.certificate = scope.get(CERTIFICATE)
            if head.chunked:
                send = then_close(send)
            if self.draining:
                raise Draining("this worker is stopping", next_step="Try again")
        except WardsteadError as error:
            await discard(receive)
            await _send_error(send, dialect, error)
            return
        incoming = Incoming(
            exchange_id, dialect, scope["path"], head.secret, head.csrf, now, head.context, head.address, head.certificate
        )
        exchange = Exchange(incoming, services.worlds.current, sealer=services.sealer, clock=services.clock)
        runner = Runner(
            exchange,
            receive,
            send,
            journal=services.journal,
            worlds=services.worlds,
            memory=services.memory,
            upstreams=services.upstreams,
            deadlines=self._deadlines,
            crowd=self._crowd,
            workshop=self.workshop,
            readers=self.readers,
            read=services.read_document,
            releases=services.find_release,
            kept=services.kept,
            doors=self._doors,
        )
        self.live[exchange_id] = (runner, time.monotonic() + self._doors.exchange_timeout_s)
        try:
            await runner.run()
        except ConnectionAborted:
            raise
        except Exception as error:  # noqa: BLE001 -- it is logged below
            exchange.defect = error
            if exchange.status:
                raise ConnectionAborted(exchange_id) from None
            await _send_error(send, dialect, Unexpected())
        finally:
            del self.live[exchange_id]
            if exchange.defect is not None or exchange.status >= 500:
                log.warning("exchange failed", extra={"fields": _log_fields(exchange)}, exc_info=exchange.defect)

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

    # -- everything else -------------------------------------------------------------------------------------------------

    async def _serve_other(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path = scope["path"]
        try:
            head = read_head(scope["headers"], self._doors)
            head.address = scope["wardstead.address"] = peer_of(scope, head.forwarded, self._doors)
            head.certificate = scope.get(CERTIFICATE)
            if path in EVALUATIONS:
                await self._evaluate(path, scope["method"], head, receive, send)
            elif path == BASE or path.startswith(f"{BASE}/"):
                await self._provision(scope, head, receive, send)
            elif path.split("/")[1:3] in _KEPT:
                await self._serve_files(scope, head, receive, send)
            elif self.console is None or head.certificate is not None or path in _APIS or path.startswith(_API_FOLDERS):
                await self._answer(path, scope["method"], head, send)
            else:
                await self.console(scope, receive, send)
        except WardsteadError as error:
            await _send_error(send, dialects.for_path(path), error)
        except Exception:
            log.exception("a request failed", extra={"fields": {"path": path[:200]}})
            await _send_error(send, dialects.for_path(path), Unexpected())

    async def _answer(self, path: str, method: str, head: RequestHead, send: Send) -> None:
        answer = self._find(path)
        if method not in {"GET", "HEAD"}:
            raise NotLikeThis("GET, HEAD")
        await answer(head, send)

    def _find(self, path: str) -> Callable[[RequestHead, Send], Awaitable[None]]:
        """What answers a GET of this path. Raises ``NotFound``."""
        if path in self._routes:
            raise NotLikeThis("POST")
        simple = {
            "/healthz": self._healthz,
            "/api/version": self._version,
            "/ledger/checkpoint": self._checkpoint,
            "/v1/held": self._held,
        }
        if path in simple:
            return simple[path]
        match path.split("/")[1:]:
            case ["v1", "models"] | ["api", "tags"]:
                return partial(self._models, dialects.for_path(path))
            case ["v1", "models", *name] if name != [""]:
                return partial(self._model, "/".join(name))
            case ["v1", "held", exchange_id]:
                return partial(self._one_held, exchange_id)
            case ["ledger", "receipt", exchange_id]:
                return partial(self._receipt, exchange_id)
            case ["ledger", "tile", *_]:
                return partial(self._tile, path.removeprefix("/ledger/"))
        raise NotFound("there is nothing at this path", where=path[:200])

    async def _serve_files(self, scope: dict[str, Any], head: RequestHead, receive: Receive, send: Send) -> None:
        """Documents, collections and templates that are kept here."""
        if self.draining:
            raise Draining("this worker is stopping", next_step="Try again")
        unread = scope["method"] == "POST"

        async def receiving() -> dict[str, Any]:
            nonlocal unread
            message = await receive()
            unread = bool(message.get("more_body", False))
            return message

        try:
            await self._answer_files(scope, head, receiving, send)
        except WardsteadError:
            if unread:
                await discard(receive)
            raise

    async def _answer_files(self, scope: dict[str, Any], head: RequestHead, receive: Receive, send: Send) -> None:
        who = await self._identify(head)
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"").decode("latin-1")
        parts = tuple(scope["path"].split("/")[2:])
        reply = await self._files.serve(Asked(scope["method"], parts, scope["query_string"], content_type, who, receive))
        await _send_whole(send, 200, reply.body, reply.content_type, list(reply.headers))

    async def _evaluate(self, path: str, method: str, head: RequestHead, receive: Receive, send: Send) -> None:
        """AuthZEN: another application asks what somebody may do."""
        evaluating = self._services.evaluating
        if path == METADATA:
            if method not in {"GET", "HEAD"}:
                raise NotLikeThis("GET, HEAD")
            await _send_whole(send, 200, evaluating.published())
            return
        if method != "POST":
            raise NotLikeThis("POST")
        who = await self._identify(head)
        body = await evaluating.evaluate(path, self._services.worlds.current, who, receive, self._services.clock())
        await _send_whole(send, 200, body)

    async def _provision(self, scope: dict[str, Any], head: RequestHead, receive: Receive, send: Send) -> None:
        """SCIM: another system says who works here. Every answer is in SCIM's form."""
        try:
            reply = await self._provisioned(scope, head, receive)
        except Refused as error:
            reply = error.reply()
        except WardsteadError as error:
            reply = refused(error).reply()
        except Exception:
            log.exception("a request failed", extra={"fields": {"path": scope["path"][:200]}})
            reply = refused(Unexpected()).reply()
        await _send_whole(send, reply.status, reply.body, CONTENT_TYPE, list(reply.headers))

    async def _provisioned(self, scope: dict[str, Any], head: RequestHead, receive: Receive) -> Reply:
        endpoints = self._services.provisioning
        if endpoints is None:
            raise NotFound("nothing provisions people here", next_step="see 'identity.scim' in wardstead.yaml")
        who = await self._identify(head)
        may = self._services.worlds.current.decisions.decide(
            AccessRequest(who, "provision", CONSOLE, now_ms=self._services.clock())
        )
        if not may.allow:
            raise Refused(403, may.reason)
        body = await read_whole(receive, MOST_BYTES, self._doors.body_timeout_s)
        path = scope["path"].removeprefix(BASE).strip("/")
        call = Call(scope["method"], path, scope["query_string"].decode("latin-1"), _header(scope, b"if-match"), body)
        return await asyncio.to_thread(endpoints.answer, call, who)

    async def _healthz(self, _head: RequestHead, send: Send) -> None:
        await self._send_json(send, *await self._health.report(draining=self.draining))

    async def _version(self, _head: RequestHead, send: Send) -> None:
        await self._send_json(send, 200, {"version": "0.0.0-wardstead"})

    async def _identify(self, head: RequestHead) -> Identity:
        # No intent's commit checks these: a key that was revoked a moment ago must not open them.
        with self._crowd.stranger():
            world = await self._services.worlds.refresh()
        who = who_is(world, head.secret, head.csrf, head.certificate, self._services.clock())
        return msgspec.structs.replace(who, address=head.address)

    def visible_models(self, identity: Identity) -> list[str]:
        """The models that this person may use: others are as if they did not exist."""
        world = self._services.worlds.current
        now = self._services.clock()
        return [
            name
            for name, model in world.models.items()
            if not model.not_serving(now)
            and world.decisions.decide(
                AccessRequest(identity, "listModels", Resource("Model", name, clearance=model.clearance), now_ms=now)
            ).allow
        ]

    async def _models(self, dialect: Dialect, head: RequestHead, send: Send) -> None:
        names = self.visible_models(await self._identify(head))
        created = [model.created_s for model in self._services.worlds.current.models.values()]
        await _send_whole(send, 200, dialect.models(names, min(created, default=0)))

    async def _model(self, name: str, head: RequestHead, send: Send) -> None:
        if name not in self.visible_models(await self._identify(head)):
            raise NoSuchModel(name)
        created = self._services.worlds.current.models[name].created_s
        await self._send_json(send, 200, {"id": name, "object": "model", "created": created, "owned_by": "wardstead"})

    async def _checkpoint(self, head: RequestHead, send: Send) -> None:
        await self._identify(head)
        text = await asyncio.to_thread(self._services.checkpoint)
        if text is None:
            raise NotFound("no checkpoint has been signed yet")
        await _send_whole(send, 200, text.encode(), b"text/plain; charset=utf-8")

    async def _receipt(self, exchange_id: str, head: RequestHead, send: Send) -> None:
        identity = await self._identify(head)
        resource = await asyncio.to_thread(self._services.exchange, exchange_id[:64])
        request = AccessRequest(identity, "readReceipt", resource, now_ms=self._services.clock())
        decision = self._services.worlds.current.decisions.decide(request)
        receipt = await asyncio.to_thread(self._services.receipt, exchange_id) if decision.allow else None
        if receipt is None:
            raise NotFound("there is no such receipt, or it is not yours to see")
        await self._send_json(send, 200, receipt)

    async def _tile(self, path: str, head: RequestHead, send: Send) -> None:
        """A piece of the tree, or headers of entries: for whoever may see the ledger's metadata. It never changes."""
        request = AccessRequest(await self._identify(head), "viewLedger", CONSOLE, now_ms=self._services.clock())
        allowed = self._services.worlds.current.decisions.decide(request).allow
        found = await asyncio.to_thread(self._services.tile, path[:200]) if allowed else None
        if found is None:
            raise NotFound("there is no such tile, or it is not yours to see")
        await _send_whole(send, 200, found, b"application/octet-stream")

    async def _held(self, head: RequestHead, send: Send) -> None:
        identity = await self._identify(head)
        await self._send_json(send, 200, {"object": "list", "data": await asyncio.to_thread(self._services.held_of, identity)})

    async def _one_held(self, exchange_id: str, head: RequestHead, send: Send) -> None:
        identity = await self._identify(head)
        await self._send_json(send, 200, await asyncio.to_thread(self._services.held, exchange_id, identity))

    @staticmethod
    async def _send_json(send: Send, status: int, body: dict[str, Any]) -> None:
        await _send_whole(send, status, orjson.dumps(body))


def _header(scope: dict[str, Any], wanted: bytes) -> str:
    return ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


async def _send_error(send: Send, dialect: Dialect, error: WardsteadError) -> None:
    status = status_of(error)
    extra = [(b"retry-after", b"1")] if status in {429, 503} else []
    extra += [(b"www-authenticate", b"Bearer")] if status == 401 else []
    extra += [(b"allow", error.allowed.encode())] if isinstance(error, NotLikeThis) else []
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
