"""What policy pseudonymises: the model reads stand-ins, its person reads the originals, the record keeps the stand-ins."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from tests.gateway.playbook import ALICE, Playbook, WordInspector, exchange, world

from wardstead.access.ports import Identity
from wardstead.gateway.pipeline.commands import CallModel, CommitIntent, CommitOutcome, ReadBody, ReadModel, Recall, Refresh
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.ollama import OllamaDialect
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.inspection.ports import Flow, Inspection, Pseudonyms
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, label
from wardstead.ledger.ports import Remembered

ORIGINAL = 'NAME1"\\é'
PERSONAL = label("confidential", {"personal"})
DIALECTS = [
    (OpenAIDialect(), "/v1/chat/completions"), (AnthropicDialect(), "/v1/messages"), (OllamaDialect(), "/api/chat"),
]  # fmt: skip


class Names(WordInspector):
    """NAME and what follows it up to a space is pseudonymised, where there are stand-ins."""

    def inspect_all(self, texts: Any, flow: Flow, **more: Any) -> list[Inspection]:
        return [self._replaced(text, more.get("pseudonyms")) for text in texts]

    def _replaced(self, text: str, pseudonyms: Pseudonyms | None) -> Inspection:
        found = [
            Finding("person", one.start(), one.end(), PERSONAL, Action.PSEUDONYMISE) for one in re.finditer(r"NAME\S+", text)
        ]
        if not found:
            return super().inspect(text, Flow("answer"))  # type: ignore[arg-type]

        def stand_in(one: re.Match[str]) -> str:
            return pseudonyms.stand_in("person", one[0], PERSONAL) if pseudonyms is not None else "[redacted:person]"

        return Inspection(re.sub(r"NAME\S+", stand_in, text), tuple(found), PUBLIC, Action.PSEUDONYMISE)


def names(identity: Identity = ALICE) -> World:
    return replace(world(identity=identity), inspector=Names())


def body(text: str = f"write to {ORIGINAL} please", **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more}).encode()


def bounded(dialect: Any) -> dict[str, int]:
    return {"max_tokens": 9} if dialect.name == "anthropic" else {}


def read_by_the_model(play: Playbook) -> tuple[str, str]:
    """What it reads, and the stand-in in it."""
    sent = next(one.body for one in play.seen if isinstance(one, CallModel)).decode()
    found = re.search(r"Person-\w{6}", sent)
    assert found is not None
    return sent, found[0]


def pieces(text: str, size: int = 1) -> list[bytes]:
    """A stream of the model server, cut into so many characters."""
    deltas = [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    events = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events] + [b"data: [DONE]\n\n"]


def said(dialect: Any, sent: bytes) -> str:
    """The text of a streamed answer, as the client of that dialect puts it together."""
    out = ""
    for line in sent.decode().replace("data: ", "").splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        if dialect.name == "openai":
            out += "".join(choice["delta"].get("content") or "" for choice in event["choices"])
        elif dialect.name == "anthropic":
            out += event.get("delta", {}).get("text", "")
        else:
            out += event.get("message", {}).get("content", "")
    return out


@pytest.mark.parametrize(("dialect", "path"), DIALECTS, ids=lambda one: getattr(one, "name", ""))
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_stream_gets_the_original_back_in_every_dialect(dialect: Any, path: str, size: int) -> None:
    now = names()
    play = (
        Playbook(exchange(now=now, dialect=dialect, path=path))
        >> ReadBody
        << body(stream=True, **bounded(dialect))
        >> CommitIntent
    )
    assert b"NAME1" not in play.seen[-1].draft.body  # type: ignore[union-attr]
    play << None >> CallModel
    sent, stand_in = read_by_the_model(play)
    assert "NAME1" not in sent
    play << 200
    for piece in pieces(f"Dear {stand_in.lower()}, {stand_in}'s letter", size):
        play >> ReadModel << piece >> Refresh << now
        play.flush()
    play >> CommitOutcome
    assert json.loads(play.seen[-1].draft.body)["answer"][0]["text"] == f"Dear {stand_in.lower()}, {stand_in}'s letter"  # type: ignore[union-attr]
    play << None
    play.end()
    assert said(dialect, play.sent) == f"Dear {ORIGINAL}, {ORIGINAL}'s letter"
    assert play.header("wardstead-decision") == "allow; pseudonymised=1"


@pytest.mark.parametrize(("dialect", "path"), DIALECTS, ids=lambda one: getattr(one, "name", ""))
def test_a_whole_answer_and_its_tool_calls_get_the_original_back(dialect: Any, path: str) -> None:
    play = (
        Playbook(exchange(now=names(), dialect=dialect, path=path))
        >> ReadBody
        << body(stream=False, **bounded(dialect))
        >> CommitIntent
    )
    play << None
    play >> CallModel
    _, stand_in = read_by_the_model(play)
    call = {"id": "c", "type": "function", "function": {"name": "mail", "arguments": json.dumps({"to": stand_in, stand_in: [1]})}}
    message = {"role": "assistant", "content": f"To {stand_in}:", "tool_calls": [call]}
    answer = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}).encode()
    play << 200 >> ReadModel << answer >> ReadModel << b"" >> CommitOutcome
    assert b"NAME1" not in play.seen[-1].draft.body  # type: ignore[union-attr]
    play << None
    play.end()
    text = play.sent.decode()
    assert stand_in not in text
    assert json.dumps(f"To {ORIGINAL}:", ensure_ascii=False) in text
    found = json.loads(text)
    if dialect.name == "openai":
        arguments = json.loads(found["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
    elif dialect.name == "anthropic":
        arguments = next(block["input"] for block in found["content"] if block["type"] == "tool_use")
    else:
        arguments = found["message"]["tool_calls"][0]["function"]["arguments"]
    assert arguments == {"to": ORIGINAL, ORIGINAL: [1]}


def test_structured_output_stays_json() -> None:
    now = names()
    play = Playbook(exchange(now=now)) >> ReadBody << body(stream=True, response_format={"type": "json_object"}) >> CommitIntent
    play << None >> CallModel
    _, stand_in = read_by_the_model(play)
    play << 200
    for piece in pieces(json.dumps({"to": stand_in}), 4):
        play >> ReadModel << piece >> Refresh << now
        play.flush()
    play >> CommitOutcome << None
    play.end()
    assert json.loads(said(OpenAIDialect(), play.sent)) == {"to": ORIGINAL}


def test_who_is_not_cleared_for_the_original_reads_its_stand_in() -> None:
    low = Identity(replace(ALICE.principal, clearance=PUBLIC), ALICE.credential)
    play = Playbook(exchange(now=names(low))) >> ReadBody << body() >> CommitIntent << None >> CallModel
    _, stand_in = read_by_the_model(play)
    answer = json.dumps({"choices": [{"message": {"content": f"Dear {stand_in}"}, "finish_reason": "stop"}]}).encode()
    play << 200 >> ReadModel << answer >> ReadModel << b"" >> CommitOutcome << None
    play.end()
    assert stand_in in play.sent.decode()
    assert "NAME1" not in play.sent.decode()


def test_the_next_turn_of_a_conversation_and_another_worker_know_the_stand_in() -> None:
    first = Playbook(exchange(now=names(), conversation="c")) >> ReadBody << body() >> Recall << Remembered() >> CommitIntent
    kept = first.seen[-1].passage.vault  # type: ignore[union-attr]
    first << None >> CallModel
    _, stand_in = read_by_the_model(first)
    second = Playbook(exchange(now=names(), conversation="c")) >> ReadBody << body() >> Recall << Remembered(3, vault=kept)
    second >> CommitIntent
    assert second.seen[-1].passage.vault is None, "nothing new"  # type: ignore[union-attr]
    second << None >> CallModel
    assert read_by_the_model(second)[1] == stand_in


def test_without_a_conversation_stand_ins_live_for_one_exchange() -> None:
    seen = set()
    for _ in range(2):
        play = Playbook(exchange(now=names())) >> ReadBody << body() >> CommitIntent
        assert play.seen[-1].passage is None  # type: ignore[union-attr]
        play << None >> CallModel
        seen.add(read_by_the_model(play)[1])
    assert len(seen) == 2


def test_a_history_with_originals_gets_one_stand_in_throughout() -> None:
    turns = [{"role": role, "content": f"about {ORIGINAL} again"} for role in ("user", "assistant", "user")]
    play = Playbook(exchange(now=names())) >> ReadBody << json.dumps({"model": "m", "messages": turns}).encode() >> CommitIntent
    play << None >> CallModel
    sent, stand_in = read_by_the_model(play)
    assert sent.count(stand_in) == 3


def test_an_embedding_is_of_a_redacted_text_the_same_each_time() -> None:
    request = json.dumps({"model": "m", "input": f"about {ORIGINAL}"}).encode()
    play = Playbook(exchange(now=names(), path="/v1/embeddings")) >> ReadBody << request >> CommitIntent << None >> CallModel
    assert b"[redacted:person]" in play.seen[-1].body  # type: ignore[union-attr]


def test_a_cut_stream_ends_with_all_that_was_released() -> None:
    now = names()
    play = Playbook(exchange(now=now)) >> ReadBody << body(stream=True) >> CommitIntent << None >> CallModel
    _, stand_in = read_by_the_model(play)
    play << 200 >> ReadModel << pieces(f"Dear {stand_in[:-2]} FORBIDDEN ", 1000)[0] >> Refresh << now
    play.flush() >> CommitOutcome << None
    play.end()
    assert said(OpenAIDialect(), play.sent).startswith(f"Dear {stand_in[:-2]} ")


def test_reasoning_gets_the_original_back_too() -> None:
    now = names()
    play = Playbook(exchange(now=now)) >> ReadBody << body(stream=True) >> CommitIntent << None >> CallModel
    _, stand_in = read_by_the_model(play)
    play << 200
    for text in (f"I think of {stand_in[:4]}", f"{stand_in[4:]} a lot "):
        event = {"choices": [{"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None}]}
        play >> ReadModel << b"data: " + json.dumps(event).encode() + b"\n\n" >> Refresh << now
        play.flush()
    for piece in pieces("done"):
        play >> ReadModel << piece >> Refresh << now
        play.flush()
    play >> CommitOutcome
    assert json.loads(play.seen[-1].draft.body)["answer"][0]["reasoning"] == f"I think of {stand_in} a lot "  # type: ignore[union-attr]
    play << None
    play.end()
    events = [json.loads(line[6:]) for line in play.sent.decode().splitlines() if line.startswith("data: {")]
    thought = "".join(event["choices"][0]["delta"].get("reasoning_content") or "" for event in events)
    assert thought == f"I think of {ORIGINAL} a lot "
