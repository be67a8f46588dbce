"""The console and a gateway that is made up, served on a loopback port by a thread."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from tests.console.fakes import BLOCKED_EXCHANGE, PEOPLE, TEMPLATE, FakeServices, intent, outcome

from wardstead.console.app import create_console
from wardstead.console.ports import ExchangeSummary
from wardstead.console.sessions import SESSION_COOKIE
from wardstead.console.site import ConsoleSettings
from wardstead.gateway.protocol.templates import fill, placeholders
from wardstead.kernel.ids import ExchangeId

CARD = "4111 1111 1111 1111"


class FakeGateway:
    """Answers ``/v1/chat/completions`` as the gateway would, and keeps what it was asked."""

    def __init__(self, services: FakeServices) -> None:
        self.services = services
        self.asked: list[dict[str, Any]] = []
        self.stopped = 0

    async def chat(self, request: Request) -> Response:
        token = request.cookies.get(SESSION_COOKIE, "")
        name, csrf = self.services.sessions.get(token, ("", None))
        if csrf is None or request.headers.get("x-wardstead-csrf") != csrf:
            return _error(401, "no valid credential was presented.", "error; code=unauthenticated")
        body = await request.json()
        self.asked.append(body)
        text = body["messages"][-1]["content"]
        if isinstance(text, list):
            text = "\n".join(self._part(one) for one in text)
        if "forbidden" in text:
            return _error(403, "this data is labelled above your clearance.", "deny; code=access_denied")
        if "PRIVATE KEY" in text:
            refusal = "Wardstead did not send this request to the model: it contains private-key. Remove it and ask again."
            return self._answer([refusal], "content_filter", "block", BLOCKED_EXCHANGE, name, text)
        if "for ever" in text:
            return StreamingResponse(self._for_ever(), headers=_headers("allow", "receipt-endless", "public"))
        sent = text.replace(CARD, "[redacted:credit-card]")
        decision = "allow; redacted=1" if sent != text else "allow"
        pieces = ["Of course. ", "Write to ", "[redacted:e", "mail] ", "and mind <b>the markup</b>."]
        return self._answer(pieces, "stop", decision, f"receipt-{len(self.asked)}", name, sent)

    def _part(self, part: dict[str, Any]) -> str:
        if part["type"] == "text":
            return str(part["text"])
        return fill(TEMPLATE, part["variables"])

    async def template(self, request: Request) -> Response:
        known = request.path_params["id"] in self.services.library.kept
        return JSONResponse({"text": TEMPLATE, "variables": placeholders(TEMPLATE)}, 200 if known else 404)

    def _answer(self, pieces: list[str], reason: str, decision: str, receipt: str, name: str, sent: str) -> Response:
        label = "confidential; personal"
        if not self.services.exchange(receipt):
            summary = ExchangeSummary(
                ExchangeId(receipt),
                100 + len(self.asked),
                "intent",
                "2026-11-23T15:05:00.000Z",
                PEOPLE[name].id,
                name,
                "completed",
            )
            self.services.summaries.insert(0, summary)
            self.services.put(receipt, intent(sent), outcome("completed", "".join(pieces)))
        return StreamingResponse(_stream(pieces, reason, receipt), headers=_headers(decision, receipt, label))

    async def _for_ever(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield _event({"delta": {"content": "on and "}, "index": 0, "finish_reason": None})
                await asyncio.sleep(0.02)
        finally:
            self.stopped += 1


def _headers(decision: str, receipt: str, label: str) -> dict[str, str]:
    return {
        "content-type": "text/event-stream; charset=utf-8",
        "wardstead-decision": decision,
        "wardstead-receipt": receipt,
        "wardstead-label": label,
    }


def _error(status: int, message: str, decision: str) -> Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "x"}}
    return JSONResponse(body, status, headers={"wardstead-decision": decision})


def _event(choice: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


async def _stream(pieces: list[str], reason: str, receipt: str) -> AsyncIterator[bytes]:
    for piece in pieces:
        data = _event({"index": 0, "delta": {"content": piece}, "finish_reason": None})
        # Events arrive cut anywhere.
        yield data[:17]
        await asyncio.sleep(0.01)
        yield data[17:]
    yield b": keep-alive\n\n" + _event({"index": 0, "delta": {}, "finish_reason": reason})
    yield f": wardstead-receipt {receipt}\n\ndata: [DONE]\n\n".encode()


@contextmanager
def serving(services: FakeServices) -> Iterator[tuple[str, FakeGateway]]:
    """The address of a running console over ``services``, and the gateway beside it."""
    gateway = FakeGateway(services)
    settings = ConsoleSettings(allowed_hosts=frozenset({"localhost"}), live_interval_s=0.1, live_limit_s=60)
    console = create_console(services, settings)
    routes = [
        Route("/v1/chat/completions", gateway.chat, methods=["POST"]),
        Route("/v1/templates/{id}", gateway.template, methods=["GET"]),
    ]
    app = Starlette(routes=[*routes, Mount("/", console)])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)  # who comes before the server is up waits for it
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{listener.getsockname()[1]}", gateway
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
