"""A cut ends every choice that has not ended, with words that stand apart from the model's."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway.test_reasoning import guard

from wardstead.gateway.pipeline.answer import AnswerGuard, Cut
from wardstead.gateway.pipeline.relay import Relay
from wardstead.gateway.protocol.types import Chunk

KEY = "-----BEGIN RSA PRIVATE KEY-----"


class Noted:
    """A ``StreamEncoder`` that notes what it is given."""

    content_type = ""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    def chunk(self, chunk: Chunk) -> bytes:
        self.chunks.append(chunk)
        return b""

    def start(self) -> bytes:
        return b""

    def keep_alive(self) -> bytes:
        return b""

    def end(self, *, usage: dict[str, Any] | None, receipt: str) -> bytes:
        return b""

    def said(self, index: int) -> str:
        return "".join(one.text for one in self.chunks if one.index == index)

    def ends(self, index: int) -> list[str]:
        return [one.finish_reason for one in self.chunks if one.index == index and one.finish_reason]


def event(index: int, finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "x", "choices": [choice]}).encode() + b"\n\n"


def call(arguments: str) -> list[dict[str, Any]]:
    return [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]


def relay() -> tuple[Relay, Noted, AnswerGuard]:
    noted, one = Noted(), guard()
    return Relay(noted, one), noted, one


def cut(failure: object) -> Cut:
    assert isinstance(failure, Cut)
    return failure


def test_a_choice_that_is_cut_at_its_very_end_is_told_and_ended_like_the_others() -> None:
    one, noted, _ = relay()
    assert one.take(event(0, content="I call. ") + event(1, content="Fine so far. ") + event(2, content="Done.")).failure is None
    assert one.take(event(2, "stop")).failure is None
    failure = cut(one.take(event(0, "tool_calls", tool_calls=call(json.dumps({"a": KEY})))).failure)
    one.refusal(failure, "Wardstead stopped this answer.")
    assert noted.said(0) == "I call. \n\nWardstead stopped this answer."
    assert noted.said(1) == "Fine so far. \n\nWardstead stopped this answer."
    assert noted.said(2) == "Done."
    assert [noted.ends(index) for index in (0, 1, 2)] == [["content_filter"], ["content_filter"], ["stop"]]


def test_where_nothing_was_said_the_words_stand_alone() -> None:
    one, noted, _ = relay()
    failure = cut(one.take(event(0, "tool_calls", tool_calls=call(KEY))).failure)
    one.refusal(failure, "Wardstead stopped this answer.")
    assert noted.said(0) == "Wardstead stopped this answer."


def test_what_was_closed_before_the_cut_is_sent_where_the_server_ended_no_choice() -> None:
    one, noted, guarded = relay()
    one.take(event(0, content="The end of this is held back: 4111") + event(1, tool_calls=call(json.dumps({"a": KEY}))))
    relayed = one.finish(closed=False)
    one.refusal(cut(relayed.failure), "Wardstead stopped this answer.")
    assert noted.said(0) == guarded.transcript()[0]["text"] == "The end of this is held back: 4111"
    assert noted.ends(0) == ["stop"]
    assert (noted.said(1), noted.ends(1)) == ("Wardstead stopped this answer.", ["content_filter"])
