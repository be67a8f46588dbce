"""``chat``: talk to a model through the gateway, as any client would."""

from __future__ import annotations

import http.client
import json as jsonlib
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from wardstead.bootstrap.deployment import Deployment
from wardstead.cli.output import Json, err, errors, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.errors import CallerError, ConfigurationError, PeerError

_NO_CONTROLS: Final = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}")
"""What a model writes must not steer the terminal that shows it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one question."""

    answer: str
    label: str
    decision: str
    receipt: str


def chat(
    context: typer.Context,
    prompt: Annotated[str | None, typer.Argument(help="What to ask; without it, a conversation on the terminal.")] = None,
    key: Annotated[str, typer.Option("--key", envvar="WARDSTEAD_KEY", help="An API key.")] = "",
    model: Annotated[str, typer.Option("--model", help="Which model; the first one when not given.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="At most this many tokens.")] = 512,
    json: Json = False,
) -> None:
    """Ask a model. Shows the answer as it streams, then the label, the decision and the receipt."""
    with errors(as_json=json):
        if not key:
            raise CallerError("a key is needed", next_step="--key or $WARDSTEAD_KEY; 'wardstead key create' makes one")
        found = deployment(context)
        if not found.settings.models:
            raise ConfigurationError("there is no model", where="models", next_step="add one to wardstead.yaml")
        body: dict[str, Any] = {"model": model or found.settings.models[0].name, "stream": True, "max_tokens": max_tokens}
        messages: list[dict[str, str]] = []
        for text in [prompt] if prompt is not None else _questions():
            messages.append({"role": "user", "content": text})
            reply = _ask(found, key, {**body, "messages": messages}, _quiet if json else _write)
            messages.append({"role": "assistant", "content": reply.answer})
            _show(reply, as_json=json)


def _questions() -> Iterator[str]:
    while True:
        try:
            text = input("› ").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not text:
            return
        yield text


def _write(piece: str) -> None:
    sys.stdout.write(piece.translate(_NO_CONTROLS))
    sys.stdout.flush()


def _quiet(piece: str) -> None:
    del piece


def _show(reply: Reply, *, as_json: bool) -> None:
    if as_json:
        say_json(asdict(reply))
        return
    _write("\n")
    err.print(f"[dim]label {escape(reply.label)} · decision {escape(reply.decision)} · receipt {escape(reply.receipt)}[/]")


def _ask(found: Deployment, key: str, body: dict[str, Any], show: Callable[[str], None]) -> Reply:
    connection = _connection(found)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "wardstead-application": "wardstead-chat"}
    try:
        connection.request("POST", "/v1/chat/completions", jsonlib.dumps(body).encode(), headers)
        reply = connection.getresponse()
        if reply.status != 200:
            raise CallerError(_message(jsonlib.loads(reply.read())))
        pieces = []
        for piece in _pieces(reply):
            show(piece)
            pieces.append(piece)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise PeerError("the gateway is not reachable", why=str(error), next_step="is it running? 'wardstead up'") from None
    finally:
        connection.close()
    said = [reply.headers.get(f"wardstead-{name}", "") for name in ("label", "decision", "receipt")]
    return Reply("".join(pieces), *said)


def _connection(found: Deployment) -> http.client.HTTPConnection:
    server, host = found.settings.server, found.local_host
    if server.tls == "off":
        return http.client.HTTPConnection(host, server.port, timeout=300)
    tls = ssl.create_default_context(cafile=str(found.places.tls / "ca.crt"))
    return http.client.HTTPSConnection(host, server.port, context=tls, timeout=300)


def _pieces(reply: http.client.HTTPResponse) -> Iterator[str]:
    """The texts of a streamed answer. Raises ``PeerError`` where it ends with an error, or without its end."""
    for line in reply:
        if line.strip() == b"data: [DONE]":
            return
        if not line.startswith(b"data: "):
            continue
        event = jsonlib.loads(line[6:])
        if "error" in event:
            raise PeerError("the answer was broken off", why=_message(event))
        yield from (choice["delta"].get("content") or "" for choice in event.get("choices", ()))
    raise PeerError("the answer was broken off")


def _message(said: Any) -> str:
    error = said.get("error") if isinstance(said, dict) else None
    return str(error.get("message")) if isinstance(error, dict) else "the gateway refused"
