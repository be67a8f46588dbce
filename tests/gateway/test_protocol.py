"""The promise of the closed codecs, over bodies that nobody would write: what is accepted is inspected, every string of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.playbook import LIMITS

from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.json_input import BadJson, decode_object
from wardstead.gateway.protocol.ollama import OllamaDialect
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.types import Dialect, FieldPolicy, ParsedRequest, UnknownFields
from wardstead.gateway.protocol.upstream import encode_request
from wardstead.kernel.errors import CallerError

MARK = "Zmark"
DIALECTS: dict[str, Dialect] = {"openai": OpenAIDialect(), "anthropic": AnthropicDialect(), "ollama": OllamaDialect()}
SCHEMA = {"type": "object", "properties": {MARK: {"type": "string", "description": MARK, "enum": [MARK]}}, "required": [MARK]}
ARGUMENTS = {"city": MARK, "deep": [{MARK: MARK}], "number": 1}
TOOL = {"type": "function", "function": {"name": MARK, "description": MARK, "parameters": SCHEMA, "strict": True}}
CALL = {"id": MARK, "type": "function", "function": {"name": MARK, "arguments": json.dumps(ARGUMENTS)}}

OPENAI_CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": MARK, "name": MARK},
        {"role": "user", "content": [{"type": "text", "text": MARK}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": MARK, "refusal": MARK},
        {"role": "assistant", "content": MARK, "reasoning_content": MARK},
        {"role": "tool", "content": MARK, "tool_call_id": MARK},
    ],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": MARK}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": MARK, "description": MARK, "schema": SCHEMA, "strict": True},
    },
    "stop": [MARK],
    "user": MARK,
    "metadata": {MARK: MARK},
    "seed": 7,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logprobs": True,
    "max_completion_tokens": 5,
    "site_field": {"anything": [MARK, {MARK: MARK}]},
}
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", "/v1/chat/completions", OPENAI_CHAT),
    (
        "openai",
        "/v1/completions",
        {"model": "m", "prompt": [MARK], "suffix": MARK, "stop": MARK, "metadata": {"a": MARK}},
    ),
    ("openai", "/v1/embeddings", {"model": "m", "input": [MARK, MARK], "user": MARK, "encoding_format": "float"}),
    (
        "anthropic",
        "/v1/messages",
        {
            "model": "m",
            "max_tokens": 5,
            "system": [{"type": "text", "text": MARK}],
            "messages": [
                {"role": "user", "content": MARK},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": MARK, "signature": "x"},
                        {"type": "text", "text": MARK},
                        {"type": "tool_use", "id": MARK, "name": MARK, "input": ARGUMENTS},
                    ],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": MARK, "content": MARK}]},
            ],
            "tools": [{"name": MARK, "description": MARK, "input_schema": SCHEMA}],
            "tool_choice": {"type": "tool", "name": MARK},
            "stop_sequences": [MARK],
            "top_k": 3,
            "metadata": {"user_id": MARK},
        },
    ),
    (
        "ollama",
        "/api/chat",
        {
            "model": "m",
            "stream": False,
            "messages": [
                {"role": "user", "content": MARK},
                {
                    "role": "assistant",
                    "content": "",
                    "thinking": MARK,
                    "tool_calls": [{"function": {"name": MARK, "arguments": ARGUMENTS}}],
                },
                {"role": "tool", "content": MARK, "tool_name": MARK},
            ],
            "tools": [TOOL],
            "format": SCHEMA,
            "options": {"stop": [MARK], "num_predict": 5, "num_ctx": 4096},
        },
    ),
    ("ollama", "/api/generate", {"model": "m", "prompt": MARK, "system": MARK, "format": "json", "options": {"seed": 3}}),
]
IDS = [path for _, path, _ in BODIES]

leaves = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.just(MARK)
)
words = st.sampled_from(
    ["type", "text", "content", "role", "name", "function", "arguments", "schema", "json_schema", "strict", "id", "index", MARK]
)
junk = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value, as (container, key)."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield value, key
        yield from places(inner)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """A valid body, changed at a few places: replaced by junk, taken away, or given more."""
    dialect, path, body = draw(st.sampled_from(BODIES))
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(list(places(body)) or [(body, "model")]))
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                container[key] = draw(junk)
            case "remove":
                del container[key]
            case _ if isinstance(container, dict):
                container[draw(words)] = draw(junk)
            case _:
                container.append(draw(junk))
    return dialect, path, body


def parse(dialect: str, path: str, body: bytes, unknown: UnknownFields = UnknownFields.REJECT) -> ParsedRequest:
    policy = FieldPolicy(unknown, frozenset({"site_field"}))
    return DIALECTS[dialect].parse(path, body, limits=LIMITS, fields=policy)


@pytest.mark.parametrize(("dialect", "path", "body"), BODIES, ids=IDS)
def test_what_the_clients_send_is_accepted_and_every_string_is_found(dialect: str, path: str, body: dict[str, Any]) -> None:
    request = parse(dialect, path, orjson.dumps(body))
    before = encode_request(request).count(MARK.encode())
    assert before >= request.texts.count(MARK) > 0
    request.replace_texts(["X"] * len(request.texts))
    assert MARK.encode() not in encode_request(request)


@pytest.mark.parametrize(
    ("dialect", "path", "name"),
    [
        ("openai", "/v1/chat/completions", "store"),
        ("openai", "/v1/embeddings", "safety_identifier"),
        ("anthropic", "/v1/messages", "cache_control"),
        ("ollama", "/api/generate", "keep_alive"),
    ],
)
def test_what_is_for_a_vendor_s_own_service_is_left_out_and_named(dialect: str, path: str, name: str) -> None:
    body = next(one for at, where, one in BODIES if (at, where) == (dialect, path))
    request = parse(dialect, path, orjson.dumps({**body, name: MARK + "4711"}))
    assert f"{name} was not forwarded" in request.warnings
    assert b"4711" not in encode_request(request)
    assert parse(dialect, path, orjson.dumps({**body, name: None})).warnings == parse(dialect, path, orjson.dumps(body)).warnings


HISTORY: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", "/v1/chat/completions", {"role": "assistant", "content": "So.", "reasoning_content": "I think."}),
    ("openai", "/v1/chat/completions", {"role": "assistant", "content": "So.", "reasoning": "I think."}),
    ("openai", "/v1/chat/completions", {"role": "assistant", "content": "So.", "reasoning": "I think.", "annotations": [1]}),
    (
        "anthropic",
        "/v1/messages",
        {
            "role": "assistant",
            "content": [
                {"type": "redacted_thinking", "data": "bG9zdA"},
                {"type": "thinking", "thinking": "I think.", "signature": "bG9zdA"},
                {"type": "text", "text": "So.", "citations": ["lost"], "cache_control": {"type": "ephemeral"}},
            ],
        },
    ),
    ("ollama", "/api/chat", {"role": "assistant", "content": "So.", "thinking": "I think."}),
]
DROPPED: list[set[str]] = [
    set(),
    set(),
    {"messages[1].annotations was not forwarded"},
    {
        "messages[1].content[0] (redacted_thinking) was not forwarded",
        "messages[1].content[1].signature was not forwarded",
        "messages[1].content[2].citations was not forwarded",
        "messages[1].content[2].cache_control was not forwarded",
    },
    set(),
]


@pytest.mark.parametrize(("case", "dropped"), list(zip(HISTORY, DROPPED, strict=True)))
def test_what_a_model_thought_goes_on_inspected_and_what_does_not_is_named(
    case: tuple[str, str, dict[str, Any]], dropped: set[str]
) -> None:
    dialect, path, said = case
    body = {
        "model": "m",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "Why?"}, said, {"role": "user", "content": "?"}],
    }
    if dialect == "ollama":
        del body["max_tokens"]
    request = parse(dialect, path, orjson.dumps(body))
    assert request.texts == ["Why?", "I think.", "So.", "?"]
    assert set(request.warnings) == dropped
    request.replace_texts(["Why?", "[redacted]", "So.", "?"])
    sent = orjson.loads(encode_request(request))["messages"][1]
    assert sent == {"role": "assistant", "content": "So.", "reasoning_content": "[redacted]", "reasoning": "[redacted]"}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "a", "reasoning": "b"},
        {"role": "assistant", "content": "a", "reasoning": "b", "reasoning_content": "c"},
        {"role": "assistant", "content": "a", "reasoning": ["b"]},
    ],
)
def test_thoughts_of_nobody_are_refused_at_their_place(message: dict[str, Any]) -> None:
    with pytest.raises(CallerError) as refused:
        parse("openai", "/v1/chat/completions", orjson.dumps({"model": "m", "messages": [message]}))
    assert refused.value.where.startswith("messages[0].reasoning")


@pytest.mark.parametrize(
    "metadata", [7, ["a"], {"a": 1}, {"a": {"b": "c"}}, {"a" * 65: "b"}, {"a": "b" * 513}, {str(n): "" for n in range(17)}]
)
def test_metadata_of_another_form_is_refused_at_its_place(metadata: Any) -> None:
    for dialect, path, body in (BODIES[0], BODIES[3]):
        with pytest.raises(CallerError) as refused:
            parse(dialect, path, orjson.dumps({**body, "metadata": metadata}))
        assert refused.value.where.startswith("metadata")


@settings(max_examples=max(1000, settings().max_examples))
@given(mutated(), st.sampled_from(UnknownFields))
def test_what_is_forwarded_was_inspected(case: tuple[str, str, dict[str, Any]], unknown: UnknownFields) -> None:
    """Whatever the body: refused with a typed error, or no string of it can pass by the inspector."""
    dialect, path, body = case
    try:
        request = parse(dialect, path, orjson.dumps(body), unknown)
    except CallerError:
        return
    if request.model == MARK:
        request.model = "m"  # not content: it must be the name of a model of ours
    request.replace_texts(["X"] * len(request.texts))
    assert MARK.encode() not in encode_request(request)


@given(mutated())
def test_texts_put_back_unchanged_change_nothing(case: tuple[str, str, dict[str, Any]]) -> None:
    dialect, path, body = case
    try:
        request = parse(dialect, path, orjson.dumps(body))
    except CallerError:
        return
    before = encode_request(request)
    request.replace_texts(request.texts)
    assert encode_request(request) == before


@given(st.binary(max_size=200) | junk.map(lambda value: json.dumps(value).encode()), st.sampled_from(BODIES))
def test_any_bytes_are_a_request_or_a_typed_error(body: bytes, case: tuple[str, str, dict[str, Any]]) -> None:
    with pytest.raises(CallerError):  # none of these holds a model and messages
        parse(case[0], case[1], body)


def test_a_number_that_could_be_somebody_s_is_no_seed_and_is_inspected_in_a_field_of_the_site() -> None:
    with pytest.raises(CallerError, match="from -4294967295 to 4294967295"):
        parse("openai", "/v1/chat/completions", orjson.dumps({**OPENAI_CHAT, "seed": 4111111111111111}))
    request = parse(
        "openai", "/v1/chat/completions", orjson.dumps({**OPENAI_CHAT, "seed": 2**32 - 1, "site_field": 4111111111111111})
    )
    assert "4111111111111111" in request.texts
    request.replace_texts(["X"] * len(request.texts))
    assert b"4111111111111111" not in encode_request(request)


@pytest.mark.parametrize(
    "arguments",
    [
        '{"card": 4111111111111111}',
        '{"card": 4111111111111111.0}',
        '{"card": 4.111111111111111e15}',
        '{"card": "4111\\u0031111111111111"}',
        '{"4111111111111111": 1}',
        '[["4111111111111111"]]',
    ],
)
def test_a_number_hides_nowhere_in_tool_arguments(arguments: str) -> None:
    body = copy.deepcopy(OPENAI_CHAT)
    body["messages"][2]["tool_calls"][0]["function"]["arguments"] = arguments
    request = parse("openai", "/v1/chat/completions", orjson.dumps(body))
    assert any("4111111111111111" in text for text in request.texts)
    request.replace_texts([text.replace("4111111111111111", "[card]") for text in request.texts])
    sent = json.loads(encode_request(request))["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert "[card]" in sent
    assert "4111" not in sent


@pytest.mark.parametrize("arguments", ['"text"', "4111111111111111", "card=1", '{"card": "1"', "[" * 100_000])
def test_tool_arguments_that_no_model_server_takes_are_refused_here(arguments: str) -> None:
    body = copy.deepcopy(OPENAI_CHAT)
    body["messages"][2]["tool_calls"][0]["function"]["arguments"] = arguments
    with pytest.raises(CallerError, match=r"messages\[2\].tool_calls\[0\].function.arguments: must be a JSON object"):
        parse("openai", "/v1/chat/completions", orjson.dumps(body))


def test_a_backslash_before_u0000_is_text() -> None:
    """Only the character itself is refused: somebody may well ask about its escape."""
    body = {"model": "m", "messages": [{"role": "user", "content": "what is \\u0000?"}]}
    assert parse("openai", "/v1/chat/completions", orjson.dumps(body)).texts == ["what is \\u0000?"]
    body["messages"][0]["content"] = "what is \x00?"  # type: ignore[index]
    with pytest.raises(CallerError, match="NUL"):
        parse("openai", "/v1/chat/completions", orjson.dumps(body))


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((depth_of(item) for item in inner), default=0)


nested = st.recursive(
    st.text('[]{}"\\,: a', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=3), inner, max_size=3),
)


@given(nested, st.integers(1, 6), st.booleans())
def test_depth_is_measured_exactly(value: Any, depth: int, ascii_only: bool) -> None:
    body = json.dumps({"": value}, ensure_ascii=ascii_only).encode()
    if depth_of(value) + 1 <= depth:
        assert decode_object(body, depth=depth) == {"": value}
    else:
        with pytest.raises(CallerError, match="deep"):
            decode_object(body, depth=depth)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (rb'{"model": "m", "messages": [{"content": "a"}, {"content": "b\u0000"}]}', "messages[1].content"),
        (rb'{"messages": [{"content": [{"text": "x \ud83d y"}]}]}', "messages[0].content[0].text"),
        (rb'{"metadata": {"Anna Example": "\udc00"}}', "metadata.…"),
        (rb'{"metadata": {"a\u0000b": 1}}', "a key of metadata"),
        (rb'{"\ud800": 1}', "a key of the body"),
    ],
)
def test_a_string_that_no_model_server_may_get_is_named_by_its_place(body: bytes, where: str) -> None:
    with pytest.raises(BadJson) as caught:
        decode_object(body, depth=20)
    assert caught.value.where == where
