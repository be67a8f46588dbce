"""Whatever bytes arrive: a clear 4xx in the client's dialect, nothing lost, no traceback, and no word of it in a log.

Every request carries a planted marker; at the end it must be found nowhere in the deployment folder, logs and database included.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx
import pytest
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

MARKER = "PLANTED-8f3a1c-MARKER"
DIALECTS = {"/v1/chat/completions": "openai", "/v1/messages": "anthropic", "/api/chat": "ollama"}


class Reply(NamedTuple):
    """What came back on a raw connection."""

    status: int
    head: bytes
    body: bytes


class Raw:
    """A TLS connection that sends exactly the bytes it is given."""

    def __init__(self, deployment: Deployment, key: str) -> None:
        self.deployment, self.key = deployment, key
        self.context = ssl.create_default_context(cafile=deployment.ca_file)

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.deployment.port), timeout=20)
        return self.context.wrap_socket(plain, server_hostname="localhost")

    def send(self, data: bytes, *, read_s: float = 15) -> Reply:
        """Send, then read until the server is silent or closes. A closed connection without an answer is status 0."""
        with self.connect() as wire:
            wire.settimeout(read_s)
            try:
                wire.sendall(data)
                got = self._read(wire)
            except (ssl.SSLError, OSError):
                got = b""
        head, _, body = got.partition(b"\r\n\r\n")
        return Reply(int(head.split()[1]) if head else 0, head.lower(), body)

    @staticmethod
    def _read(wire: ssl.SSLSocket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            piece = wire.recv(65536)
            if not piece:
                return got
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
        while len(body) < length:
            piece = wire.recv(65536)
            if not piece:
                break
            body += piece
        return head + b"\r\n\r\n" + body

    def head(self, path: str = "/v1/chat/completions", *extra: str, host: str | None = None) -> bytes:
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {host or f'localhost:{self.deployment.port}'}",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            *extra,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def post(self, path: str, body: bytes) -> Reply:
        return self.send(self.head(path, f"Content-Length: {len(body)}") + body)


@pytest.fixture(scope="module")
def raw(deployment: Deployment, key: str) -> Iterator[Raw]:
    made = Raw(deployment, key)
    yield made
    assert_nothing_was_kept(deployment)


def assert_nothing_was_kept(deployment: Deployment) -> None:
    """No marker in plain text anywhere in the folder, and no traceback in the logs."""
    deployment.run("ledger", "verify")
    for path in deployment.directory.rglob("*"):
        if path.is_file() and "models" not in path.parts:
            assert MARKER.encode() not in path.read_bytes(), f"the marker stands in {path}"
    assert "Traceback" not in deployment.logs()


def good(model: str, path: str = "/v1/chat/completions", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": f"Say hi. {MARKER}"}], "max_tokens": 4, **more}


def still_well(raw: Raw) -> None:
    reply = raw.post("/v1/chat/completions", json.dumps(good(raw.deployment.model)).encode())
    assert reply.status == 200, reply


def assert_error_of(path: str, reply: Reply) -> str:
    """The dialect's own error form; gives the message."""
    said = json.loads(reply.body)
    if DIALECTS[path] == "openai":
        assert set(said) == {"error"}
        assert {"message", "type", "param", "code"} <= set(said["error"])
        return str(said["error"]["message"])
    if DIALECTS[path] == "anthropic":
        assert said["type"] == "error"
        assert said["error"]["type"]
        return str(said["error"]["message"])
    assert isinstance(said["error"], str)
    return str(said["error"])


def bodies(model: str) -> dict[str, bytes]:
    """Bodies that are wrong in one way each."""
    fine = json.dumps(good(model))
    deep = json.dumps(good(model, tools=[{"type": "function", "function": {"name": "f", "parameters": nested(200)}}]))
    return {
        "empty": b"",
        "blank": b"   ",
        "cut": fine[:-5].encode(),
        "not JSON": f"hello {MARKER}".encode(),
        "a list": f"[{fine}]".encode(),
        "a string": json.dumps(MARKER).encode(),
        "trailing": (fine + fine).encode(),
        "duplicate key": fine.replace('"model"', f'"model":"{MARKER}","model"', 1).encode(),
        "NUL": fine.replace("Say", "Say\\u0000").encode(),
        "raw NUL": fine.replace("Say", "Say\x00").encode(),
        "lone surrogate": fine.replace("Say", "\\ud800").encode(),
        "invalid UTF-8": fine.replace("Say", "@@").encode().replace(b"@@", b"\xff\xfe"),
        "UTF-16": fine.encode("utf-16"),
        "NaN": fine.replace('"max_tokens": 4', '"max_tokens": NaN').encode(),
        "a huge number": fine.replace('"max_tokens": 4', '"max_tokens": ' + "9" * 5000).encode(),
        "deep": deep.encode(),
        "very deep": b'{"a":' * 100_000,
        "wrong type": fine.replace('"max_tokens": 4', '"max_tokens": "four"').encode(),
        "messages are a string": json.dumps(good(model, messages=MARKER)).encode(),
        "no messages": json.dumps({"model": model}).encode(),
        "unknown role": json.dumps(good(model, messages=[{"role": "root", "content": MARKER}])).encode(),
        "unknown model": json.dumps(good("no-such-model")).encode(),
        "unknown field": json.dumps(good(model, planted_field=MARKER)).encode(),
        "a chat template": json.dumps(good(model, chat_template="{{ x }}")).encode(),
        "an image": json.dumps(
            good(model, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": MARKER}}]}])
        ).encode(),
    }


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("path", list(DIALECTS))
def test_a_wrong_body_is_a_clear_4xx_in_the_clients_dialect(raw: Raw, path: str) -> None:
    for name, body in bodies(raw.deployment.model).items():
        reply = raw.post(path, body)
        assert 400 <= reply.status < 500, (name, reply)
        said = assert_error_of(path, reply)
        assert said.endswith("."), (name, said)
        assert MARKER not in said, (name, said)
        assert b"traceback" not in reply.body.lower(), name
    still_well(raw)


def test_the_error_names_what_is_wrong_and_where(raw: Raw) -> None:
    every = bodies(raw.deployment.model)
    for name, word in {
        "wrong type": "max_tokens", "unknown field": "planted_field", "unknown model": "no-such-model",
        "duplicate key": "model", "cut": "line 1", "deep": "levels", "unknown role": "messages[0].role",
    }.items():  # fmt: skip
        assert word in raw.post("/v1/chat/completions", every[name]).body.decode(), name


def test_smuggling_variants_get_no_answer_from_the_model(raw: Raw) -> None:
    body = json.dumps(good(raw.deployment.model)).encode()
    size = str(len(body))
    chunked = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    start = raw.head()[:-2]
    second = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    attempts = {
        "two lengths": start + f"Content-Length: {size}\r\nContent-Length: 0\r\n\r\n".encode() + body,
        "a list of lengths": start + f"Content-Length: {size}, {size}\r\n\r\n".encode() + body,
        "a signed length": start + f"Content-Length: +{size}\r\n\r\n".encode() + body,
        "a negative length": start + b"Content-Length: -1\r\n\r\n" + body,
        "unknown encoding": start + b"Transfer-Encoding: xchunked\r\n\r\n" + chunked,
        "identity, chunked": start + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunked,
        "space before the colon": start + f"Content-Length : {size}\r\n\r\n".encode() + body,
        "a folded line": start + f"X-Folded: a\r\n b\r\nContent-Length: {size}\r\n\r\n".encode() + body,
        "a header without a colon": start + b"Oops\r\n\r\n" + body,
        "a NUL in a header": start + f"X-Nul: a\x00b\r\nContent-Length: {size}\r\n\r\n".encode() + body,
        "a chunk size that overflows": start + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + body,
        "a chunk size with a sign": start + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + body,
        "compressed": start + f"Content-Encoding: gzip\r\nContent-Length: {size}\r\n\r\n".encode() + body,
        "HTTP/0.9": b"GET /v1/models\r\n\r\n" + second,
        "no version": b"POST /v1/chat/completions\r\nHost: localhost\r\n\r\n",
        "an unknown version": b"POST / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    }
    for name, data in attempts.items():
        reply = raw.send(data, read_s=5)
        assert reply.status == 0 or 400 <= reply.status < 600, (name, reply)
        assert reply.status < 500 or reply.status == 505, (name, reply)
        assert b"choices" not in reply.body, name
    still_well(raw)


@pytest.mark.parametrize("length_first", [True, False])
def test_what_is_smuggled_behind_a_chunked_request_reaches_nobody(raw: Raw, length_first: bool) -> None:
    body = json.dumps(good(raw.deployment.model)).encode()
    lengths = [f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"]
    first = raw.head("/v1/chat/completions", *(lengths if length_first else reversed(lengths)))
    first += f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    smuggled = raw.head("/v1/chat/completions", f"Content-Length: {len(body)}") + body
    with raw.connect() as wire:
        wire.settimeout(15)
        wire.sendall(first + smuggled)
        got = b""
        try:
            while piece := wire.recv(65536):
                got += piece
        except OSError:
            pass
    assert got.count(b"HTTP/1.1") == 1, got
    still_well(raw)


def test_a_chunked_request_is_served_like_any_other(raw: Raw) -> None:
    body = json.dumps(good(raw.deployment.model)).encode()
    half = len(body) // 2
    pieces = [body[:half], body[half:]]
    chunks = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"
    assert raw.send(raw.head("/v1/chat/completions", "Transfer-Encoding: chunked") + chunks).status == 200


def test_foreign_hosts_and_origins_are_refused(raw: Raw) -> None:
    body = json.dumps(good(raw.deployment.model)).encode()
    length = f"Content-Length: {len(body)}"
    for host in ("evil.example", "localhost.evil.example", f"evil@localhost:{raw.deployment.port}", "127.0.0.1.nip.io", ""):
        reply = raw.send(raw.head("/v1/chat/completions", length, host=host or " ") + body)
        assert reply.status == 400, (host, reply)
    for origin in ("https://evil.example", "null", "http://localhost"):
        reply = raw.send(raw.head("/v1/chat/completions", length, f"Origin: {origin}") + body)
        assert reply.status == 400, (origin, reply)
    twice = raw.head("/v1/chat/completions", length, f"Host: localhost:{raw.deployment.port}") + body
    assert raw.send(twice).status in {0, 400}


def test_too_many_and_too_large_headers_are_refused(raw: Raw) -> None:
    body = json.dumps(good(raw.deployment.model)).encode()
    length = f"Content-Length: {len(body)}"
    for name, extra in {
        "large": [f"X-Large: {MARKER}{'a' * 60_000}"],
        "many": [f"X-{number}: {MARKER}" for number in range(400)],
        "unknown of ours": [f"wardstead-{MARKER}: x"],
        "a long purpose": [f"wardstead-purpose: {'p' * 300}"],
    }.items():
        reply = raw.send(raw.head("/v1/chat/completions", length, *extra) + body)
        assert reply.status in {0, 400, 413, 431}, (name, reply)
        assert MARKER.encode() not in reply.body, name
    still_well(raw)


def test_a_body_over_the_limit_is_413(raw: Raw) -> None:
    body = json.dumps(good(raw.deployment.model, messages=[{"role": "user", "content": MARKER * 300_000}])).encode()
    assert raw.post("/v1/chat/completions", body).status in {0, 413}
    still_well(raw)


@pytest.mark.parametrize("megabytes", [5, 20])
def test_whoever_sends_far_too_much_reads_why(raw: Raw, megabytes: int, key: str) -> None:
    """Even a client that reads only after it has sent everything."""
    body = json.dumps(good(raw.deployment.model, user="x" * megabytes * 1_000_000)).encode()
    for headers, status in [({}, 413), ({"authorization": "Bearer ws_wrong"}, 401), ({"wardstead-surprise": "x"}, 400)]:
        reply = httpx.post(
            f"{raw.deployment.url}/v1/chat/completions", content=body, timeout=30,
            headers={"authorization": f"Bearer {key}", **headers}, verify=raw.deployment.tls,
        )  # fmt: skip
        assert reply.status_code == status
        assert reply.json()["error"]["message"]
    still_well(raw)


@pytest.mark.quiet
def test_a_request_that_is_full_of_findings_holds_up_nobody(raw: Raw) -> None:
    """So many addresses take long to inspect: others are answered meanwhile. (How long a model takes is its own affair.)"""
    body = json.dumps(good(raw.deployment.model, messages=[{"role": "user", "content": "10.0.0.1 " * 45_000}])).encode()
    other = json.dumps(good("no-such-model")).encode()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(lambda: [raw.post("/v1/chat/completions", body) for _ in range(4)])
        time.sleep(0.3)
        waits = []
        while not slow.done():
            began = time.monotonic()
            assert raw.post("/v1/chat/completions", other).status == 404
            waits.append(time.monotonic() - began)
    print(f"{len(waits)} others meanwhile; the slowest took {max(waits) * 1000:.0f} ms")
    assert len(waits) > 4
    assert median(waits) < 0.5
    assert {one.status for one in slow.result()} <= {200, 400}
    still_well(raw)


def test_a_slow_head_is_cut_off_and_others_go_on(raw: Raw) -> None:
    with raw.connect() as slow:
        slow.settimeout(30)
        slow.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n")
        still_well(raw)
        began = time.monotonic()
        try:
            while time.monotonic() - began < 25:
                slow.sendall(b"X-Slow: a\r\n")
                slow.settimeout(1)
                try:
                    if not slow.recv(1024):
                        break
                except TimeoutError:
                    continue
                else:
                    break
        except OSError:
            pass
        assert time.monotonic() - began < 25, "a head that never ends is read for ever"
    still_well(raw)


def test_strangers_get_401_in_every_dialect_and_nothing_is_recorded(raw: Raw) -> None:
    before = raw.deployment.json("ledger", "verify")["entries"]
    stranger = Raw(raw.deployment, f"ws_{MARKER}")
    for path in DIALECTS:
        reply = stranger.post(path, json.dumps(good(raw.deployment.model)).encode())
        assert reply.status == 401, (path, reply)
        assert b"wardstead-receipt" not in reply.head
        assert MARKER not in assert_error_of(path, reply)
    assert raw.deployment.json("ledger", "verify")["entries"] == before


def test_unknown_paths_and_methods(raw: Raw) -> None:
    context = ssl.create_default_context(cafile=raw.deployment.ca_file)
    headers = {"authorization": f"Bearer {raw.key}"}
    with httpx.Client(verify=context, base_url=raw.deployment.url, headers=headers, timeout=20) as http:
        for path in (
            "/v1/assistants",
            "/v1/chat",
            "/api/pull",
            "/api/delete",
            "/props",
            "/slots",
            "/v1/../props",
            "/lora-adapters",
            "/%00",
        ):
            assert http.post(path, json={"planted": MARKER}).status_code in {403, 404, 405}, path
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert http.request(method, "/v1/chat/completions").status_code == 405, method


DESCRIPTION = json.loads((Path(__file__).parents[2] / "docs/reference/openapi.json").read_text())
PROTECTED = [
    (method, path)
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
    if operation.get("security") != []
]


@pytest.mark.parametrize("secret", ["", "Bearer ws_nobody_00000000000000000000000000000000", "Basic YWxpY2U6YWxpY2U="])
@pytest.mark.parametrize(("method", "path"), PROTECTED, ids=[path for _, path in PROTECTED])
def test_without_a_valid_key_there_is_nothing(raw: Raw, method: str, path: str, secret: str) -> None:
    headers = {"authorization": secret} if secret else {}
    url = raw.deployment.url + path.replace("{", "").replace("}", "")
    response = httpx.request(method, url, headers=headers, json={} if method == "post" else None, verify=raw.deployment.tls)
    assert response.status_code in ({401} if secret.startswith("Bearer") or not secret else {400, 401})
    assert raw.deployment.model not in response.text
