"""What a model server says, decoded: bounded, re-validated, and rebuilt from the fields we know.

Nothing of a model server's bytes reaches a client as it came: events are parsed, their texts inspected, and written anew.
Sources: WHATWG HTML section 9.2 (server-sent events); OpenAI's reference for chat completion (chunk) objects.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import orjson

from wardstead.gateway.protocol import logprobs
from wardstead.gateway.protocol.fields import BadField
from wardstead.gateway.protocol.types import Chunk, Operation, ParsedRequest, UpstreamEvent
from wardstead.kernel.errors import PeerError

MAX_EVENT_BYTES: Final = 1024 * 1024
MAX_TOOL_CALL_CHARS: Final = 256 * 1024
MAX_TOOL_CALLS: Final = 128
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
FINISH_REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


class MalformedAnswer(PeerError):
    """The model server's answer is not what its API says it is."""

    code = "upstream_protocol"


def encode_request(request: ParsedRequest, model: str = "") -> bytes:
    """The body for the model server: the forwarded fields, the name by which it knows the model, and our stream options.

    Raises ``BadField``.
    """
    body = request.body
    body["model"] = model or request.model
    for message in body.get("messages", ()):
        if "reasoning_content" in message:  # llama.cpp's name; vLLM and Ollama read the other one
            message["reasoning"] = message["reasoning_content"]
    if request.operation is not Operation.EMBEDDING:
        body["stream"] = request.stream
        if request.stream:
            body["stream_options"] = {"include_usage": True}
    try:
        return orjson.dumps(body)
    except TypeError:
        raise BadField("a number does not fit into 64 bits", next_step="Send it as a string") from None


def _loads(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    # orjson refuses lone surrogates; some servers cut an astral character's escapes in two events.
    try:
        return json.loads(data, parse_int=_int)
    except (ValueError, RecursionError):
        raise MalformedAnswer("the model server sent something that is not JSON") from None


def _int(digits: str) -> int | float:
    """As orjson has it: what 64 bits do not hold is a float."""
    return int(digits) if len(digits) < 19 else float(digits)


class SseDecoder:
    """Server-sent events of an OpenAI-compatible server, incrementally: the same events however the bytes are cut."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """``max_event_bytes`` bounds one event; a longer one is an error, never buffered further."""
        self._max = max_event_bytes
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._high: dict[int, str] = {}
        self._ended = False
        self._finished = False

    def feed(self, piece: bytes) -> list[UpstreamEvent]:
        """The events that ``piece`` completes. Raises ``MalformedAnswer``."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > self._max:
            raise MalformedAnswer("the model server sent a line that is too long")
        events = []
        for line in lines:
            event = self._line(line[:-1] if line.endswith(b"\r") else line)
            if event is not None:
                events.append(event)
        return events

    def finish(self) -> None:
        """The connection has ended. Raises ``MalformedAnswer`` when the answer had not."""
        if not self._ended and not self._finished:
            raise MalformedAnswer("the model server ended the stream in the middle of its answer")

    def _line(self, line: bytes) -> UpstreamEvent | None:
        if line:
            if line.startswith(b"data:"):
                self._size += len(line)
                if self._size > self._max:
                    raise MalformedAnswer("the model server sent an event that is too long")
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line.startswith(b"error:"):  # llama.cpp's older servers
                raise MalformedAnswer("the model server reported an error in the middle of its answer")
            return None
        if not self._data:
            return None
        data = b"\n".join(self._data)
        self._data.clear()
        self._size = 0
        if self._ended:
            return None
        if data.strip() == b"[DONE]":
            self._ended = True
            return UpstreamEvent([], done=True)
        return self._event(_loads(data))

    def _event(self, value: Any) -> UpstreamEvent:
        if isinstance(value, list):  # llama.cpp, for several prompts at once
            return _joined([self._object(one) for one in value])
        return self._object(value)

    def _object(self, value: Any) -> UpstreamEvent:
        if not isinstance(value, dict):
            raise MalformedAnswer("the model server sent an event that is not an object")
        if value.get("error"):
            raise MalformedAnswer("the model server reported an error in the middle of its answer")
        choices = value.get("choices")
        if not isinstance(choices, list):
            raise MalformedAnswer("the model server sent an event without choices")
        chunks = [self._chunk(choice) for choice in choices]
        usage = value.get("usage")
        return UpstreamEvent(chunks, usage=clean_usage(usage) if isinstance(usage, dict) else None)

    def _chunk(self, choice: Any) -> Chunk:
        if not isinstance(choice, dict):
            raise MalformedAnswer("the model server sent a choice that is not an object")
        index = choice.get("index", 0)
        delta = choice.get("delta")
        if delta is None:
            delta = {"content": choice.get("text")}
        if type(index) is not int or not 0 <= index < 64 or not isinstance(delta, dict):
            raise MalformedAnswer("the model server sent a choice of the wrong shape")
        chunk = Chunk(index=index)
        chunk.text = self._join(index, _string(delta.get("content")))
        if "role" in delta:
            chunk.role = "assistant"
        chunk.reasoning = _whole(_string(delta.get("reasoning_content") or delta.get("reasoning")))
        chunk.refusal = _whole(_string(delta.get("refusal")))
        calls = delta.get("tool_calls")
        if calls:
            chunk.tool_calls = _list_of_objects(calls)
        chunk.finish_reason = _finish_reason(choice.get("finish_reason"))
        if chunk.finish_reason:
            self._finished = True
        if choice.get("logprobs"):
            chunk.logprobs = _logprobs(choice)
        return chunk

    def _join(self, index: int, text: str) -> str:
        """Join the halves of a surrogate pair that came in two events; a half without its other half becomes U+FFFD."""
        high = self._high.pop(index, "") if self._high else ""
        if text.isascii() and not high:
            return text
        text = high + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._high[index] = text[-1]
            text = text[:-1]
        return _whole(text)


def _joined(events: list[UpstreamEvent]) -> UpstreamEvent:
    usage = [event.usage for event in events if event.usage is not None]
    return UpstreamEvent([chunk for event in events for chunk in event.chunks], usage=usage[-1] if usage else None)


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _string(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedAnswer("the model server sent a text that is not a string")
    return value


def _logprobs(choice: dict[str, Any]) -> list[logprobs.Token]:
    try:
        return logprobs.decode(choice.get("logprobs"))
    except logprobs.BadLogprobs as error:
        raise MalformedAnswer("the model server sent log-probabilities of the wrong shape", why=str(error)) from None


def _finish_reason(value: Any) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) and value in FINISH_REASONS else "stop"


def _list_of_objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedAnswer("the model server sent tool calls of the wrong shape")
    return value


def clean_usage(usage: dict[str, Any]) -> dict[str, int]:
    """The three counts, and nothing else: a server's own timings stay behind."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: value for name in names if type(value := usage.get(name, 0)) is int and 0 <= value < 2**53}


class ToolCallAssembler:
    """Collects the pieces of a choice's tool calls into whole ones."""

    __slots__ = ("_calls", "_size")

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, str]] = {}
        self._size = 0

    def feed(self, pieces: Iterable[dict[str, Any]]) -> None:
        """Take OpenAI's partial tool calls. Raises ``MalformedAnswer`` for too many, too long, or wrongly shaped ones."""
        for position, piece in enumerate(pieces):
            index = piece.get("index", position)
            if type(index) is not int or not 0 <= index < MAX_TOOL_CALLS:
                raise MalformedAnswer("the model server sent too many tool calls")
            call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
            function = piece.get("function") or {}
            if not isinstance(function, dict):
                raise MalformedAnswer("the model server sent a tool call of the wrong shape")
            call["id"] = call["id"] or _string(piece.get("id"))
            for name in ("name", "arguments"):
                part = _string(function.get(name))
                self._size += len(part)
                call[name] += part
            if self._size > MAX_TOOL_CALL_CHARS:
                raise MalformedAnswer("the model server sent tool calls that are too long")

    def finish(self) -> list[dict[str, Any]]:
        """The whole calls, in order."""
        return [
            {
                "id": call["id"] if _CALL_ID.fullmatch(call["id"]) else f"call_{index}",
                "type": "function",
                "function": {"name": _whole(call["name"]), "arguments": _whole(call["arguments"]) or "{}"},
            }
            for index, call in sorted(self._calls.items())
        ]


def decode_completion(data: bytes, request: ParsedRequest) -> dict[str, Any]:
    """A whole (not streamed) answer in canonical form. Raises ``MalformedAnswer``."""
    operation = request.operation
    value = _loads(data)
    if not isinstance(value, dict):
        raise MalformedAnswer("the model server's answer is not an object")
    usage = clean_usage(value["usage"]) if isinstance(value.get("usage"), dict) else None
    if operation is Operation.EMBEDDING:
        packed = request.body.get("encoding_format") == "base64"
        return {"data": _embeddings(value.get("data"), packed=packed), "usage": usage}
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedAnswer("the model server's answer has no choices")
    decode = _chat_choice if operation is Operation.CHAT else _text_choice
    return {"choices": [decode(choice, position) for position, choice in enumerate(choices)], "usage": usage}


def _embeddings(data: Any, *, packed: bool) -> list[dict[str, Any]]:
    if not isinstance(data, list):
        raise MalformedAnswer("the model server's answer has no embeddings")
    return [
        {"object": "embedding", "index": position, "embedding": _vector(item, packed=packed)}
        for position, item in enumerate(data)
    ]


def _vector(item: Any, *, packed: bool) -> Any:
    vector = item.get("embedding") if isinstance(item, dict) else None
    if isinstance(vector, list) and all(type(number) in {int, float} for number in vector):
        return vector
    if packed and isinstance(vector, str) and _is_packed(vector):
        return vector
    raise MalformedAnswer("the model server sent an embedding that is not a vector")


def _is_packed(text: str) -> bool:
    """Base64 of 32-bit numbers, in the one way of writing it: nothing that could be read as a text."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return len(data) % 4 == 0 and base64.b64encode(data).decode() == text


def _chat_choice(choice: Any, position: int) -> dict[str, Any]:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise MalformedAnswer("the model server's answer has a choice without a message")
    clean: dict[str, Any] = {"role": "assistant", "content": None}
    if message.get("content") is not None:
        clean["content"] = _whole(_string(message["content"]))
    reasoning = _whole(_string(message.get("reasoning_content") or message.get("reasoning")))
    if reasoning:
        clean["reasoning_content"] = reasoning
    clean["refusal"] = _whole(_string(message.get("refusal"))) or None
    if message.get("tool_calls"):
        assembler = ToolCallAssembler()
        assembler.feed(_list_of_objects(message["tool_calls"]))
        clean["tool_calls"] = assembler.finish()
    return {
        "index": position,
        "message": clean,
        "logprobs": _logprobs(choice),
        "finish_reason": _finish_reason(choice.get("finish_reason")) or "stop",
    }


def _text_choice(choice: Any, position: int) -> dict[str, Any]:
    if not isinstance(choice, dict):
        raise MalformedAnswer("the model server's answer has a choice that is not an object")
    return {
        "index": position,
        "text": _whole(_string(choice.get("text"))),
        "logprobs": _logprobs(choice),
        "finish_reason": _finish_reason(choice.get("finish_reason")) or "stop",
    }


def write_logprobs(completion: dict[str, Any], operation: Operation) -> None:
    """Write the tokens of each choice as the operation's clients expect them; none are left out."""
    for choice in completion["choices"]:
        tokens = choice["logprobs"]
        write = logprobs.for_chat if operation is Operation.CHAT else partial(logprobs.for_completion, offset=0)
        choice["logprobs"] = write(tokens) if tokens else None


def refusal_completion(operation: Operation, text: str) -> dict[str, Any]:
    """A canonical answer that refuses: the text, and ``finish_reason: content_filter``."""
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": "content_filter"}
    if operation is Operation.CHAT:
        choice["message"] = {"role": "assistant", "content": text, "refusal": None}
    else:
        choice["text"] = text
    return {"choices": [choice], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}


def error_message(data: bytes) -> str:
    """The text of a model server's error, for inspection: at most 500 characters, empty where there is none."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message[:500] if isinstance(message, str) else ""
