"""``chat`` against a gateway that is made up: what it refuses reaches the terminal with its code, receipt and exit code."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from wardstead.cli import chat
from wardstead.cli.main import app
from wardstead.isolation.plan import Mode

HEADERS = {"wardstead-decision": "allow", "wardstead-label": "public", "wardstead-receipt": "r-1"}


def event(content: str = "", finish: str | None = None) -> str:
    return "data: " + json.dumps({"choices": [{"delta": {"content": content}, "finish_reason": finish}]}) + "\n\n"


def error(code: str) -> str:
    return json.dumps({"error": {"message": f"what {code} means.", "code": code}})


class Gateway:
    """Answers with what it is told to, and keeps what it was asked."""

    status, headers, body = 200, HEADERS, event("Hello.") + event(finish="stop") + "data: [DONE]\n\n"

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                outer.asked.append((dict(self.headers), json.loads(self.rfile.read(length))))
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def settings(self) -> Any:
        server = SimpleNamespace(tls="off", port=self.server.server_port)
        model = SimpleNamespace(name="m", upstream=SimpleNamespace(kind="embedded"))
        settings = SimpleNamespace(server=server, models=[model])
        return SimpleNamespace(settings=settings, local_host="127.0.0.1", mode=Mode.BUBBLEWRAP)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    made = Gateway()
    monkeypatch.setattr(chat, "deployment", lambda _context: made.settings())
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


def talk(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["chat", "--key", "ws_x", *arguments], input=given)


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(401, "unauthenticated", 2), (404, "model_not_found", 2), (400, "invalid_field", 2), (403, "access_denied", 1),
     (429, "too_many_at_once", 4), (502, "upstream_failed", 4), (503, "upstream_unreachable", 4)],
)  # fmt: skip
def test_what_the_gateway_refuses_keeps_its_code_decision_and_receipt(
    gateway: Gateway, status: int, code: str, exit_code: int
) -> None:
    gateway.status, gateway.body = status, error(code)
    gateway.headers = {"wardstead-decision": f"deny; code={code}", "wardstead-receipt": "r-7"}
    shown = talk("hi")
    assert shown.exit_code == exit_code
    for said in (code, f"what {code} means", f"deny; code={code}", "r-7"):
        assert said in shown.stderr
    in_json = talk("hi", "--json")
    assert (in_json.exit_code, in_json.stderr) == (exit_code, "")
    assert json.loads(in_json.stdout)["error"] == {
        "code": code, "what": f"what {code} means", "decision": f"deny; code={code}", "receipt": "r-7",
    }  # fmt: skip


def test_nothing_that_answers_is_unreachable(gateway: Gateway) -> None:
    gateway.server.server_close()
    assert talk("hi").exit_code == 4


def test_an_answer_that_breaks_off_is_the_peer_s(gateway: Gateway) -> None:
    gateway.body = event("Hel") + f"data: {error('upstream_timeout')}\n\n"
    shown = talk("hi")
    assert shown.exit_code == 4
    assert "upstream_timeout" in shown.stderr
    gateway.body = event("Hel")
    assert talk("hi").exit_code == 4


@pytest.mark.parametrize(("decision", "finish"), [("block", "content_filter"), ("allow", "content_filter")])
def test_a_refusal_is_never_taken_for_an_answer(gateway: Gateway, decision: str, finish: str) -> None:
    gateway.headers = {**HEADERS, "wardstead-decision": decision}
    gateway.body = event("Wardstead did not send this.") + event(finish=finish) + "data: [DONE]\n\n"
    shown = talk("hi")
    assert shown.exit_code == 1
    assert "not the model's words" in shown.stderr
    assert json.loads(talk("hi", "--json").stdout)["blocked"] is True


def test_an_answer_says_whether_it_was_isolated(gateway: Gateway) -> None:
    shown = talk("hi")
    assert (shown.exit_code, shown.stdout) == (0, "Hello.\n")
    assert "ISOLATION" not in shown.stderr
    said = json.loads(talk("hi", "--json").stdout)
    assert said == {
        "answer": "Hello.", "label": "public", "decision": "allow", "receipt": "r-1", "isolation": "bubblewrap", "blocked": False,
    }  # fmt: skip
    gateway.headers = {**HEADERS, "wardstead-isolation": "none: x"}
    assert "ISOLATION IS OFF" in talk("hi").stderr
    assert json.loads(talk("hi", "--json").stdout)["isolation"] == "none"


def test_a_conversation_goes_on_without_what_was_blocked(gateway: Gateway) -> None:
    shown = talk(given="one\ntwo\n")
    assert shown.stdout == "Hello.\nHello.\n"  # no prompt where nobody types
    assert [one["content"] for one in gateway.asked[-1][1]["messages"]] == ["one", "Hello.", "two"]
    gateway.headers = {**HEADERS, "wardstead-decision": "block"}
    talk(given="one\ntwo\n")
    assert [one["content"] for one in gateway.asked[-1][1]["messages"]] == ["two"]


def test_what_it_is_for_is_said_and_nothing_is_not_asked(gateway: Gateway) -> None:
    talk("hi", "--purpose", "support", "--application", "training")
    sent = gateway.asked[-1][0]
    assert (sent["wardstead-purpose"], sent["wardstead-application"]) == ("support", "training")
    assert talk(" ").exit_code == 2
    assert len(gateway.asked) == 1
