"""Stand-ins, marks, holds: a running deployment, the ``openai`` client, and a model server that repeats what it reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import openai
import pytest
import yaml
from tests.e2e.deployment import Deployment, create

pytestmark = pytest.mark.e2e

ADDRESS = "anna.example@example.org"
DEVICE = "3c:22:fb:9a:1d:7e"
IBAN = "DE89 3704 0044 0532 0130 00"
TALE = "and that is the whole of it, told at such length that it is known again when it comes back. "
POLICY = """\
version: 2
extends: general
rules:
  - {type: email, label: {level: confidential, compartments: [personal]}, prompt: pseudonymise, answer: allow}
  - {type: iban, label: {level: restricted, compartments: [finance]}, prompt: hold, answer: hold}
"""


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


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Deployment]:
    made = create(tmp_path_factory.mktemp("flow") / "deployment")
    path = made.directory / "wardstead.yaml"
    config = yaml.safe_load(path.read_text())
    upstream = {"kind": "openai", "url": f"http://127.0.0.1:{echo.server.server_port}"}
    cleared = {"level": "restricted", "compartments": ["personal", "finance", "credentials", "payment"]}
    config["models"] = [
        {"name": "cleared", "clearance": cleared, "upstream": upstream},
        {"name": "public", "upstream": upstream},
    ]
    config["inspection"] = {**config.get("inspection", {}), "names": {"enabled": False}}
    path.write_text(yaml.safe_dump(config))
    (made.directory / "policies" / "classification.yaml").write_text(POLICY)
    made.up()
    try:
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def client(made: Deployment) -> openai.OpenAI:
    key = made.key("alice", "--role", "user")
    http = httpx.Client(verify=made.tls, timeout=60)
    return openai.OpenAI(base_url=f"{made.url}/v1", api_key=key, http_client=http, max_retries=0)


def ask(client: openai.OpenAI, messages: list[dict[str, str]] | str, model: str, conversation: str = "") -> Any:
    """The raw answer."""
    asked = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    headers = {"wardstead-conversation": conversation} if conversation else {}
    return client.chat.completions.with_raw_response.create(model=model, messages=asked, extra_headers=headers)  # type: ignore[arg-type]


def stand_in(echo: Echo) -> str:
    """What the model read in the place of the address, the last time."""
    text: str = echo.requests[-1]["messages"][0]["content"]
    return text.removeprefix("Write to ").removesuffix(", please.")


def test_the_model_reads_stand_ins_and_its_person_the_originals(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    question = {"role": "user", "content": f"Write to {ADDRESS}, please."}
    streamed = client.chat.completions.create(model="public", messages=[question], stream=True)  # type: ignore[call-overload]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)
    assert text == f"You said: Write to {ADDRESS}, please. {TALE}"
    raw = ask(client, [question], "public")
    assert raw.parse().choices[0].message.content == text
    assert raw.headers["wardstead-decision"] == "allow; pseudonymised=1"
    assert raw.headers["wardstead-label"] == "public"
    assert not echo.read(ADDRESS)


def test_a_conversation_keeps_its_stand_ins_over_a_restart(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    messages = [{"role": "user", "content": f"Write to {ADDRESS}, please."}]
    said = ask(client, messages, "public", "letters").parse().choices[0].message.content
    first = stand_in(echo)
    assert first.startswith("Email-")
    made.down()
    made.up()
    messages += [{"role": "assistant", "content": said}, {"role": "user", "content": f"Ask {first.lower()} for tea."}]
    again = ask(client, messages, "public", "letters").parse().choices[0].message.content
    assert stand_in(echo) == first
    assert again == f"You said: Ask {ADDRESS} for tea. {TALE}"
    assert not echo.read(ADDRESS)
    (known,) = (one for one in made.json("conversation", "list", "--user", "alice")["conversations"] if one["stand_ins"])
    assert known["label"] == {"level": "public", "compartments": []}


def test_a_mark_stays_until_it_is_declassified(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    first = ask(client, f"My laptop is {DEVICE}.", "cleared", "calls")
    assert first.headers["wardstead-label"] == "confidential; personal"
    assert first.headers["wardstead-conversation"] == "calls"
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, "hello", "public", "calls")
    assert ask(client, "hello", "public", "other").headers["wardstead-label"] == "public"
    made.down()
    made.up()
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, "hello", "public", "calls")
    made.run("user", "add", "ada", "--role", "data-steward", "--json")
    (marked,) = (one for one in made.json("conversation", "list")["conversations"] if one["label"]["level"] != "public")
    refused = made.run(
        "conversation", "declassify", marked["id"], "--level", "public", "--reason", "mine", "--by", "alice", "--yes", check=False
    )
    assert refused.returncode == 2
    order = ["--level", "public", "--reason", "a public line", "--by", "ada", "--yes"]
    done = made.json("conversation", "declassify", marked["id"], *order)
    assert done["after"] == {"level": "public", "compartments": []}
    assert ask(client, "hello", "public", "calls").headers["wardstead-label"] == "public"


def test_an_answer_that_is_pasted_elsewhere_carries_its_label(client: openai.OpenAI, echo: Echo) -> None:
    asked = [{"role": "user", "content": f"My laptop is {DEVICE}."}, {"role": "user", "content": "Say something else."}]
    answer = ask(client, asked, "cleared").parse().choices[0].message.content
    assert DEVICE not in answer
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, answer, "public")
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, f"Shorten this:\n{answer}", "public")
    assert ask(client, answer, "cleared").headers["wardstead-label"] == "confidential; personal"


def test_what_is_held_waits_for_review(client: openai.OpenAI, echo: Echo, made: Deployment) -> None:
    raw = ask(client, f"Pay to {IBAN} now.", "cleared")
    assert raw.headers["wardstead-decision"] == "hold"
    choice = raw.parse().choices[0]
    assert choice.finish_reason == "content_filter"
    receipt = raw.headers["wardstead-receipt"]
    assert receipt in choice.message.content
    assert not echo.read(IBAN)
    assert [(one["id"], one["user"], one["held"]) for one in made.json("review", "list")["held"]] == [
        (receipt, "alice", "request")
    ]
    report = made.json("ledger", "verify", "--contents")
    assert report["ok"]
    # What is kept for the reviewer is sealed under the label of what was found in it.
    assert sum("finance" in name for name in report["contents"]["labels"]) == 1, report["contents"]["labels"]
