"""One of the deployment's own models as judge of answers, through its socket."""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wardstead.adapters.models.classifier import stretches
from wardstead.adapters.sandbox.launcher import connect
from wardstead.inspection.judging import Bench, no_verdict
from wardstead.inspection.ports import Direction, Origin, Span

_MOST_BYTES: Final = 256 * 1024
_MOST_QUESTIONS: Final = 8


class JudgeDetector:
    """A ``TextDetector`` that asks a model. Safe for threads."""

    id = "judge"
    directions = frozenset({Direction.ANSWER})
    origins: frozenset[Origin] = frozenset()
    marks = True
    slow = True
    cuts = True

    def __init__(self, bench: Bench, socket: Path, model: str, *, timeout_s: float, chars: int) -> None:
        """``timeout_s``: for a question. ``chars``: of a text in one question; a longer text takes several."""
        self.version = f"{bench.version}/{model}"
        self.types: Mapping[str, str] = bench.types
        self._bench, self._socket, self._model = bench, socket, model
        self._timeout_s, self._chars = timeout_s, chars

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """See ``TextDetector.detect``. Raises ``DetectorFailed``: no verdict is a failed one."""
        return [self._judge(text) for text in texts]

    def _judge(self, text: str) -> list[Span]:
        clean = text.encode("utf-8", "replace").decode()
        parts = [clean[start:end] for start, end in stretches(clean, self._chars)] if clean.strip() else []
        if len(parts) > _MOST_QUESTIONS:
            raise no_verdict(f"the text is longer than {_MOST_QUESTIONS} questions of {self._chars} characters")
        found = {span.type: span for part in parts for span in self._bench.spans(self._ask(part), len(text))}
        return [found[name] for name in sorted(found)]

    def _ask(self, text: str) -> bytes:
        body = json.dumps(self._bench.request(self._model, text)).encode()
        try:
            status, answer = _posted(self._socket, body, self._timeout_s)
        except (OSError, http.client.HTTPException) as error:
            raise no_verdict(f"its server does not answer ({type(error).__name__})") from None
        if status != http.HTTPStatus.OK:
            raise no_verdict(f"its server answers {status}")
        return _content(answer)


def _posted(path: Path, body: bytes, timeout_s: float) -> tuple[int, bytes]:
    """Status and body of an answer, all of which has to be there by the deadline. Raises ``OSError``, ``HTTPException``."""
    deadline_s = time.monotonic() + timeout_s
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: model\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    )
    received = bytearray()
    with connect(path, timeout_s) as one:
        one.sendall(head.encode() + b"connection: close\r\n\r\n" + body)
        while len(received) <= _MOST_BYTES:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            one.settimeout(left_s)
            piece = one.recv(1 << 16)
            if not piece:
                break
            received += piece
    answer = http.client.HTTPResponse(_Received(bytes(received)))  # type: ignore[arg-type]  # it only makes a file of it
    answer.begin()
    return answer.status, answer.read(_MOST_BYTES)


class _Received:
    """What ``http.client`` takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def _content(answer: bytes) -> bytes:
    try:
        document: Any = json.loads(answer)
        choice = document["choices"][0]
        said = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise no_verdict("its server answers what is no completion") from None
    if not isinstance(said, str) or choice.get("finish_reason") != "stop":
        raise no_verdict("its answer is not whole")
    return said.encode("utf-8", "replace")
