"""Log-probabilities say no more than the text that was released."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.playbook import Playbook, exchange, world
from tests.gateway.test_exchange import DONE, chat, intended, piece

from wardstead.gateway.pipeline.commands import CallModel, CommitIntent, CommitOutcome, ReadBody, ReadModel, Refresh
from wardstead.gateway.protocol.logprobs import Spelling, Token


def said(*tokens: str) -> dict[str, Any]:
    return {"content": [{"token": one, "logprob": -0.1, "bytes": list(one.encode()), "top_logprobs": []} for one in tokens]}


def event(logprobs: Any, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def sent(body: bytes, *pieces: bytes, path: str = "/v1/chat/completions") -> bytes:
    now = world()
    play = Playbook(exchange(now=now, path=path)) >> ReadBody << body >> CommitIntent << None >> CallModel << 200
    for one in pieces:
        play >> ReadModel << one >> Refresh << now
        play.flush()
    return play.sent


def cuts(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *[one % (len(data) + 1) for one in at]})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(st.text(max_size=30), st.lists(st.integers(0, 200), max_size=9), st.lists(st.integers(0, 200), max_size=9))
def test_tokens_follow_the_text_however_both_are_cut(text: str, tokens_at: list[int], released_at: list[int]) -> None:
    data = text.encode()
    spelling, released, taken = Spelling(), b"", []
    spelling.add([Token(one, -1.0) for one in cuts(data, tokens_at)])
    for one in cuts(data, released_at):
        released += one
        taken += spelling.take(released)
        assert released.startswith(b"".join(token.data for token in taken))
    assert b"".join(token.data for token in taken) == data


@given(st.lists(st.binary(max_size=3), max_size=6), st.lists(st.binary(max_size=3), max_size=6))
def test_no_token_says_more_than_the_text(tokens: list[bytes], released: list[bytes]) -> None:
    spelling, whole, taken = Spelling(), b"", b""
    spelling.add([Token(one, None) for one in tokens])
    for one in released:
        whole += one
        taken += b"".join(token.data for token in spelling.take(whole))
        assert whole.startswith(taken)


@pytest.mark.parametrize(
    ("more", "one"),
    [
        ({"response_format": {"type": "json_object"}}, event(said('{"a": "FORBIDDEN"'), content='{"a": "FORBIDDEN"')),
        ({}, event(said("FORBIDDEN"), tool_calls=[{"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}])),
        ({}, event(said("FORBIDDEN"), reasoning_content="hm ")),
        ({}, event(said("FORBIDDEN"), content="hi ")),
        ({}, event({**said("hi "), "more": "FORBIDDEN"}, content="hi ")),
        ({}, event({"content": [{"token": "FORBIDDEN", "bytes": list(b"hi "), "logprob": 0}]}, content="hi ")),
        (
            {"top_logprobs": 1},
            event(
                {"content": [{"token": "hi ", "logprob": 0, "top_logprobs": [{"token": "FORBIDDEN", "logprob": -9}]}]},
                content="hi ",
            ),
        ),
    ],
)
def test_nothing_reaches_a_client_as_a_log_probability_alone(more: dict[str, Any], one: bytes) -> None:
    body = chat(stream=True, logprobs=True, **more)
    assert b"FORBIDDEN" not in sent(body, one)


def test_honest_log_probabilities_arrive_in_a_stream() -> None:
    given_ = [event(said("one", " "), content="one "), event(said("two "), content="two ")]
    events = [json.loads(line[6:]) for line in sent(chat(stream=True, logprobs=True), *given_).split(b"\n\n") if line]
    tokens = [entry["token"] for one in events for entry in (one["choices"][0]["logprobs"] or {}).get("content", [])]
    assert tokens == ["one", " ", "two "]


def test_completions_have_their_own_form() -> None:
    body = json.dumps({"model": "m", "prompt": "x", "stream": True, "logprobs": 1}).encode()
    legacy = {"tokens": ["hé", " "], "token_logprobs": [-0.5, -1], "top_logprobs": [{"hé": -0.5}, None], "text_offset": [0, 2]}
    one = {"choices": [{"index": 0, "text": "hé ", "logprobs": legacy}]}
    out = sent(body, b"data: " + json.dumps(one).encode() + b"\n\n", path="/v1/completions")
    assert json.loads(out[6:])["choices"][0]["logprobs"] == {**legacy, "top_logprobs": [{"hé": -0.5}, {}]}


@pytest.mark.parametrize("wrong", [5, [5], [{"token": 5}], [{"token": "x", "bytes": [999]}], [{"token": "x", "logprob": "y"}]])
def test_log_probabilities_of_the_wrong_shape_are_the_model_servers_fault(wrong: Any) -> None:
    play = (
        intended(chat(stream=True, logprobs=True))
        >> CallModel
        << 200
        >> ReadModel
        << event({"content": wrong}, content="hi ") + DONE
    )
    play >> Refresh << world()
    play.flush() >> CommitOutcome
    assert play.exchange.outcome == "upstream_failed"


def test_a_tool_calls_id_carries_no_text() -> None:
    call = {"index": 0, "id": "FORBIDDEN text", "function": {"name": "f", "arguments": "{}"}}
    out = sent(chat(stream=True), piece(tool_calls=[call]), piece(finish="tool_calls"))
    assert b'"id":"call_0"' in out
    assert b"FORBIDDEN" not in out
