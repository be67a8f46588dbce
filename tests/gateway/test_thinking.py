"""What a model thinks is told to clients that asked for it, in the form of their dialect, and to no others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.gateway.playbook import LIMITS

from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.ollama import OllamaDialect
from wardstead.gateway.protocol.types import AnswerContext, Chunk, Dialect, FieldPolicy, UnknownFields

ASKED = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Why?"}]}
OLLAMA = {"model": "m", "messages": ASKED["messages"]}
COMPLETION = {
    "choices": [{"message": {"role": "assistant", "content": "So.", "reasoning_content": "Hm. Well."}, "finish_reason": "stop"}]
}
CHUNKS = (Chunk(reasoning="Hm. "), Chunk(text="So"), Chunk(reasoning="Well."), Chunk(text="."), Chunk(finish_reason="stop"))
"""The last word of a thought waits until it is known to be none of a secret's."""


def context(dialect: Dialect, path: str, body: dict[str, Any]) -> AnswerContext:
    request = dialect.parse(path, json.dumps(body).encode(), limits=LIMITS, fields=FieldPolicy(UnknownFields.REJECT))
    return AnswerContext(request, "r", 0, "m")


def streamed(dialect: Dialect, asked: AnswerContext) -> bytes:
    stream = dialect.stream(asked)
    said = stream.start() + b"".join(stream.chunk(one) for one in CHUNKS)
    return said + stream.end(usage=None, receipt="r")


@pytest.mark.parametrize("thinking", [{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}])
def test_in_anthropics_dialect_thoughts_are_a_block_of_their_own(thinking: dict[str, Any]) -> None:
    dialect = AnthropicDialect()
    asked = context(dialect, "/v1/messages", {**ASKED, "thinking": thinking})
    assert "thinking was not forwarded" in asked.request.warnings
    thought, text = json.loads(dialect.answer(COMPLETION, asked))["content"]
    assert (thought["type"], thought["thinking"], text["text"]) == ("thinking", "Hm. Well.", "So.")
    events = [json.loads(line[6:]) for line in streamed(dialect, asked).decode().splitlines() if line.startswith("data: ")]
    blocks = [(one["type"], one.get("index"), one.get("delta", {}).get("type", "")) for one in events if "content" in one["type"]]
    assert blocks == [
        ("content_block_start", 0, ""), ("content_block_delta", 0, "thinking_delta"),
        ("content_block_start", 1, ""), ("content_block_delta", 1, "text_delta"),
        ("content_block_delta", 0, "thinking_delta"), ("content_block_delta", 1, "text_delta"),
        ("content_block_stop", 0, ""), ("content_block_stop", 1, ""),
    ]  # fmt: skip
    assert "".join(one["delta"].get("thinking", "") for one in events if "delta" in one) == "Hm. Well."


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
@pytest.mark.parametrize("think", [True, "high"])
def test_in_ollamas_dialect_thoughts_are_a_field(path: str, think: object) -> None:
    dialect = OllamaDialect()
    body = OLLAMA if path == "/api/chat" else {"model": "m", "prompt": "Why?"}
    asked = context(dialect, path, {**body, "think": think})
    assert "think was not forwarded" in asked.request.warnings
    lines = [json.loads(dialect.answer(COMPLETION, asked))], [json.loads(one) for one in streamed(dialect, asked).splitlines()]
    for said in lines:
        told = [one.get("message", one) for one in said]
        assert "".join(one.get("thinking", "") for one in told) == "Hm. Well."
        assert "".join(one.get("content", one.get("response", "")) for one in told) == "So."


@pytest.mark.parametrize("thinking", [{}, {"thinking": {"type": "disabled"}}])
def test_who_did_not_ask_is_told_no_thoughts(thinking: dict[str, Any]) -> None:
    for dialect, path, body in (
        (AnthropicDialect(), "/v1/messages", {**ASKED, **thinking}),
        (OllamaDialect(), "/api/chat", {**OLLAMA, "think": False} if thinking else OLLAMA),
    ):
        asked = context(dialect, path, body)
        assert asked.request.warnings == ()
        assert b"Hm." not in dialect.answer(COMPLETION, asked) + streamed(dialect, asked)
