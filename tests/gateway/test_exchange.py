"""The life of an exchange, as transcripts: what is asked of the shell, in which order, and what the client sees."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import pytest
from tests.gateway.playbook import ALICE, CONFIDENTIAL, NOW, Playbook, Unauthenticated, WordInspector, exchange, world

from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Decision, Identity, Principal
from wardstead.crypto.mentions import SPAN_KIND
from wardstead.gateway.pipeline import steps
from wardstead.gateway.pipeline.answer import Cut, blocked
from wardstead.gateway.pipeline.commands import (
    Abort,
    Body,
    CallModel,
    ClientGone,
    CommitIntent,
    CommitOutcome,
    Compute,
    FindRelease,
    ReadBody,
    ReadModel,
    Recall,
    Refresh,
    Start,
)
from wardstead.gateway.pipeline.life import TRANSITIONS, State
from wardstead.gateway.pipeline.question import LARGE_BYTES
from wardstead.gateway.pipeline.refusals import refusal_text
from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.ollama import OllamaDialect
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.inspection.content.planted import Planter
from wardstead.inspection.ports import Flow, Inspection, Keeping, TakesLong
from wardstead.kernel.clock import DAY_MS, day_of
from wardstead.kernel.errors import BackendError, CallerError, PeerError
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.ids import CredentialId, PrincipalId
from wardstead.kernel.labels import PUBLIC, Label
from wardstead.ledger.ports import Refusal, Remembered


def chat(text: str = "hello", **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more}).encode()


def completion(text: str, **message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return json.dumps(
        {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    ).encode()


def piece(text: str | None = None, finish: str | None = None, **delta: Any) -> bytes:
    content = {"content": text} if text is not None else {}
    choice = {"index": 0, "delta": {**content, **delta}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def intended(body: bytes, **kwargs: Any) -> Playbook:
    return Playbook(exchange(**kwargs)) >> ReadBody << body >> CommitIntent << None


def content(command: Any) -> dict[str, Any]:
    return json.loads(command.draft.body)


def test_a_plain_exchange_is_recorded_before_and_after() -> None:
    play = intended(chat()) >> CallModel << 200 >> ReadModel << completion("hi there") >> ReadModel << b""
    play >> CommitOutcome
    assert not play.sent
    play << None >> Start >> Body
    play.end()
    assert json.loads(play.sent)["choices"][0]["message"]["content"] == "hi there"
    assert play.header("wardstead-receipt") == "receipt-1"
    assert play.header("wardstead-decision") == "allow"
    assert play.header("wardstead-label") == "public"


def test_no_answer_byte_leaves_before_the_intent_is_durable() -> None:
    play = Playbook(exchange()) >> ReadBody << chat() >> CommitIntent
    assert play.started is None
    play << Refusal.FULL >> Start >> Body
    play.end()
    assert play.started is not None
    assert play.started.status == 503
    assert not any(isinstance(command, CallModel) for command in play.seen)


def test_an_answer_whose_outcome_cannot_be_recorded_is_not_given() -> None:
    play = intended(chat()) >> CallModel << 200 >> ReadModel << completion("precious") >> ReadModel << b"" >> CommitOutcome
    play << Refusal.FULL >> Start >> Body
    play.end()
    assert play.started is not None
    assert play.started.status == 503
    assert b"precious" not in play.sent


def test_a_stream_whose_outcome_cannot_be_recorded_is_broken_off() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("hi ") >> Refresh << world()
    play.flush() >> ReadModel << piece(finish="stop") + DONE >> Refresh << world()
    play.flush() >> CommitOutcome << Refusal.FAILED >> Abort
    assert not play.complete
    assert b"[DONE]" not in play.sent


def test_a_stale_intent_is_decided_again_with_the_new_world() -> None:
    play = Playbook(exchange()) >> ReadBody << chat() >> CommitIntent << Refusal.STALE >> Refresh << world(version=2, deny=True)
    play >> CommitIntent
    assert content(play.seen[-1])["decision"]["verdict"] == "deny"
    play << None >> CommitOutcome << None
    play.end()
    assert play.started is not None
    assert play.started.status == 403


def test_a_stranger_is_told_so_before_the_body_is_read() -> None:
    play = Playbook(exchange(secret="wrong", now=(now := world()))) >> Refresh << now >> Start >> Body
    play.end()
    assert play.started is not None
    assert play.started.status == 401
    assert not any(isinstance(command, ReadBody) for command in play.seen)


def test_a_credential_younger_than_the_snapshot_is_known_after_a_look() -> None:
    play = Playbook(exchange(secret="new")) >> Refresh << dataclasses.replace(world(version=2), authenticate=lambda *_: ALICE)
    play >> ReadBody << chat() >> CommitIntent


def test_a_denial_is_recorded_and_names_the_reason() -> None:
    play = intended(chat(), now=world(deny=True)) >> CommitOutcome << None
    play.end()
    assert play.started is not None
    assert play.started.status == 403
    assert "No policy lets you do this." in play.sent.decode()
    assert play.header("wardstead-decision").startswith("deny")
    assert not any(isinstance(command, CallModel) for command in play.seen)


def test_what_policy_redacts_reaches_neither_the_model_nor_the_ledger() -> None:
    play = Playbook(exchange()) >> ReadBody << chat("my SECRET") >> CommitIntent
    assert b"my SECRET" not in play.seen[-1].draft.body  # type: ignore[union-attr]
    play << None >> CallModel
    assert b"my [redacted:secret]" in play.seen[-1].body  # type: ignore[union-attr]
    play << 200 >> ReadModel << completion("ok") >> ReadModel << b"" >> CommitOutcome << None
    play.end()
    assert play.header("wardstead-decision") == "allow; redacted=1"


class Slow(WordInspector):
    """Takes long for everything."""

    def is_slow(self, flow: Flow) -> bool:
        return True

    def inspect_all(self, texts: Any, flow: Flow, *, patient: bool = True, **_: Any) -> list[Inspection]:
        if not patient:
            raise TakesLong
        return super().inspect_all(texts, flow)


def test_what_takes_long_is_inspected_in_a_thread_whatever_its_size() -> None:
    play = Playbook(exchange(now=dataclasses.replace(world(), inspector=Slow()))) >> ReadBody << chat("SECRET", stream=True)
    play.compute() >> CommitIntent << None >> CallModel << 200
    for text in ("so ", "SECRET it "):
        play = play >> ReadModel << piece(text) >> Refresh << play.exchange.world
        play.compute().flush()
    play = play >> ReadModel << piece(finish="stop") + DONE >> Refresh << play.exchange.world
    play.compute().flush()
    play.compute() >> CommitOutcome << None
    assert b"SECRET" not in play.end().sent
    assert b"[redacted:secret]" in play.sent


class Forgetful(WordInspector):
    """Keeps nothing of what is personal but for thirty days that it was."""

    def keeping(self, label: Label) -> Keeping:
        return Keeping(30, content=not label.compartments)


@pytest.mark.parametrize(("text", "kept"), [("hello", True), ("PERSONAL", False)])
def test_policy_says_whether_what_was_said_is_kept(text: str, kept: bool) -> None:
    play = Playbook(exchange(now=dataclasses.replace(world(), inspector=Forgetful()))) >> ReadBody << chat(text)
    intent = json.loads(committed(play, CommitIntent).body)
    play >> CommitIntent << None >> CallModel << 200 >> ReadModel << completion("hi there") >> ReadModel << b""
    outcome = json.loads(committed(play, CommitOutcome).body)
    for document, said in ((intent, "request"), (outcome, "answer")):
        assert (document[said] is not None) == kept
        assert document["retention_days"] == 30
    assert len(intent["findings"]) == (not kept)


def test_what_is_kept_for_some_days_is_sealed_under_the_key_of_the_last_one() -> None:
    play = Playbook(exchange(now=dataclasses.replace(world(), inspector=Forgetful()))) >> ReadBody << chat("hello")
    last = (SPAN_KIND, day_of(NOW + 30 * DAY_MS))
    assert committed(play, CommitIntent).mentions == (last,)
    play >> CommitIntent << None >> CallModel << 200 >> ReadModel << completion("hi there") >> ReadModel << b""
    assert committed(play, CommitOutcome).mentions == (last,)


def test_a_blocked_prompt_gets_a_refusal_with_content_filter_and_no_model_call() -> None:
    play = intended(chat("FORBIDDEN")) >> CommitOutcome << None
    play.end()
    answer = json.loads(play.sent)
    assert play.started is not None
    assert play.started.status == 200
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert "forbidden" in answer["choices"][0]["message"]["content"]
    assert play.header("wardstead-decision").startswith("block")
    assert not any(isinstance(command, CallModel) for command in play.seen)
    assert b"FORBIDDEN" not in b"".join(c.draft.body for c in play.seen if isinstance(c, CommitIntent | CommitOutcome))


def test_a_blocked_answer_is_replaced_by_a_refusal() -> None:
    play = intended(chat()) >> CallModel << 200 >> ReadModel << completion("this is FORBIDDEN") >> ReadModel << b""
    play >> CommitOutcome << None
    play.end()
    assert b"this is" not in play.sent
    assert json.loads(play.sent)["choices"][0]["finish_reason"] == "content_filter"


def test_a_stream_is_cut_at_what_is_forbidden_and_ends_normally() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("so far so good ") >> Refresh << world()
    play.flush() >> ReadModel << piece("FORBID") >> Refresh << world()
    play.flush() >> ReadModel << piece("DEN fruit") + piece(" eaten") + piece(finish="stop") + DONE >> Refresh << world()
    play.flush() >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "cut"
    play << None
    play.end()
    text = play.sent.decode()
    assert "so far so good" in text
    assert "FORBID" not in text
    assert "fruit" not in text
    assert '"content_filter"' in text
    assert "receipt-1" in text
    assert text.rstrip().endswith("data: [DONE]")


def test_the_stream_s_end_follows_the_durable_outcome() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("hi ") + piece(finish="stop") + DONE
    play >> Refresh << world()
    play.flush() >> CommitOutcome
    assert b"[DONE]" not in play.sent
    play << None
    play.end()
    assert play.sent.rstrip().endswith(b"[DONE]")
    assert play.complete


def test_a_silent_stream_gets_keep_alives_not_text() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("held") >> Refresh << world()
    play.flush() >> ReadModel << None
    play.flush() >> ReadModel
    assert b"held" not in play.sent
    assert play.started is not None


def test_a_client_that_leaves_is_recorded_with_what_it_got() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("hi you ") >> Refresh << world()
    play.flush() >> ReadModel << ClientGone() >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "client_gone"
    assert content(play.seen[-1])["answer"][0]["text"] == "hi you "
    play << None
    play.end()


def test_a_model_server_that_fails_before_the_answer_is_a_typed_error() -> None:
    play = intended(chat()) >> CallModel << PeerError("it broke") >> CommitOutcome << None
    play.end()
    assert play.started is not None
    assert play.started.status in {502, 503, 504}
    assert json.loads(play.sent)["error"]["message"]


def test_a_model_server_that_fails_in_the_middle_breaks_the_stream_off() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("hi ") >> Refresh << world()
    play.flush() >> ReadModel << PeerError("it broke") >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "upstream_failed"
    play << None
    play.flush() >> Abort
    assert b"[DONE]" not in play.sent


@pytest.mark.parametrize("garbage", [b"data: {nonsense\n\n", b"\xff\xfe\xfd\n\n", b"x" * 3_000_000])
def test_garbage_in_a_stream_is_recorded_and_breaks_it_off(garbage: bytes) -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("hi ") >> Refresh << world()
    play.flush() >> ReadModel << garbage >> Refresh << world()
    play.flush()
    if play.exchange.outcome == "":
        play >> ReadModel << b""
    play.flush() >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "upstream_failed"


def test_a_stream_that_closes_early_is_not_taken_for_a_whole_answer() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("hi ") >> Refresh << world()
    play.flush() >> ReadModel << b"" >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "upstream_failed"


def test_an_answer_above_the_reader_s_clearance_is_cut() -> None:
    low = Identity(
        Principal(PrincipalId("bob"), "bob", frozenset({"user"}), subject="subject-2"),
        Credential(CredentialId("key-2"), CredentialKind.API_KEY, b"", PrincipalId("bob")),
    )
    now = world(identity=low)
    play = intended(chat(stream=True), now=now) >> CallModel << 200 >> ReadModel << piece("it is ") >> Refresh << now
    play.flush() >> ReadModel << piece("PERSONAL data ") >> Refresh << now
    play.flush() >> CommitOutcome
    assert content(play.seen[-1])["reason"] == "access.clearance"
    play << None
    play.end()
    assert b"PERSONAL" not in play.sent


def test_a_revoked_person_s_stream_is_cut() -> None:
    def gone(*_: object) -> Identity:
        raise Unauthenticated("no more")

    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("one two ") >> Refresh << world()
    play.flush() >> ReadModel << piece("three ") >> Refresh << dataclasses.replace(world(version=2), authenticate=gone)
    play.flush() >> CommitOutcome
    assert content(play.seen[-1])["reason"] == "access.revoked"
    assert b"three" not in play.sent


def test_tool_calls_are_inspected_whole_and_escapes_hide_nothing() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "mail", "arguments": '{"to": "\\u0053EC'}}
    more = {"index": 0, "function": {"arguments": 'RET"}'}}
    play = intended(chat(stream=True, tools=[{"type": "function", "function": {"name": "mail", "parameters": {}}}]))
    play >> CallModel << 200 >> ReadModel << piece(tool_calls=[call]) + piece(tool_calls=[more]) >> Refresh << world()
    play.flush() >> ReadModel << piece(finish="tool_calls") + DONE >> Refresh << world()
    play.flush() >> CommitOutcome << None
    play.end()
    assert b"[redacted:secret]" in play.sent
    assert b"SECRET" not in play.sent


def test_arguments_that_break_off_are_refused_by_the_name_of_what_their_escapes_hide() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "mail", "arguments": '{"to": "\\u0053ECRET'}}
    play = intended(chat(stream=True, tools=[{"type": "function", "function": {"name": "mail", "parameters": {}}}]))
    play >> CallModel << 200 >> ReadModel << piece(tool_calls=[call]) + piece(finish="length") + DONE >> Refresh << world()
    play.flush() >> CommitOutcome << None
    play.end()
    assert b"it contains secret" in play.sent
    assert b"SECRET" not in play.sent
    assert b"u0053ECRET" not in play.sent


def test_logprobs_are_dropped_where_something_was_redacted() -> None:
    body = json.loads(completion("a SECRET"))
    body["choices"][0]["logprobs"] = {"content": [{"token": "SECRET", "logprob": -1.0, "top_logprobs": []}]}
    play = intended(chat(logprobs=True)) >> CallModel << 200 >> ReadModel << json.dumps(body).encode() >> ReadModel << b""
    play >> CommitOutcome << None
    play.end()
    assert b"SECRET" not in play.sent


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_leaves_at_the_very_end_has_one_outcome(stream: bool) -> None:
    play = intended(chat(stream=stream)) >> CallModel << 200
    if stream:
        play >> ReadModel << piece("hi", finish="stop") + DONE >> Refresh << world()
        play.flush() >> CommitOutcome << None
    else:
        play >> ReadModel << completion("hi") >> ReadModel << b"" >> CommitOutcome << None >> Start
    play.leave().end()
    assert play.exchange.state is State.ABORTED
    assert [content(one)["outcome"] for one in play.seen if isinstance(one, CommitOutcome)] == ["completed"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": "nope", "messages": []}', b"\x00", b'{"model":"m","model":"m"}'])
def test_a_bad_request_is_refused_in_the_dialect_s_form_and_not_recorded(body: bytes) -> None:
    play = Playbook(exchange()) >> ReadBody << body >> Start >> Body
    play.end()
    assert play.started is not None
    assert 400 <= play.started.status < 500
    assert json.loads(play.sent)["error"]["message"]


@pytest.mark.parametrize(("register", "refused"), [(frozenset({"support"}), True), (frozenset({"care"}), False), (None, False)])
def test_a_purpose_that_is_not_in_the_register_is_refused(register: frozenset[str] | None, refused: bool) -> None:
    now = dataclasses.replace(world(), purposes=register)
    book = Playbook(exchange(now=now, purpose="care")) >> ReadBody << chat()
    if not refused:
        book >> CommitIntent
        return
    book >> Start >> Body
    book.end()
    assert book.started is not None
    assert book.started.status == 400
    assert b"unknown_purpose" in book.sent
    assert b"support" in book.sent


def test_who_asks_comes_with_the_address_that_they_ask_from() -> None:
    asked: list[AccessRequest] = []

    class Noting:
        version = "noting"

        def decide(self, request: AccessRequest) -> Decision:
            asked.append(request)
            return Decision(allow=True, policies=(), reason="", code="allow")

    now = dataclasses.replace(world(), decisions=Noting())
    made = exchange(now=now)
    made.incoming = msgspec.structs.replace(made.incoming, address="192.0.2.7")
    Playbook(made) >> ReadBody << chat() >> CommitIntent
    assert [one.identity.address for one in asked] == ["192.0.2.7"]


def test_every_state_is_reachable_and_only_the_ends_are_ends() -> None:
    reached = {State.RECEIVED} | {after for afters in TRANSITIONS.values() for after in afters}
    assert reached == set(State)
    assert {state for state, afters in TRANSITIONS.items() if not afters} == {State.DONE, State.REFUSED, State.ABORTED}


def test_a_large_request_is_parsed_and_inspected_where_it_holds_up_nobody() -> None:
    text = "SECRET " * LARGE_BYTES
    book = Playbook(exchange()) >> ReadBody << chat(text)
    book >> Compute
    parsed = book.seen[-1].work()
    assert parsed.request.texts == [text]
    book << parsed >> Recall << Remembered() >> Compute
    book << book.seen[-1].work() >> CommitIntent
    assert b"SECRET" not in book.seen[-1].draft.body


def test_a_large_request_that_is_malformed_is_refused_all_the_same() -> None:
    book = Playbook(exchange()) >> ReadBody << b"{" * (LARGE_BYTES + 1) >> Compute
    with pytest.raises(CallerError) as refused:
        book.seen[-1].work()
    book << refused.value >> Start
    assert book.started is not None
    assert book.started.status == 400


@pytest.mark.parametrize(("word", "said"), [("SECRET", "completed"), ("FORBIDDEN", "blocked")])
def test_a_large_answer_is_inspected_where_it_holds_up_nobody(word: str, said: str) -> None:
    book = intended(chat()) >> CallModel << 200 >> ReadModel << completion(word + " fine" * LARGE_BYTES) >> ReadModel << b""
    book >> Compute
    try:
        taken = book.seen[-1].work()
    except Cut as cut:
        taken = cut
    book << taken >> CommitOutcome
    assert content(book.seen[-1])["outcome"] == said
    book << None
    book.end()
    assert word.encode() not in book.sent


TOOL_CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGES = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


ODD_ARGUMENTS = ['{"account": 123456789012345678901}', "[" * 100_000, '{"a": NaN}', '{"a": 1, "a": 2}', "\ud800"]


@pytest.mark.parametrize("arguments", ODD_ARGUMENTS, ids=["large", "deep", "nan", "twice", "half"])
@pytest.mark.parametrize("dialect", [OpenAIDialect(), AnthropicDialect(), OllamaDialect()], ids=lambda one: one.name)
def test_any_tool_arguments_are_answered_in_every_dialect(arguments: str, dialect: Any) -> None:
    path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}[dialect.name]
    call = {**TOOL_CALL, "function": {"name": "f", "arguments": arguments}}
    choice = {"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    answer = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 10**30}}).encode()
    body = json.dumps({**MESSAGES, "stream": False, **({} if dialect.name == "ollama" else {"max_tokens": 5})}).encode()
    play = Playbook(exchange(dialect=dialect, path=path)) >> ReadBody << body >> CommitIntent << None >> CallModel << 200
    play >> ReadModel << answer >> ReadModel << b""
    if len(answer) > LARGE_BYTES:
        play >> Compute
        play << play.seen[-1].work()
    play >> CommitOutcome << None
    play.end()
    assert play.exchange.outcome == "completed"
    assert json.loads(play.sent)


def test_of_two_keys_that_become_one_nothing_is_lost() -> None:
    call = {**TOOL_CALL, "function": {"name": "f", "arguments": '{"SECRET": "one", "x": {"SECRET": 1, "[redacted:secret]": 2}}'}}
    answer = json.dumps(
        {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    ).encode()
    play = intended(chat()) >> CallModel << 200 >> ReadModel << answer >> ReadModel << b"" >> CommitOutcome << None
    play.end()
    arguments = json.loads(json.loads(play.sent)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
    assert sorted(arguments["x"].values()) == [1, 2]
    assert b"SECRET" not in play.sent


@pytest.mark.parametrize("started", [False, True])
def test_what_nobody_foresaw_has_an_outcome_and_is_never_taken_for_an_answer(started: bool) -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel
    if started:
        play << piece("hi ") >> Refresh << world()
        play.flush() >> ReadModel
    play << ZeroDivisionError("private text") >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "failed"
    assert b"private" not in play.seen[-1].draft.body
    play << None
    play >> Abort if started else play >> (lambda command: command.status == 500)
    assert b"private" not in play.sent
    assert b"[DONE]" not in play.sent
    assert isinstance(play.exchange.defect, ZeroDivisionError)


def test_whoever_leaves_while_an_error_is_told_leaves_nothing_undone() -> None:
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("hi ") >> Refresh << world()
    play.flush() >> ReadModel << PeerError("down") >> CommitOutcome << None
    play.leave().end()
    assert play.exchange.state is State.ABORTED
    play = Playbook(exchange()) >> ReadBody << b"{" >> Start
    play.leave().end()
    assert play.exchange.state is State.REFUSED


def test_a_stream_ends_when_its_key_expires() -> None:
    moment = [NOW]

    def authenticate(directory: Any, secret: str, csrf: str | None, now_ms: int) -> Identity:
        if now_ms > NOW + 1000:
            raise Unauthenticated("expired")
        return Identity(ALICE.principal, dataclasses.replace(ALICE.credential, expires_ms=NOW + 1000))

    now = dataclasses.replace(world(), authenticate=authenticate)
    made = exchange(now=now)
    made._clock = lambda: moment[0]
    play = Playbook(made) >> ReadBody << chat(stream=True) >> CommitIntent << None >> CallModel << 200
    play >> ReadModel << piece("one ") >> Refresh << now
    play.flush()
    moment[0] = NOW + 2000
    play >> ReadModel << piece("two ") >> Refresh << now
    play.flush() >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "cut"
    assert b"two" not in play.sent


def test_a_request_that_is_held_waits_for_its_reviewer_and_reaches_no_model() -> None:
    play = Playbook(exchange()) >> ReadBody << chat("a DOUBTFUL SECRET") >> FindRelease << "" >> CommitIntent
    said = content(play.seen[-1])
    assert said["decision"]["verdict"] == "hold"
    assert said["request"] is None
    assert said["held"]["messages"][0]["content"] == "a DOUBTFUL SECRET"
    play << None >> CommitOutcome
    assert content(play.seen[-1])["outcome"] == "held"
    play << None
    play.end()
    answer = json.loads(play.sent)["choices"][0]
    assert play.started is not None
    assert play.started.status == 200
    assert play.header("wardstead-decision") == "hold"
    assert answer["finish_reason"] == "content_filter"
    assert "for review" in answer["message"]["content"]
    assert "receipt-1" in answer["message"]["content"]
    assert not any(isinstance(command, CallModel) for command in play.seen)


def test_what_blocks_is_not_kept_though_something_else_would_be_held() -> None:
    play = Playbook(exchange()) >> ReadBody << chat("FORBIDDEN DOUBTFUL") >> CommitIntent
    said = content(play.seen[-1])
    assert said["decision"]["verdict"] == "block"
    assert "held" not in said


def test_an_answer_that_is_held_is_kept_for_its_reviewer() -> None:
    play = intended(chat()) >> CallModel << 200 >> ReadModel << completion("this is DOUBTFUL") >> ReadModel << b""
    play >> CommitOutcome
    said = content(play.seen[-1])
    assert said["outcome"] == "held"
    assert said["held"][0]["message"]["content"] == "this is DOUBTFUL"
    play << None
    play.end()
    assert b"this is" not in play.sent
    assert b"for review" in play.sent


def held_stream() -> Playbook:
    """A stream up to the piece on whose account it is held, and the notice."""
    play = intended(chat(stream=True)) >> CallModel << 200 >> ReadModel << piece("so far ") >> Refresh << world()
    play.flush() >> ReadModel << piece("it is DOUBTFUL indeed ") + piece("it ") >> Refresh << world()
    play.flush()
    assert b"for review" in play.sent
    return play


def test_a_stream_that_is_held_is_kept_to_its_end_for_its_reviewer() -> None:
    play = held_stream() >> ReadModel << None
    play.flush() >> ReadModel << piece("is PERSONAL ") >> ReadModel << piece(finish="stop") + DONE
    play >> CommitOutcome
    said = content(play.seen[-1])
    assert said["outcome"] == "held"
    assert said["held"][0]["text"] == "so far it is DOUBTFUL indeed it is PERSONAL "
    # What stands behind the place where it was held labels the record, and is no part of what was given.
    assert play.seen[-1].draft.label == CONFIDENTIAL
    play << None
    play.end()
    assert b"DOUBTFUL" not in play.sent
    assert b"PERSONAL" not in play.sent
    assert b"[DONE]" in play.sent


@pytest.mark.parametrize("end", [ClientGone(), PeerError("broken off"), b""])
def test_a_held_stream_waits_for_review_however_it_ends(end: Any) -> None:
    play = held_stream() >> ReadModel << end
    play >> CommitOutcome
    said = content(play.seen[-1])
    assert (said["outcome"], said["held"][0]["text"]) == ("held", "so far it is DOUBTFUL indeed it ")


def test_a_released_request_passes_once_and_all_else_in_it_is_as_policy_says() -> None:
    play = Playbook(exchange()) >> ReadBody << chat("a DOUBTFUL SECRET") >> FindRelease << "receipt-0" >> CommitIntent
    intent = play.seen[-1]
    assert isinstance(intent, CommitIntent)
    assert intent.passage is not None
    assert intent.passage.release == "receipt-0"
    said = content(intent)
    assert (said["decision"]["verdict"], said["released"]) == ("allow", "receipt-0")
    assert said["request"]["messages"][0]["content"] == "a DOUBTFUL [redacted:secret]"
    assert "held" not in said
    play << None >> CallModel


def test_a_release_that_somebody_else_used_up_meanwhile_is_none() -> None:
    play = Playbook(exchange()) >> ReadBody << chat("a DOUBTFUL text") >> FindRelease << "receipt-0" >> CommitIntent
    play << Refusal.STALE >> Refresh << world() >> FindRelease << "" >> CommitIntent
    assert content(play.seen[-1])["decision"]["verdict"] == "hold"


def test_a_release_is_found_for_the_same_content_alone() -> None:
    def digest(body: bytes, **context: Any) -> bytes:
        play = Playbook(exchange(**context)) >> ReadBody << body
        if context:
            play >> Recall << Remembered()
        play >> FindRelease
        found = play.seen[-1]
        assert isinstance(found, FindRelease)
        assert found.owner == "subject-1"
        return found.digest

    same = digest(chat("DOUBTFUL"))
    assert digest(chat("DOUBTFUL", stream=True)) == same
    assert digest(chat("DOUBTFUL"), conversation="other") == same
    assert digest(chat("DOUBTFUL ")) != same
    assert digest(chat("DOUBTFUL", temperature=0.5)) != same
    assert digest(turns("DOUBTFUL", "ok", "DOUBTFUL")) != same


TOLD = "You are the assistant of a bakery. Its recipes stay secret: rye with honey, spelt with walnuts, oats with figs."
PATHS: dict[Any, str] = {OpenAIDialect: "/v1/chat/completions", AnthropicDialect: "/v1/messages", OllamaDialect: "/api/chat"}


@pytest.mark.parametrize("dialect", PATHS)
def test_a_canary_goes_to_the_model_at_the_end_of_its_instructions(dialect: Any) -> None:
    planter = Planter(bytes(32))
    messages = [{"role": "user", "content": "hello"}]
    told = [{"role": "system", "content": TOLD}]
    said: dict[str, Any] = {"model": "m", "messages": messages if dialect is AnthropicDialect else told + messages}
    if dialect is AnthropicDialect:
        said |= {"system": TOLD, "max_tokens": 9}
    made = exchange(now=dataclasses.replace(world(), planter=planter), path=PATHS[dialect], dialect=dialect())
    play = Playbook(made) >> ReadBody << json.dumps(said).encode() >> Recall << Remembered() >> CommitIntent
    planted = planter.planted("subject-1", TOLD, NOW)
    assert content(play.seen[-1])["request"]["messages"][0]["content"] == planted
    play << None >> CallModel
    call = play.seen[-1]
    assert isinstance(call, CallModel)
    assert json.loads(call.body)["messages"][0]["content"] == planted
    assert made.request is not None
    assert planted in made.request.texts


def test_nothing_is_planted_in_a_phrase_nor_in_what_is_held() -> None:
    def kept(system: str, user: str = "hello") -> Any:
        now = dataclasses.replace(world(), planter=Planter(bytes(32)))
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        play = Playbook(exchange(now=now)) >> ReadBody << json.dumps({"model": "m", "messages": messages}).encode()
        if system == TOLD:
            play >> Recall << Remembered() >> FindRelease << ""
        play >> CommitIntent
        said = content(play.seen[-1])
        return (said["request"] or said["held"])["messages"]

    assert kept("You are a helpful assistant.")[0]["content"] == "You are a helpful assistant."
    assert kept(TOLD, "a DOUBTFUL text")[0]["content"] == TOLD


def test_what_is_blocked_is_not_asked_about() -> None:
    play = Playbook(exchange()) >> ReadBody << chat("FORBIDDEN and DOUBTFUL") >> CommitIntent
    assert content(play.seen[-1])["decision"]["verdict"] == "block"


def turns(*texts: str) -> bytes:
    messages = [{"role": "user" if at % 2 == 0 else "assistant", "content": text} for at, text in enumerate(texts)]
    return json.dumps({"model": "m", "messages": messages}).encode()


@pytest.mark.parametrize(
    ("parts", "left"),
    [(["my SEC", "ok", "RET is"], "[redacted:secret] is"), (["S", "ok", "ECR", "ok", "ET, is"], "[redacted:secret], is")],
)
def test_a_secret_that_is_cut_over_messages_is_found_and_its_last_part_taken_out(parts: list[str], left: str) -> None:
    play = Playbook(exchange()) >> ReadBody << turns(*parts) >> CommitIntent
    said = content(play.seen[-1])
    assert said["request"]["messages"][-1]["content"] == left
    (finding,) = said["findings"]
    assert (finding["combination"], finding["text"], finding["type"]) == ("across-messages", len(parts) - 1, "secret")
    assert finding["end"] == len(parts[-1]) - len(left) + len("[redacted:secret]")


def test_what_blocks_is_found_over_messages_too() -> None:
    play = Playbook(exchange()) >> ReadBody << turns("FORB", "ok", "IDDEN") >> CommitIntent
    assert content(play.seen[-1])["decision"]["verdict"] == "block"


def test_a_label_comes_of_what_is_cut_over_messages() -> None:
    play = Playbook(exchange()) >> ReadBody << turns("PERS", "ok", "ONAL") >> CommitIntent
    assert content(play.seen[-1])["label"] == {"level": "confidential", "compartments": ["personal"]}


def test_what_the_model_said_between_joins_nothing() -> None:
    play = Playbook(exchange()) >> ReadBody << turns("SEC", "RET", "no") >> CommitIntent
    assert content(play.seen[-1])["findings"] == []


def test_the_items_of_an_array_are_read_together() -> None:
    request = json.dumps({"model": "m", "prompt": ["my SEC", "RET"]}).encode()
    play = Playbook(exchange(path="/v1/completions")) >> ReadBody << request >> CommitIntent
    assert content(play.seen[-1])["request"]["prompt"] == ["my SEC", "[redacted:secret]"]


def blocks(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
def test_a_secret_that_is_cut_over_the_parts_of_a_message_is_taken_out(role: str) -> None:
    message = {"role": role, "content": blocks("my SEC", "RET is", "out"), "tool_call_id": "c1"}
    if role != "tool":
        del message["tool_call_id"]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "go on"}, message]}).encode()
    play = Playbook(exchange()) >> ReadBody << body >> CommitIntent
    assert content(play.seen[-1])["request"]["messages"][-1]["content"] == "my [redacted:secret] is\nout"


@pytest.mark.parametrize("place", ["system", "result", "user"])
def test_a_secret_that_is_cut_over_anthropic_s_blocks_is_taken_out(place: str) -> None:
    said = {name: blocks("my SE", "CRET is" if name == place else "out") for name in ("system", "result", "user")}
    messages = [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": said["result"]}, *said["user"]]}
    ]
    request = {"model": "m", "max_tokens": 9, "system": said["system"], "messages": messages}
    play = Playbook(exchange(path="/v1/messages", dialect=AnthropicDialect())) >> ReadBody << json.dumps(request).encode()
    play >> CommitIntent
    read = [one["content"] for one in content(play.seen[-1])["request"]["messages"]]
    assert read == ["my [redacted:secret] is" if name == place else "my SE\nout" for name in said]


def test_what_an_application_says_is_read_together_with_what_its_user_says() -> None:
    messages = [{"role": "system", "content": "SEC"}, {"role": "user", "content": "RET it is"}]
    play = Playbook(exchange()) >> ReadBody << json.dumps({"model": "m", "messages": messages}).encode() >> CommitIntent
    assert content(play.seen[-1])["request"]["messages"][-1]["content"] == "[redacted:secret] it is"


def test_the_sequences_that_stop_an_answer_are_read_together() -> None:
    play = Playbook(exchange()) >> ReadBody << chat(stop=["SEC", "RET"]) >> CommitIntent
    assert content(play.seen[-1])["request"]["stop"] == ["SEC", "[redacted:secret]"]


def test_what_is_held_is_kept_as_it_came_though_something_else_would_be_taken_out() -> None:
    play = Playbook(exchange()) >> ReadBody << turns("SEC", "ok", "RET is DOUBTFUL", "ok", "more SECRET") >> FindRelease
    play << "" >> CommitIntent
    kept = content(play.seen[-1])["held"]["messages"]
    assert [one["content"] for one in kept] == ["SEC", "ok", "RET is DOUBTFUL", "ok", "more SECRET"]


def test_what_is_counted_is_places_not_readings() -> None:
    def one(kind: str, start: int, end: int, action: Action) -> Finding:
        return Finding(kind, start, end, action=action)

    found = [
        (0, one("card", 3, 22, Action.REDACT)),
        (0, one("card-in-pieces", 3, 22, Action.REDACT)),
        (0, one("number", 20, 25, Action.MASK)),
        (0, one("e-mail", 30, 40, Action.MASK)),
        (1, one("card", 3, 22, Action.REDACT)),
        (1, one("attack", 0, 99, Action.FLAG)),
        (1, one("name", 5, 9, Action.ALLOW)),
    ]
    counted = steps._counted(found)
    assert {action: count for action, count in counted.items() if count} == {
        Action.REDACT: 2, Action.MASK: 1, Action.FLAG: 1, Action.ALLOW: 1,
    }  # fmt: skip


@pytest.mark.parametrize("subject", ["request", "answer"])
def test_where_a_detector_failed_nobody_is_told_to_mend_their_text(subject: str) -> None:
    cut = blocked([Finding("detector-failed", 0, 0, PUBLIC, Action.BLOCK)], None)
    said = refusal_text(subject, cut.reason, "r", held=cut.held, inspected=cut.inspected)
    assert "a detector did not work. Try again in a moment; if it goes on, tell the operator" in said
    found = blocked([Finding("private-key", 0, 3, PUBLIC, Action.BLOCK)], None)
    assert "private-key" in refusal_text(subject, found.reason, "r", held=found.held, inspected=found.inspected)
    assert "operator" not in refusal_text(subject, found.reason, "r", held=found.held, inspected=found.inspected)


# -- who is mentioned ------------------------------------------------------------------------------------------------------


def identifying() -> Any:
    return dataclasses.replace(world(), inspector=Addresses(), identifying=frozenset({"email"}))


class Addresses(WordInspector):
    """``a@b.example`` is an e-mail address, beside the words."""

    def inspect(self, text: str, flow: Flow) -> Inspection:
        verdict = super().inspect(text, flow)
        at = text.find("a@b.example")
        if at < 0 or verdict.action.stops:
            return verdict
        return msgspec.structs.replace(verdict, findings=(*verdict.findings, Finding("email", at, at + 11)))


def committed(play: Playbook, kind: type) -> Any:
    """The draft that is committed next; the keys of whom it mentions are looked for in a thread."""
    if isinstance(play.next, Compute):
        play.compute()
    command = play.next
    assert isinstance(command, kind)
    return command.draft  # type: ignore[attr-defined]


ANNA = ("email", "a@b.example")


@pytest.mark.parametrize(
    ("said", "mentioned"),
    [
        ("write to a@b.example", (ANNA,)),
        ("write to nobody", ()),
        ("FORBIDDEN for a@b.example", ()),
        ("DOUBTFUL for nobody", ()),
    ],
)
def test_a_question_is_sealed_under_the_keys_of_whom_it_mentions(said: str, mentioned: Any) -> None:
    play = Playbook(exchange(now=identifying())) >> ReadBody << chat(said)
    if isinstance(play.next, FindRelease):
        play >> FindRelease << ""
    assert committed(play, CommitIntent).mentions == mentioned


def test_an_answer_is_sealed_under_the_keys_of_whom_it_mentions_itself() -> None:
    play = Playbook(exchange(now=identifying())) >> ReadBody << chat("who?")
    assert committed(play, CommitIntent).mentions == ()
    play >> CommitIntent << None >> CallModel << 200 >> ReadModel << completion("it is a@b.example") >> ReadModel << b""
    assert committed(play, CommitOutcome).mentions == (ANNA,)


def test_where_the_keys_cannot_be_kept_nothing_is_answered() -> None:
    play = Playbook(exchange(now=identifying())) >> ReadBody << chat("who?") >> CommitIntent << None
    play >> CallModel << 200 >> ReadModel << completion("it is a@b.example") >> ReadModel << b""
    play >> Compute << BackendError("the disk is full") >> Start >> Body
    play.end()
    assert (play.started.status, b"a@b.example" in play.sent) == (503, False)  # type: ignore[union-attr]
