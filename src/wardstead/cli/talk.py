"""One question to the running gateway, as any client would ask it, and what came of it."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wardstead.bootstrap.deployment import Deployment
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import CallerError, PeerError, WardsteadError

_WAIT_S: Final = 300
_STOPPED: Final = "content_filter"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one question. ``blocked``: ``answer`` is, or ends with, a refusal, not the model's words."""

    answer: str
    label: str
    decision: str
    receipt: str
    isolation: str
    blocked: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the gateway said in place of an answer."""

    status: int
    code: str
    message: str
    decision: str
    receipt: str


@dataclass(slots=True)
class Heard:
    """What has come of an answer so far."""

    pieces: list[str] = field(default_factory=list)
    stopped: bool = False


class Refused(WardsteadError):
    """The gateway refused; its own code, decision and receipt go on to whoever asked."""

    def __init__(self, refusal: Refusal, next_step: str = "") -> None:
        super().__init__(refusal.message, next_step=next_step)
        self.refusal = refusal

    def diagnostics(self) -> dict[str, str]:
        """See ``WardsteadError.diagnostics``; with the gateway's code, decision and receipt."""
        said = self.refusal
        fields = {"code": said.code, "decision": said.decision, "receipt": said.receipt}
        return {**WardsteadError.diagnostics(self), **{name: value for name, value in fields.items() if value}}


class BadQuestion(Refused, CallerError):
    """The request is wrong: the key, the model, a value."""


class Denied(Refused):
    """A policy says no: an outcome, not a mistake."""

    exit_code = 1


class Unserved(Refused, PeerError):
    """The gateway or the model server could not."""


def ask(
    deployment: Deployment, key: str, body: Mapping[str, Any], context: Mapping[str, str], show: Callable[[str], None]
) -> Reply:
    """Ask, ``show`` the answer as it streams. ``context``: what the request is for.

    Raises ``BadQuestion``, ``Denied``, ``Unserved``; ``PeerError`` when nothing answers, or breaks off.
    """
    connection = _connection(deployment)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    headers |= {f"wardstead-{name}": value for name, value in context.items() if value}
    heard = Heard()
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise _refused(answer)
        for piece in _pieces(answer, heard):
            show(piece)
            heard.pieces.append(piece)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise PeerError("the gateway is not reachable", why=str(error), next_step="is it running? 'wardstead up'") from None
    finally:
        connection.close()
    said = {name: answer.headers.get(f"wardstead-{name}", "") for name in ("label", "decision", "receipt", "isolation")}
    said["isolation"] = Mode.NONE.value if said["isolation"] else _isolation(deployment, str(body["model"]))
    return Reply("".join(heard.pieces), **said, blocked=heard.stopped or said["decision"].startswith(("block", "hold")))


def _connection(deployment: Deployment) -> http.client.HTTPConnection:
    server, host = deployment.settings.server, deployment.local_host
    if server.tls == "off":
        return http.client.HTTPConnection(host, server.port, timeout=_WAIT_S)
    tls = ssl.create_default_context(cafile=str(deployment.places.tls / "ca.crt"))
    return http.client.HTTPSConnection(host, server.port, context=tls, timeout=_WAIT_S)


def _isolation(deployment: Deployment, model: str) -> str:
    ours = any(one.name == model and one.upstream.kind == "embedded" for one in deployment.settings.models)
    return deployment.mode.value if ours else "unknown"


def _pieces(answer: http.client.HTTPResponse, heard: Heard) -> Iterator[str]:
    """The texts of a streamed answer. Raises ``Unserved`` where it ends with an error, ``PeerError`` without its end."""
    for line in answer:
        if line.strip() == b"data: [DONE]":
            return
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line[6:])
        if "error" in event:
            raise Unserved(_refusal(event, 502, answer.headers))
        for choice in event.get("choices", ()):
            heard.stopped |= choice.get("finish_reason") == _STOPPED
            yield choice["delta"].get("content") or ""
    raise PeerError("the answer was broken off")


def _refused(answer: http.client.HTTPResponse) -> Refused:
    refusal = _refusal(_json(answer.read()), answer.status, answer.headers)
    if refusal.code == "access_denied":
        return Denied(refusal)
    if refusal.status >= 500 or refusal.status == 429:
        return Unserved(refusal)
    return BadQuestion(refusal)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _refusal(said: Any, status: int, headers: http.client.HTTPMessage) -> Refusal:
    error = said.get("error") if isinstance(said, dict) else None
    error = error if isinstance(error, dict) else {}
    code = str(error.get("code") or (CallerError.code if status < 500 else PeerError.code))
    message = str(error.get("message") or f"the gateway answered {status}").removesuffix(".")
    return Refusal(status, code, message, headers.get("wardstead-decision", ""), headers.get("wardstead-receipt", ""))
