"""Ollama's native API over the canonical form. Source: Ollama's API documentation (generate, chat, tags)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import orjson

from wardstead.gateway.protocol import fields
from wardstead.gateway.protocol.errors import message_of
from wardstead.gateway.protocol.fields import BadField, Check, left_out, mapping, not_forwarded, sequence, text
from wardstead.gateway.protocol.json_input import decode_object
from wardstead.gateway.protocol.openai import model_of, parse_chat
from wardstead.gateway.protocol.texts import arguments
from wardstead.gateway.protocol.types import AnswerContext, Chunk, FieldPolicy, Limits, ParsedRequest
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import WardsteadError

_COMMON: Final[dict[str, Check]] = {
    "model": text,
    "stream": fields.boolean,
    "options": fields.anything,
    "format": fields.anything,
}
CHAT: Final[dict[str, Check]] = {**_COMMON, "messages": fields.anything, "tools": fields.anything}
GENERATE: Final[dict[str, Check]] = {**_COMMON, "prompt": text, "system": text}
_DROPPED: Final = frozenset({"keep_alive", "logprobs", "top_logprobs"})
"""How long a model stays loaded is the operator's to say; answers of this dialect carry no log-probabilities."""
OPTIONS: Final = {
    "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "seed": "seed", "stop": "stop",
    "num_predict": "max_tokens", "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty",
    "repeat_penalty": "repeat_penalty",
}  # fmt: skip
_SERVER_OPTIONS: Final = frozenset({"num_ctx", "num_gpu", "num_thread", "num_batch", "num_keep", "use_mmap", "main_gpu", "numa"})
"""Sizing of the server, which is the operator's: dropped with a warning."""


class OllamaDialect:
    """Ollama's dialect."""

    name = "ollama"

    def parse(self, path: str, body: bytes, *, limits: Limits, fields: FieldPolicy) -> ParsedRequest:
        """See ``Dialect.parse``. Streams unless told otherwise, as Ollama does."""
        given, ignored = left_out(decode_object(body, depth=limits.depth), _DROPPED)
        generate = path == "/api/generate"
        think = bool(given.pop("think", False))
        kept, warnings = _pick(given, generate=generate, policy=fields)
        translated, dropped = _to_openai(kept, generate=generate)
        request = parse_chat(translated, limits, FieldPolicy(fields.unknown))
        told = [not_forwarded("think")] if think else []
        request.warnings = (*ignored, *told, *warnings, *dropped, *request.warnings)
        request.dialect_state = {"generate": generate, "think": think}
        return request

    def answer(self, completion: dict[str, Any], context: AnswerContext) -> bytes:
        """One object with ``done: true``."""
        choice = completion["choices"][0]
        message = choice["message"]
        thought = message.get("reasoning_content") or ""
        chunk = Chunk(text=message.get("content") or "", reasoning=thought, tool_calls=message.get("tool_calls"))
        last = _last(context, completion.get("usage"), choice["finish_reason"])
        return orjson.dumps({**_piece(context, chunk), **last})

    def stream(self, context: AnswerContext) -> OllamaStream:
        """See ``Dialect.stream``."""
        return OllamaStream(context)

    def error(self, error: WardsteadError, status: int) -> bytes:
        """``{"error": "…"}``."""
        del status
        return orjson.dumps({"error": message_of(error), "code": error.code})

    def models(self, names: Sequence[str], created_s: int) -> bytes:
        """``/api/tags``."""
        when = rfc3339(created_s * 1000)
        models = [
            {
                "name": name,
                "model": name,
                "modified_at": when,
                "size": 0,
                "digest": "",
                "details": {"format": "gguf", "family": ""},
            }
            for name in names
        ]
        return orjson.dumps({"models": models})


def _pick(given: dict[str, Any], *, generate: bool, policy: FieldPolicy) -> tuple[dict[str, Any], list[str]]:
    for name in ("images", "suffix", "context", "raw", "template"):
        if given.get(name):
            raise BadField("is not offered here: only text in a model's own template can be inspected", where=name)
        given.pop(name, None)
    return fields.pick(given, GENERATE if generate else CHAT, FieldPolicy(policy.unknown))


def _to_openai(kept: dict[str, Any], *, generate: bool) -> tuple[dict[str, Any], list[str]]:
    body: dict[str, Any] = {"model": model_of(kept), "stream": kept.get("stream", True)}
    if generate:
        messages = [{"role": "user", "content": kept.get("prompt", "")}]
        if kept.get("system"):
            messages.insert(0, {"role": "system", "content": kept["system"]})
        body["messages"] = messages
    else:
        if "messages" not in kept:
            raise BadField("is required", where="messages")
        given = sequence(kept["messages"], "messages", 100_000)
        body["messages"] = [_message(mapping(m, f"messages[{i}]"), f"messages[{i}]") for i, m in enumerate(given)]
        if "tools" in kept:
            body["tools"] = kept["tools"]
    dropped = _options(mapping(kept.get("options", {}), "options"), body)
    _format(kept.get("format"), body)
    return body, dropped


def _options(options: dict[str, Any], body: dict[str, Any]) -> list[str]:
    dropped = []
    for name, value in options.items():
        if value is None:
            continue
        if name in _SERVER_OPTIONS:
            dropped.append(f"options.{name} is the operator's to set")
        elif name not in OPTIONS:
            raise BadField("is not forwarded by this gateway", where=f"options.{name[:80]}")
        elif name != "num_predict" or not isinstance(value, int) or value > 0:  # -1 and -2 mean: no limit of its own
            body[OPTIONS[name]] = value
    return dropped


def _format(form: Any, body: dict[str, Any]) -> None:
    if form == "json":
        body["response_format"] = {"type": "json_object"}
    elif form is not None and form != "":
        schema = mapping(form, "format")
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _message(message: dict[str, Any], where: str) -> dict[str, Any]:
    if message.get("images"):
        raise BadField("only text can be inspected", where=f"{where}.images")
    made: dict[str, Any] = {name: message[name] for name in ("role", "content", "name") if name in message}
    unknown = set(message) - {"role", "content", "images", "tool_calls", "tool_name", "thinking", "name"}
    if unknown:
        raise BadField("is not a field of a message", where=f"{where}.{min(unknown)[:80]}")
    if message.get("thinking") is not None:
        made["reasoning_content"] = text(message["thinking"], f"{where}.thinking")
    if message.get("tool_name") is not None:
        made["name"] = message["tool_name"]
    if message.get("tool_calls") is not None:
        calls = sequence(message["tool_calls"], f"{where}.tool_calls", 128)
        made["tool_calls"] = [_tool_call(call, f"{where}.tool_calls[{i}]", i) for i, call in enumerate(calls)]
    return made


def _tool_call(call: Any, where: str, index: int) -> dict[str, Any]:
    function = mapping(mapping(call, where).get("function"), f"{where}.function")
    given = json.dumps(mapping(fields.given(function, "arguments", {}), f"{where}.function.arguments"), ensure_ascii=False)
    return {"id": f"call_{index}", "type": "function", "function": {"name": function.get("name"), "arguments": given}}


def _called(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {"function": {"name": function["name"], "arguments": arguments(function["arguments"])}}


def _piece(context: AnswerContext, chunk: Chunk) -> dict[str, Any]:
    head = {"model": context.model, "created_at": rfc3339(context.created_s * 1000)}
    thought = {"thinking": chunk.reasoning} if chunk.reasoning and context.request.dialect_state.get("think") else {}
    if context.request.dialect_state.get("generate"):
        return {**head, "response": chunk.text, **thought, "done": False}
    message: dict[str, Any] = {"role": "assistant", "content": chunk.text, **thought}
    if chunk.tool_calls:
        message["tool_calls"] = [_called(call) for call in chunk.tool_calls]
    return {**head, "message": message, "done": False}


def _last(context: AnswerContext, usage: dict[str, Any] | None, finish_reason: str) -> dict[str, Any]:
    counts = usage or {}
    reason = {"length": "length", "content_filter": "content_filter"}.get(finish_reason, "stop")
    return {
        "done": True,
        "done_reason": reason,
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": counts.get("prompt_tokens", 0),
        "prompt_eval_duration": 0,
        "eval_count": counts.get("completion_tokens", 0),
        "eval_duration": 0,
        "wardstead_receipt": context.receipt,
    }


class OllamaStream:
    """One JSON object a line; the last has ``done: true``. Durations that nobody measured are 0."""

    content_type = "application/x-ndjson"

    def __init__(self, context: AnswerContext) -> None:
        """One encoder writes one answer."""
        self._context = context
        self._finish_reason = "stop"

    def start(self) -> bytes:
        """Nothing precedes the first line."""
        return b""

    def chunk(self, chunk: Chunk) -> bytes:
        """One line."""
        if chunk.finish_reason:
            self._finish_reason = chunk.finish_reason
        if not (chunk.text or chunk.tool_calls or (chunk.reasoning and self._context.request.dialect_state.get("think"))):
            return b""
        return orjson.dumps(_piece(self._context, chunk)) + b"\n"

    def keep_alive(self) -> bytes:
        """A line without text."""
        return orjson.dumps(_piece(self._context, Chunk())) + b"\n"

    def end(self, *, usage: dict[str, Any] | None, receipt: str) -> bytes:
        """The last line. NDJSON has no comments, so the receipt is a field of it."""
        del receipt
        return orjson.dumps({**_piece(self._context, Chunk()), **_last(self._context, usage, self._finish_reason)}) + b"\n"

    def error(self, error: WardsteadError, status: int) -> bytes:
        """An error line; the connection is broken off after it."""
        return OllamaDialect().error(error, status) + b"\n"
