"""OpenAI's API: chat completions, completions, embeddings, models. It is also the canonical form inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from wardstead.gateway.protocol import fields, logprobs
from wardstead.gateway.protocol.errors import message_of
from wardstead.gateway.protocol.fields import BadField, Check, left_out
from wardstead.gateway.protocol.json_input import decode_object
from wardstead.gateway.protocol.messages import Collector, canonical_messages, canonical_tools, response_format, tool_choice
from wardstead.gateway.protocol.types import AnswerContext, Chunk, FieldPolicy, Limits, Operation, ParsedRequest
from wardstead.inspection.ports import Origin
from wardstead.kernel.errors import WardsteadError

_SEED: Final = 2**32 - 1
"""A model server's generator takes no more; a longer number could be somebody's."""


def sampling(limits: Limits) -> dict[str, Check]:
    """The fields that steer sampling, common to chat and completions (OpenAI's reference, and llama.cpp's additions)."""
    return {
        "temperature": fields.number(0, 2),
        "top_p": fields.number(0, 1),
        "min_p": fields.number(0, 1),
        "top_k": fields.integer(-1, 1_000_000),
        "presence_penalty": fields.number(-2, 2),
        "frequency_penalty": fields.number(-2, 2),
        "repeat_penalty": fields.number(0, 10),
        "seed": fields.integer(-_SEED, _SEED),
        "stop": fields.text_or_texts(16),
        "max_tokens": fields.integer(1, limits.max_tokens, clamp=True),
        "n": fields.integer(1, limits.choices, clamp=True),
        "stream": fields.boolean,
        "user": fields.text,
        "metadata": fields.texts_by_name(16, 64, 512),
    }


@lru_cache
def chat_table(limits: Limits) -> dict[str, Check]:
    return {
        **sampling(limits),
        "max_completion_tokens": fields.integer(1, limits.max_tokens, clamp=True),
        "logprobs": fields.boolean,
        "top_logprobs": fields.integer(0, 20),
        "parallel_tool_calls": fields.boolean,
        "messages": fields.anything,
        "tools": fields.anything,
        "tool_choice": fields.anything,
        "response_format": fields.anything,
        "stream_options": fields.anything,
        "model": fields.text,
    }


@lru_cache
def completion_table(limits: Limits) -> dict[str, Check]:
    return {
        **sampling(limits),
        "prompt": fields.text_or_texts(64),
        "suffix": fields.text,
        "echo": fields.boolean,
        "logprobs": fields.integer(0, 20),
        "best_of": fields.integer(1, limits.choices, clamp=True),
        "stream_options": fields.anything,
        "model": fields.text,
    }


EMBEDDING_TABLE: Final[dict[str, Check]] = {
    "model": fields.text,
    "input": fields.text_or_texts(2048),
    "encoding_format": fields.one_of("float", "base64"),
    "dimensions": fields.integer(1, 65536),
    "user": fields.text,
}
_DROPPED: Final = frozenset({"store", "service_tier", "safety_identifier", "prompt_cache_retention", "verbosity"})
"""Addressed to OpenAI's own service, and meaningless here: left out with a warning."""


class OpenAIDialect:
    """OpenAI's dialect."""

    name = "openai"

    def parse(self, path: str, body: bytes, *, limits: Limits, fields: FieldPolicy) -> ParsedRequest:
        """See ``Dialect.parse``."""
        operation = Operation(path)
        given, warnings = left_out(decode_object(body, depth=limits.depth), _DROPPED)
        if operation is Operation.CHAT:
            request = parse_chat(given, limits, fields)
        elif operation is Operation.COMPLETION:
            request = _parse_completion(given, limits, fields)
        else:
            request = _parse_embedding(given, fields)
        request.warnings = (*warnings, *request.warnings)
        return request

    def answer(self, completion: dict[str, Any], context: AnswerContext) -> bytes:
        """See ``Dialect.answer``."""
        operation = context.request.operation
        if operation is Operation.EMBEDDING:
            body = {"object": "list", "data": completion["data"], "model": context.model, "usage": completion.get("usage")}
            return orjson.dumps(body)
        prefix, kind = ("chatcmpl-", "chat.completion") if operation is Operation.CHAT else ("cmpl-", "text_completion")
        body = {
            "id": prefix + context.receipt,
            "object": kind,
            "created": context.created_s,
            "model": context.model,
            "choices": completion["choices"],
            "usage": completion.get("usage"),
        }
        return orjson.dumps(body)

    def stream(self, context: AnswerContext) -> OpenAIStream:
        """See ``Dialect.stream``."""
        return OpenAIStream(context)

    def error(self, error: WardsteadError, status: int) -> bytes:
        """``{"error": {"message", "type", "param", "code"}}``: what makes the library raise its typed error."""
        kind = "invalid_request_error" if status < 500 else "server_error"
        body = {"message": message_of(error), "type": kind, "param": error.where or None, "code": error.code}
        return orjson.dumps({"error": body})

    def models(self, names: Sequence[str], created_s: int) -> bytes:
        """See ``Dialect.models``."""
        data = [{"id": name, "object": "model", "created": created_s, "owned_by": "wardstead"} for name in names]
        return orjson.dumps({"object": "list", "data": data})


def model_of(given: Mapping[str, Any]) -> str:
    """The model's name: a non-empty string of bounded length."""
    name = fields.text(fields.required(given, "model"), "model")
    if not 0 < len(name) <= 256:
        raise BadField("must be the name of a model", where="model")
    return str(name)


def parse_chat(given: dict[str, Any], limits: Limits, policy: FieldPolicy) -> ParsedRequest:
    """A canonical chat request from an OpenAI body: the other dialects translate to such a body and come here too."""
    model = model_of(given)
    body, warnings = fields.pick(given, chat_table(limits), policy)
    into = Collector()
    body["messages"] = canonical_messages(fields.required(body, "messages"), limits, into)
    if "tools" in body:
        body["tools"] = canonical_tools(body["tools"], into)
    if "tool_choice" in body:
        body["tool_choice"] = tool_choice(body["tool_choice"], into)
    if "response_format" in body:
        body["response_format"] = response_format(body["response_format"], into)
    if "max_completion_tokens" in body:
        body["max_tokens"] = body.pop("max_completion_tokens")
    body.setdefault("max_tokens", limits.max_tokens)
    _common_texts(body, policy, into)
    request = _request(Operation.CHAT, model, body, into, warnings)
    request.structured = body.get("response_format", {}).get("type", "text") != "text"
    request.wants_logprobs = bool(body.get("logprobs"))
    return request


def _parse_completion(given: dict[str, Any], limits: Limits, policy: FieldPolicy) -> ParsedRequest:
    model = model_of(given)
    body, warnings = fields.pick(given, completion_table(limits), policy)
    prompt = fields.required(body, "prompt")
    if not prompt or (isinstance(prompt, list) and "" in prompt):
        # llama.cpp's server turns round for ever over no prompt at all with n > 1.
        raise BadField("must not be empty", where="prompt")
    into = Collector()
    into.origin = Origin.USER
    for name in ("prompt", "suffix"):
        _add_texts(body, name, into)
    into.origin = Origin.STRUCTURE
    body.setdefault("max_tokens", limits.max_tokens)
    _common_texts(body, policy, into)
    request = _request(Operation.COMPLETION, model, body, into, warnings)
    request.wants_logprobs = body.get("logprobs") is not None
    return request


def _parse_embedding(given: dict[str, Any], policy: FieldPolicy) -> ParsedRequest:
    model = model_of(given)
    body, warnings = fields.pick(given, EMBEDDING_TABLE, policy)
    fields.required(body, "input")
    into = Collector()
    into.origin = Origin.DOCUMENT
    _add_texts(body, "input", into)
    into.origin = Origin.STRUCTURE
    _common_texts(body, policy, into)
    return _request(Operation.EMBEDDING, model, body, into, warnings)


def _request(operation: Operation, model: str, body: dict[str, Any], into: Collector, warnings: list[str]) -> ParsedRequest:
    options = body.pop("stream_options", None)
    stream = bool(body.pop("stream", False))
    return ParsedRequest(
        operation=operation,
        model=model,
        stream=stream,
        body=body,
        texts=into.texts,
        origins=into.origins,
        warnings=(*warnings, *into.dropped.values()),
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        slots=into.slots,
        rewrites=into.rewrites,
        documents=into.documents,
        seams=into.seams,
    )


def _common_texts(body: dict[str, Any], policy: FieldPolicy, into: Collector) -> None:
    _add_texts(body, "stop", into)
    _add_texts(body, "user", into)
    into.add_free_form(body.get("metadata", {}))
    for name in policy.extra:
        if name in body:
            _add_extra(body, name, into)


def _add_extra(body: dict[str, Any], name: str, into: Collector) -> None:
    if isinstance(body[name], dict | list):
        into.add_free_form(body[name])
    elif isinstance(body[name], int | float):
        into.add_number(body, name)
    else:
        _add_texts(body, name, into)


def _add_texts(body: dict[str, Any], name: str, into: Collector) -> None:
    value = body.get(name)
    if isinstance(value, str):
        into.add(body, name)
    elif isinstance(value, list):
        for index in range(len(value)):
            into.add(value, index)


class OpenAIStream:
    """Server-sent events of chat completions and completions."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, context: AnswerContext) -> None:
        """One encoder writes one answer."""
        self._chat = context.request.operation is Operation.CHAT
        self._usage = context.request.include_usage
        prefix, kind = ("chatcmpl-", "chat.completion.chunk") if self._chat else ("cmpl-", "text_completion")
        head = {"id": prefix + context.receipt, "object": kind, "created": context.created_s, "model": context.model}
        self._head = b"data: " + orjson.dumps(head)[:-1]
        self._text = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._spelled: dict[int, int] = {}  # by choice: characters whose tokens have been written
        self._text_end = b'},"logprobs":null,"finish_reason":null}]}\n\n'

    def start(self) -> bytes:
        """Nothing precedes the first chunk."""
        return b""

    def chunk(self, chunk: Chunk) -> bytes:
        """One event."""
        if self._chat and chunk.text and chunk.index == 0 and self._plain(chunk):
            return self._text + orjson.dumps(chunk.text) + self._text_end
        choice: dict[str, Any] = {"index": chunk.index}
        if self._chat:
            choice["delta"] = self._delta(chunk)
        else:
            choice["text"] = chunk.text
        choice["logprobs"] = self._logprobs(chunk) if chunk.logprobs else None
        choice["finish_reason"] = chunk.finish_reason
        return self._head + b',"choices":[' + orjson.dumps(choice) + b"]}\n\n"

    def _logprobs(self, chunk: Chunk) -> dict[str, Any]:
        tokens = chunk.logprobs or []
        if self._chat:
            return logprobs.for_chat(tokens)
        written = logprobs.for_completion(tokens, self._spelled.get(chunk.index, 0))
        self._spelled[chunk.index] = written["text_offset"][-1] + len(written["tokens"][-1])
        return written

    @staticmethod
    def _plain(chunk: Chunk) -> bool:
        return not (chunk.role or chunk.finish_reason or chunk.logprobs or chunk.tool_calls or chunk.reasoning or chunk.refusal)

    @staticmethod
    def _delta(chunk: Chunk) -> dict[str, Any]:
        delta: dict[str, Any] = {}
        if chunk.role:
            delta["role"] = chunk.role
        if chunk.text or chunk.role:
            delta["content"] = chunk.text
        if chunk.reasoning:
            delta["reasoning_content"] = chunk.reasoning
        if chunk.refusal:
            delta["refusal"] = chunk.refusal
        if chunk.tool_calls:
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(chunk.tool_calls)]
        return delta

    def keep_alive(self) -> bytes:
        """A comment (WHATWG HTML, server-sent events): clients ignore it."""
        return b": keep-alive\n\n"

    def end(self, *, usage: dict[str, Any] | None, receipt: str) -> bytes:
        """Usage where it was asked for, the receipt as a comment, then the end."""
        last = b""
        if self._usage:
            last = self._head + b',"choices":[],"usage":' + orjson.dumps(usage) + b"}\n\n"
        return last + b": wardstead-receipt " + receipt.encode() + b"\n\ndata: [DONE]\n\n"

    def error(self, error: WardsteadError, status: int) -> bytes:
        """An error event; the connection is broken off after it."""
        return b"data: " + OpenAIDialect().error(error, status) + b"\n\n"
