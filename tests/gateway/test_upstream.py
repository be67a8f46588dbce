"""What a model server says, decoded: the same however it is cut, and never anything but events or a typed error."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.gateway.protocol.types import Operation, ParsedRequest, UpstreamEvent
from wardstead.gateway.protocol.upstream import MalformedAnswer, SseDecoder, ToolCallAssembler, decode_completion, write_logprobs

texts = st.text(max_size=8) | st.sampled_from(["\N{GRINNING FACE}", "\r", "\n", "data: ", "[DONE]", "é"])
deltas = st.fixed_dictionaries({}, optional={"role": st.just("assistant"), "content": texts, "reasoning_content": texts})
choices = st.fixed_dictionaries({"index": st.integers(0, 3), "delta": deltas}, optional={"finish_reason": st.just("stop")})
events = st.fixed_dictionaries(
    {"choices": st.lists(choices, max_size=2)}, optional={"usage": st.just({"prompt_tokens": 3, "completion_tokens": 1, "x": 2})}
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "message", "index", "content", "tool_calls", "function", "text", "usage", "data", "logprobs"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes in pieces."""
    at = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


def stream(values: list[Any], end: str, *, ascii_only: bool = True) -> bytes:
    lines = [f"data: {json.dumps(value, ensure_ascii=ascii_only)}{end}{end}" for value in values]
    return "".join([f": a comment{end}{end}", *lines, f"data: [DONE]{end}{end}"]).encode("utf-8", "surrogatepass")


def decoded(pieces: list[bytes]) -> list[UpstreamEvent] | str:
    decoder = SseDecoder(max_event_bytes=4096)
    found = []
    try:
        for piece in pieces:
            found += decoder.feed(piece)
        decoder.finish()
    except MalformedAnswer as error:
        return str(error)
    return found


@given(st.data(), st.lists(events | junk, max_size=4), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_how_a_stream_is_cut_does_not_matter(data: st.DataObject, values: list[Any], end: str, ascii_only: bool) -> None:
    whole = stream(values, end, ascii_only=ascii_only)
    assert decoded(data.draw(cut(whole))) == decoded([whole])


@given(st.lists(events, max_size=4))
def test_every_text_of_a_stream_arrives(values: list[Any]) -> None:
    found = decoded([stream(values, "\n")])
    assert not isinstance(found, str)
    sent = [choice["delta"].get("content", "") for value in values for choice in value["choices"]]
    assert [chunk.text for event in found for chunk in event.chunks] == sent
    assert found[-1].done


@given(st.binary(max_size=300), st.data())
def test_any_bytes_are_events_or_a_typed_error(garbage: bytes, data: st.DataObject) -> None:
    found = decoded(data.draw(cut(garbage)))
    # Without an end of the answer in them they are never a whole one.
    assert isinstance(found, str) or b"data:" in garbage


@given(junk, st.sampled_from(Operation))
def test_any_json_is_an_answer_or_a_typed_error(value: Any, operation: Operation) -> None:
    try:
        answer = decode_completion(json.dumps(value).encode(), ParsedRequest(operation, "m", stream=False, body={}, texts=[]))
    except MalformedAnswer:
        return
    assert answer.keys() == ({"data", "usage"} if operation is Operation.EMBEDDING else {"choices", "usage"})
    if operation is not Operation.EMBEDDING:
        write_logprobs(answer, operation)
    assert orjson.dumps(answer)


@pytest.mark.parametrize(
    ("vector", "packed", "fine"),
    [
        ("AACAPwAAAEA=", True, True),
        ("AACAPwAAAEA=", False, False),
        ("a text that is no vector", True, False),
        ("abcd", True, False),  # three bytes are no number
        ([1, 0.5], True, True),
        (["1"], False, False),
    ],
)
def test_an_embedding_is_numbers_and_nothing_that_could_be_read(vector: Any, packed: bool, fine: bool) -> None:
    body = {"encoding_format": "base64"} if packed else {}
    request = ParsedRequest(Operation.EMBEDDING, "m", stream=False, body=body, texts=[])
    answer = json.dumps({"data": [{"embedding": vector}]}).encode()
    if fine:
        assert decode_completion(answer, request)["data"][0]["embedding"] == vector
    else:
        with pytest.raises(MalformedAnswer):
            decode_completion(answer, request)


@given(st.lists(st.dictionaries(st.sampled_from(["index", "id", "function", "type"]), junk), max_size=4))
def test_any_tool_calls_are_whole_or_a_typed_error(pieces: list[dict[str, Any]]) -> None:
    assembler = ToolCallAssembler()
    try:
        assembler.feed(pieces)
    except MalformedAnswer:
        return
    for call in assembler.finish():
        assert call.keys() == {"id", "type", "function"}
        call["function"]["name"].encode()


def test_several_prompts_come_as_lists_of_events() -> None:
    """llama.cpp, for a streamed completion of several prompts."""
    first = [{"choices": [{"index": index, "text": word}]} for index, word in enumerate(["one", "two"])]
    found = decoded([stream([first, {"choices": [{"index": 1, "text": "!", "finish_reason": "stop"}]}], "\n")])
    assert not isinstance(found, str)
    assert [(chunk.index, chunk.text) for event in found for chunk in event.chunks] == [(0, "one"), (1, "two"), (1, "!")]


def test_halves_of_a_surrogate_pair_in_two_events_are_one_character() -> None:
    halves = [{"choices": [{"index": 0, "delta": {"content": half}}]} for half in ("a\ud83d", "\ude00b")]
    found = decoded([stream(halves, "\n")])
    assert not isinstance(found, str)
    assert "".join(chunk.text for event in found for chunk in event.chunks) == "a\N{GRINNING FACE}b"


def test_a_stream_that_ends_early_is_an_error() -> None:
    decoder = SseDecoder()
    decoder.feed(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
    with pytest.raises(MalformedAnswer, match="middle"):
        decoder.finish()


def test_a_line_without_end_is_an_error_not_a_buffer() -> None:
    decoder = SseDecoder(max_event_bytes=1000)
    for _ in range(10):
        assert decoder.feed(b"x" * 100) == []
    with pytest.raises(MalformedAnswer, match="too long"):
        decoder.feed(b"x")
