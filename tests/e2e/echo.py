"""A model server that repeats what it reads, and deployments before it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import yaml
from tests.e2e.deployment import Deployment, create

ADDRESS = "anna.example@example.org"
DEVICE = "3c:22:fb:9a:1d:7e"
IBAN = "DE89 3704 0044 0532 0130 00"
TALE = "and that is the whole of it, told at such length that it is known again when it comes back. "
EVERYTHING = {"level": "restricted", "compartments": ["personal", "finance", "credentials", "payment"]}
"""A clearance for whatever policies that ship find."""


@dataclass
class Echo:
    """Answers with the last message that it was sent, and keeps every request."""

    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append(body)
                text = f"You said: {body['messages'][-1]['content']} {TALE}"
                data = _stream(text) if body.get("stream") else _whole(text)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream" if body.get("stream") else "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def read(self, text: str) -> bool:
        """Whether it ever read this."""
        return any(text in json.dumps(request, ensure_ascii=False) for request in self.requests)


def _whole(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}).encode()


def _stream(text: str) -> bytes:
    deltas: list[dict[str, str]] = [{"content": text[at : at + 3]} for at in range(0, len(text), 3)]
    events = [{"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def before(
    echo: Echo, folder: Path, models: Mapping[str, Mapping[str, Any] | None], policy: str = "", **sections: Mapping[str, Any]
) -> Deployment:
    """A deployment with these models, each with a clearance or none, all of them the echo; it does not run yet.

    ``policy``: the text of its classification policy. ``sections``: what is set beside what ``init`` wrote.
    """
    made = create(folder)
    path = made.directory / "wardstead.yaml"
    config = yaml.safe_load(path.read_text())
    upstream = {"kind": "openai", "url": f"http://127.0.0.1:{echo.server.server_port}"}
    config["models"] = [
        {"name": name, "upstream": upstream, **({"clearance": dict(cleared)} if cleared else {})}
        for name, cleared in models.items()
    ]
    for name, said in {"inspection": {}, **sections}.items():
        config[name] = {**config.get(name, {}), **said}
    config["inspection"].setdefault("names", {"enabled": False})
    path.write_text(yaml.safe_dump(config))
    if policy:
        (made.directory / "policies" / "classification.yaml").write_text(policy)
    return made


@contextmanager
def serving(made: Deployment) -> Iterator[Deployment]:
    """Running, for as long as this lasts."""
    made.up()
    try:
        yield made
    finally:
        made.down()


def ask(client: openai.OpenAI, messages: list[dict[str, str]] | str, model: str, conversation: str = "") -> Any:
    """The raw answer."""
    asked = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    headers = {"wardstead-conversation": conversation} if conversation else {}
    return client.chat.completions.with_raw_response.create(model=model, messages=asked, extra_headers=headers)  # type: ignore[arg-type]
