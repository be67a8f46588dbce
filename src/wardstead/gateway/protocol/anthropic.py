"""Anthropic's Messages API over the canonical form. Source: Anthropic's API reference, "Messages" and "Streaming Messages"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import orjson

from wardstead.gateway.protocol import fields
from wardstead.gateway.protocol.attachments import source_block
from wardstead.gateway.protocol.documents import Enclosed
from wardstead.gateway.protocol.errors import message_of
from wardstead.gateway.protocol.fields import BadField, Check, left_out, mapping, not_forwarded, sequence, text, word
from wardstead.gateway.protocol.json_input import decode_object
from wardstead.gateway.protocol.openai import model_of, parse_chat
from wardstead.gateway.protocol.texts import arguments
from wardstead.gateway.protocol.types import AnswerContext, Chunk, FieldPolicy, Limits, ParsedRequest
from wardstead.kernel.errors import WardsteadError

TABLE: Final[dict[str, Check]] = {
    "model": text,
    "messages": fields.anything,
    "system": fields.anything,
    "max_tokens": fields.integer(1, 2**31),
    "temperature": fields.number(0, 1),
    "top_p": fields.number(0, 1),
    "top_k": fields.integer(0, 1_000_000),
    "stop_sequences": fields.text_or_texts(16),
    "stream": fields.boolean,
    "tools": fields.anything,
    "tool_choice": fields.anything,
    "metadata": mapping,
}
_DROPPED: Final = frozenset({"service_tier", "cache_control", "container", "inference_geo"})
"""Addressed to Anthropic's own service: left out with a warning."""
_UNHEARD: Final = frozenset({"cache_control", "caller", "citations", "is_error", "signature"})
"""What blocks say beside their content, and no local server takes: left out with a warning."""
_BLOCKS: Final = ("system", "messages", "content", "tools")
"""Where blocks stand, and blocks in blocks."""
_THINKING: Final = frozenset({"type", "thinking", "signature"})
_REDACTED_THINKING: Final = frozenset({"type", "data"})
_TEXT_BLOCK: Final = frozenset({"type", "text", "cache_control", "citations"})
_TOOL_USE: Final = frozenset({"type", "id", "name", "input", "cache_control", "caller"})
_TOOL_RESULT: Final = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_TOOL: Final = frozenset({"type", "name", "description", "input_schema", "cache_control"})
_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class AnthropicDialect:
    """Anthropic's dialect."""

    name = "anthropic"

    def parse(self, path: str, body: bytes, *, limits: Limits, fields: FieldPolicy) -> ParsedRequest:
        """See ``Dialect.parse``. ``path`` is always ``/v1/messages``."""
        del path
        given, dropped = left_out(decode_object(body, depth=limits.depth), _DROPPED)
        thinking = given.pop("thinking", None)
        think = thinking is not None and mapping(thinking, "thinking").get("type") != "disabled"
        kept, warnings = _pick(given, fields)
        for name in ("messages", "max_tokens"):
            if name not in kept:
                raise BadField("is required", where=name)
        request = parse_chat(_to_openai(kept, limits), limits, FieldPolicy(fields.unknown))
        unheard: dict[str, str] = {}
        _note_unheard({name: kept[name] for name in _BLOCKS if name in kept}, "", unheard)
        told = [not_forwarded("thinking")] if think else []
        request.warnings = (*dropped, *told, *warnings, *request.warnings, *unheard.values())
        request.dialect_state = {"think": think}
        return request

    def answer(self, completion: dict[str, Any], context: AnswerContext) -> bytes:
        """A message object."""
        choice = completion["choices"][0]
        message = choice["message"]
        content: list[dict[str, Any]] = []
        if message.get("reasoning_content") and context.request.dialect_state.get("think"):
            content.append(_thought(message["reasoning_content"]))
        if message.get("content"):
            content.append({"type": "text", "text": message["content"]})
        content += [_tool_use(call) for call in message.get("tool_calls", ())]
        return orjson.dumps({
            "id": "msg_" + context.receipt,
            "type": "message",
            "role": "assistant",
            "model": context.model,
            "content": content,
            "stop_reason": _STOP_REASONS.get(choice["finish_reason"], "end_turn"),
            "stop_sequence": None,
            "usage": _usage(completion.get("usage")),
        })  # fmt: skip

    def stream(self, context: AnswerContext) -> AnthropicStream:
        """See ``Dialect.stream``."""
        return AnthropicStream(context)

    def error(self, error: WardsteadError, status: int) -> bytes:
        """``{"type": "error", "error": {"type", "message"}}``."""
        kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        where = f"{error.where}: " if error.where and not str(error).startswith(error.where) else ""
        return orjson.dumps({"type": "error", "error": {"type": kind, "message": where + message_of(error), "code": error.code}})

    def models(self, names: Sequence[str], created_s: int) -> bytes:
        """Anthropic's list shares OpenAI's path, and OpenAI's form is answered there."""
        from wardstead.gateway.protocol.openai import OpenAIDialect

        return OpenAIDialect().models(names, created_s)


def _pick(given: dict[str, Any], policy: FieldPolicy) -> tuple[dict[str, Any], list[str]]:
    return fields.pick(given, TABLE, FieldPolicy(policy.unknown))


def _to_openai(kept: dict[str, Any], limits: Limits) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model_of(kept)}
    messages: list[dict[str, Any]] = []
    if "system" in kept:
        messages.append({"role": "system", "content": _text_blocks(kept["system"], "system")})
    for index, message in enumerate(sequence(kept["messages"], "messages", 100_000)):
        messages += _messages(mapping(message, f"messages[{index}]"), f"messages[{index}]", limits)
    body["messages"] = messages
    for name in ("max_tokens", "temperature", "top_p", "top_k", "stream"):
        if name in kept:
            body[name] = kept[name]
    if "metadata" in kept:
        body["user"] = _user(kept["metadata"])
    if "stop_sequences" in kept:
        body["stop"] = kept["stop_sequences"]
    if "tools" in kept:
        body["tools"] = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(sequence(kept["tools"], "tools", 128))]
    if "tool_choice" in kept:
        body.update(_tool_choice(mapping(kept["tool_choice"], "tool_choice")))
    return body


def _user(metadata: dict[str, Any]) -> str:
    """Whom the request is made for, which is all that the API's metadata can say."""
    _only(metadata, frozenset({"user_id"}), "metadata")
    return str(text(fields.given(metadata, "user_id", ""), "metadata.user_id"))


def _text_blocks(value: Any, where: str) -> str | list[dict[str, Any] | Enclosed]:
    return value if isinstance(value, str) else _parts_of_text(value, where)


def _parts_of_text(value: Any, where: str) -> list[dict[str, Any] | Enclosed]:
    texts: list[dict[str, Any] | Enclosed] = []
    for index, block in enumerate(sequence(value, where, 1024)):
        place = f"{where}[{index}]"
        if mapping(block, place).get("type") == "template":
            texts.append(block)
            continue
        if block.get("type") != "text":
            raise BadField("only text is taken here: a document stands in a message's own content", where=f"{place}.type")
        _only(block, _TEXT_BLOCK, place)
        texts.append({"type": "text", "text": text(block.get("text"), f"{place}.text")})
    return texts


def _messages(message: dict[str, Any], where: str, limits: Limits) -> list[dict[str, Any]]:
    role = word(message.get("role"))
    if role not in {"user", "assistant"} or set(message) - {"role", "content"}:
        raise BadField("must have role user or assistant, and content", where=where)
    content = message.get("content")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    made: list[dict[str, Any]] = []
    texts: list[dict[str, Any] | Enclosed] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[str] = []
    for index, block in enumerate(sequence(content, f"{where}.content", 4096)):
        place = f"{where}.content[{index}]"
        kind = word(mapping(block, place).get("type"))
        if kind == "text":
            _only(block, _TEXT_BLOCK, place)
            texts.append({"type": "text", "text": text(block.get("text"), f"{place}.text")})
        elif role == "assistant":
            _said(kind, block, place, calls, thoughts)
        elif kind == "template":
            texts.append(block)
        elif kind == "document":
            texts += _document(block, place, limits)
        elif kind == "tool_result":
            _only(block, _TOOL_RESULT, place)
            result = _result(fields.given(block, "content", ""), f"{place}.content", limits)
            made.append(
                {"role": "tool", "tool_call_id": text(block.get("tool_use_id"), f"{place}.tool_use_id"), "content": result}
            )
        else:
            raise BadField("must be text, template, document or tool_result", where=f"{place}.type")
    if texts or calls or thoughts:
        one: dict[str, Any] = {"role": role, "content": texts or None}
        if thoughts:
            one["reasoning_content"] = "\n".join(thoughts)
        if calls:
            one["tool_calls"] = calls
        made.append(one)
    return made


def _said(kind: str, block: dict[str, Any], where: str, calls: list[dict[str, Any]], thoughts: list[str]) -> None:
    """A block of an earlier answer that is no text."""
    if kind == "tool_use":
        _only(block, _TOOL_USE, where)
        given = json.dumps(mapping(block.get("input"), f"{where}.input"), ensure_ascii=False)
        function = {"name": text(block.get("name"), f"{where}.name"), "arguments": given}
        calls.append({"id": text(block.get("id"), f"{where}.id"), "type": "function", "function": function})
    elif kind == "thinking":
        _only(block, _THINKING, where)
        thoughts.append(text(block.get("thinking"), f"{where}.thinking"))
    elif kind == "redacted_thinking":  # its vendor alone can read it
        _only(block, _REDACTED_THINKING, where)
    else:
        raise BadField("must be text, thinking or tool_use", where=f"{where}.type")


def _result(value: Any, where: str, limits: Limits) -> str | list[dict[str, Any] | Enclosed]:
    """A tool's result: a text, or blocks of text and documents."""
    if isinstance(value, str) or not any(
        isinstance(one, dict) and one.get("type") == "document" for one in sequence(value, where, 1024)
    ):
        return _text_blocks(value, where)
    made: list[dict[str, Any] | Enclosed] = []
    for index, block in enumerate(value):
        place = f"{where}[{index}]"
        if mapping(block, place).get("type") == "document":
            made += _document(block, place, limits)
        else:
            made += _parts_of_text([block], place)
    return made


def _document(block: dict[str, Any], where: str, limits: Limits) -> list[dict[str, Any] | Enclosed]:
    """The document, and what was written of it for the model to know."""
    made: list[dict[str, Any] | Enclosed] = [source_block(block, where, limits.document_bytes)]
    if block.get("context"):
        made.append({"type": "text", "text": text(block["context"], f"{where}.context")})
    return made


def _note_unheard(value: Any, where: str, found: dict[str, str]) -> None:
    """A warning for each kind of thing that was left out of a checked request's blocks, with its first place."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            _note_unheard(one, f"{where}[{index}]", found)
    elif isinstance(value, dict):
        for name in sorted(_UNHEARD & value.keys()):
            if value[name]:
                found.setdefault(name, not_forwarded(f"{where}.{name}"))
        if value.get("type") == "redacted_thinking":
            found.setdefault("redacted_thinking", not_forwarded(f"{where} (redacted_thinking)"))
        for name in _BLOCKS:
            if name in value:
                _note_unheard(value[name], f"{where}.{name}" if where else name, found)


def _only(block: dict[str, Any], known: frozenset[str], where: str) -> None:
    unknown = set(block) - known
    if unknown:
        raise BadField("is not a field here", where=f"{where}.{min(unknown)[:80]}")


def _tool(value: Any, where: str) -> dict[str, Any]:
    tool = mapping(value, where)
    if tool.get("type", "custom") != "custom":
        raise BadField("only tools with a name and an input_schema are taken", where=f"{where}.type")
    _only(tool, _TOOL, where)
    function = {"name": tool.get("name"), "parameters": mapping(tool.get("input_schema"), f"{where}.input_schema")}
    if tool.get("description") is not None:
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _tool_choice(choice: dict[str, Any]) -> dict[str, Any]:
    kind = word(choice.get("type"))
    made: dict[str, Any] = {}
    single = fields.boolean(fields.given(choice, "disable_parallel_tool_use", False), "tool_choice.disable_parallel_tool_use")
    if single:
        made["parallel_tool_calls"] = False
    if kind == "tool":
        made["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif kind in {"auto", "none", "any"}:
        made["tool_choice"] = {"auto": "auto", "none": "none", "any": "required"}[kind]
    else:
        raise BadField("must be auto, any, none or tool", where="tool_choice.type")
    return made


def _usage(usage: dict[str, Any] | None) -> dict[str, int]:
    counts = usage or {}
    return {"input_tokens": counts.get("prompt_tokens", 0), "output_tokens": counts.get("completion_tokens", 0)}


def _tool_use(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments(function["arguments"])}


def _thought(said: str) -> dict[str, Any]:
    """A block of thinking; who wrote it signs nothing."""
    return {"type": "thinking", "thinking": said, "signature": ""}


def _event(kind: str, value: dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **value}) + b"\n\n"


class AnthropicStream:
    """Named server-sent events: a message that starts, content blocks that start and stop, a message that stops."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, context: AnswerContext) -> None:
        """One encoder writes one answer."""
        self._context = context
        self._block = -1
        self._open_blocks: dict[str, int] = {}
        self._think = bool(context.request.dialect_state.get("think"))
        self._stop_reason = "end_turn"

    def start(self) -> bytes:
        """``message_start``."""
        message: dict[str, Any] = {
            "id": "msg_" + self._context.receipt,
            "type": "message",
            "role": "assistant",
            "model": self._context.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(None),
        }
        return _event("message_start", {"message": message})

    def chunk(self, chunk: Chunk) -> bytes:
        """Deltas of thoughts and text, whole tool uses, and the reason to stop. Only the first choice exists in this dialect."""
        out = b""
        if chunk.reasoning and self._think:
            out += self._say("thinking", chunk.reasoning, _thought(""))
        if chunk.text:
            out += self._say("text", chunk.text, {"type": "text", "text": ""})
        for call in chunk.tool_calls or ():
            out += self._close() + self._tool(call)
        if chunk.finish_reason:
            self._stop_reason = _STOP_REASONS.get(chunk.finish_reason, "end_turn")
        return out

    def _say(self, kind: str, said: str, block: dict[str, Any]) -> bytes:
        """More of the block of that kind. The end of a thought may come when text has begun: both blocks are open until then."""
        opened = b""
        if kind not in self._open_blocks:
            opened = self._open(block)
            self._open_blocks[kind] = self._block
        delta = {"index": self._open_blocks[kind], "delta": {"type": f"{kind}_delta", kind: said}}
        return opened + _event("content_block_delta", delta)

    def _tool(self, call: dict[str, Any]) -> bytes:
        use = _tool_use(call)
        partial = orjson.dumps(use["input"]).decode()
        delta = {"index": self._block + 1, "delta": {"type": "input_json_delta", "partial_json": partial}}
        opened = self._open({**use, "input": {}})
        return opened + _event("content_block_delta", delta) + _event("content_block_stop", {"index": self._block})

    def _open(self, block: dict[str, Any]) -> bytes:
        self._block += 1
        return _event("content_block_start", {"index": self._block, "content_block": block})

    def _close(self) -> bytes:
        stopped = b"".join(_event("content_block_stop", {"index": at}) for at in self._open_blocks.values())
        self._open_blocks.clear()
        return stopped

    def keep_alive(self) -> bytes:
        """A ping."""
        return _event("ping", {})

    def end(self, *, usage: dict[str, Any] | None, receipt: str) -> bytes:
        """The stop reason and usage, the receipt as a comment, then the end."""
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None}
        last = self._close() + _event("message_delta", {"delta": delta, "usage": _usage(usage)})
        return last + b": wardstead-receipt " + receipt.encode() + b"\n\n" + _event("message_stop", {})

    def error(self, error: WardsteadError, status: int) -> bytes:
        """An error event; the connection is broken off after it."""
        return b"event: error\ndata: " + AnthropicDialect().error(error, status) + b"\n\n"
