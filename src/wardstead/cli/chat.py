"""``chat``: talk to a model through the gateway, as any client would."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from wardstead.bootstrap.deployment import Deployment
from wardstead.cli.output import err, errors
from wardstead.cli.state import deployment
from wardstead.kernel.errors import CallerError, PeerError


def chat(
    context: typer.Context,
    prompt: Annotated[str | None, typer.Argument(help="What to ask; without it, a conversation on the terminal.")] = None,
    key: Annotated[str, typer.Option("--key", envvar="WARDSTEAD_KEY", help="An API key.")] = "",
    model: Annotated[str, typer.Option("--model", help="Which model; the first one when not given.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="At most this many tokens.")] = 512,
) -> None:
    """Ask a model. Shows the answer as it streams, then the label, the decision and the receipt."""
    with errors():
        if not key:
            raise CallerError("a key is needed", next_step="--key or $WARDSTEAD_KEY; 'wardstead key create' makes one")
        found = deployment(context)
        name = model or found.settings.models[0].name
        messages: list[dict[str, str]] = []
        while True:
            text = prompt if prompt is not None else _ask()
            if not text:
                return
            messages.append({"role": "user", "content": text})
            messages.append({"role": "assistant", "content": _answer(found, key, name, messages, max_tokens)})
            if prompt is not None:
                return


def _ask() -> str:
    try:
        return input("› ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def _answer(found: Deployment, key: str, model: str, messages: list[dict[str, str]], max_tokens: int) -> str:
    server = found.settings.server
    host = "127.0.0.1" if server.host == "localhost" else server.host
    if server.tls == "on":
        tls = ssl.create_default_context(cafile=str(found.places.tls / "ca.crt"))
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, server.port, context=tls, timeout=300)
    else:
        connection = http.client.HTTPConnection(host, server.port, timeout=300)
    body = {"model": model, "messages": messages, "stream": True, "max_tokens": max_tokens}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "wardstead-application": "wardstead-chat"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
        reply = connection.getresponse()
        if reply.status != 200:
            raise _refused(json.loads(reply.read()))
        text = "".join(_pieces(reply))
    except (OSError, http.client.HTTPException) as error:
        raise PeerError("the gateway is not reachable", why=str(error), next_step="is it running? 'wardstead up'") from None
    finally:
        connection.close()
    sys.stdout.write("\n")
    label, decision = reply.headers["wardstead-label"], reply.headers["wardstead-decision"]
    err.print(f"[dim]label {escape(label)} · decision {escape(decision)} · receipt {reply.headers['wardstead-receipt']}[/]")
    return text


def _refused(said: Any) -> CallerError:
    error = said.get("error", {}) if isinstance(said, dict) else {}
    return CallerError(str(error.get("message", "the gateway refused")))


def _pieces(reply: http.client.HTTPResponse) -> list[str]:
    pieces = []
    for line in reply:
        if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
            continue
        event = json.loads(line[6:])
        for choice in event.get("choices", ()):
            piece = choice["delta"].get("content") or ""
            sys.stdout.write(piece)
            sys.stdout.flush()
            pieces.append(piece)
    return pieces
