"""Documents in requests: taken out, read by the shell, put back as text; what is hidden in them is inspected and withheld."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.playbook import LIMITS, Playbook, exchange, world

from wardstead.gateway.pipeline.commands import (
    Body,
    CallModel,
    CommitIntent,
    CommitOutcome,
    Compute,
    Extract,
    ReadBody,
    ReadModel,
    Recall,
    Refresh,
    Start,
)
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.types import Dialect, FieldPolicy
from wardstead.inspection.documents import (
    DocumentTooLarge,
    EncryptedDocument,
    Extracted,
    Part,
    UnsupportedDocument,
    apart,
    enclosed,
)
from wardstead.inspection.ports import Origin
from wardstead.kernel.errors import CallerError
from wardstead.ledger.ports import Refusal, Remembered

PDF = b"%PDF-1.7 not read here"
URL = "data:application/pdf;base64," + base64.b64encode(PDF).decode()
FILE = {"type": "file", "file": {"file_data": URL, "filename": "report.pdf"}}
TAKES = replace(LIMITS, documents=2, document_bytes=1000)


def now(**changes: Any) -> World:
    return replace(world(), limits=TAKES, **changes)


def chat(*parts: Any, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": list(parts)}], **more}).encode()


def report(seen: str, hidden: str = "") -> Extracted:
    parts = [Part(("report.pdf", "page 1"), seen)]
    if hidden == "metadata":
        return Extracted("report.pdf", "pdf", (*parts, Part(("report.pdf",), "Author: somebody", hidden="metadata")))
    if hidden:
        parts.append(Part(("report.pdf", "page 1"), hidden, hidden="white text"))
    return Extracted("report.pdf", "pdf", tuple(parts))


def asked(body: bytes, read: list[Extracted], at: World | None = None, dialect: Dialect | None = None) -> Playbook:
    path = "/v1/messages" if isinstance(dialect, AnthropicDialect) else "/v1/chat/completions"
    book = Playbook(exchange(now=at or now(), dialect=dialect, path=path)) >> ReadBody << body
    book >> Extract << read
    return compute(book)


def compute(book: Playbook) -> Playbook:
    """Work out what is asked for, here; of the past, nothing is known."""
    while isinstance(book.next, Compute | Recall):
        command = book.next
        book >> type(command) << (command.work() if isinstance(command, Compute) else Remembered())
    return book


def forwarded(book: Playbook) -> str:
    call = book.next
    assert isinstance(call, CallModel)
    return str(json.loads(call.body)["messages"][0]["content"])


def intent(book: Playbook) -> dict[str, Any]:
    (commit,) = [one for one in book.seen if isinstance(one, CommitIntent)]
    return dict(json.loads(commit.draft.body))


def test_a_document_is_read_and_its_text_stands_where_it_stood() -> None:
    book = asked(chat({"type": "text", "text": "Sum up"}, FILE, {"type": "text", "text": "in one line"}), [report("the words")])
    assert book.seen[1].documents[0].data == PDF
    book >> CommitIntent << None
    assert forwarded(book) == "\n".join(["Sum up", enclosed("the words", "report.pdf", PDF), "in one line"])
    kept = intent(book)["documents"][0]
    assert (kept["name"], kept["kind"], kept["size"], kept["hidden"]) == ("report.pdf", "pdf", len(PDF), [])


def test_who_wrote_a_document_is_not_who_sent_it() -> None:
    request = OpenAIDialect().parse(
        "/v1/chat/completions", chat({"type": "text", "text": "Sum up"}, FILE), limits=TAKES, fields=FieldPolicy()
    )
    request.place_documents([report("seen", "unseen")], include_hidden=False)
    assert list(zip(request.origins, request.texts, strict=True)) == [
        (Origin.USER, "Sum up"),
        (Origin.DOCUMENT, enclosed("seen", "report.pdf", PDF)),
        (Origin.DOCUMENT, "[page 1: white text]\nunseen"),
    ]
    assert request.withheld == {2}


def test_what_a_reader_does_not_see_is_inspected_and_withheld() -> None:
    book = asked(chat(FILE), [report("seen", "PERSONAL and SECRET")]) >> CommitIntent << None
    assert "PERSONAL" not in forwarded(book)
    kept = intent(book)
    assert [one["type"] for one in kept["findings"]] == ["personal", "secret"]
    assert {one["text"] for one in kept["findings"]} == {kept["documents"][0]["hidden_text"]}
    assert kept["documents"][0]["hidden"] == ["white text"]
    # The model does not read it, so it says nothing of what the model reads.
    assert kept["label"]["level"] == "public"


def test_what_blocks_blocks_in_hidden_text_too() -> None:
    book = asked(chat(FILE), [report("seen", "FORBIDDEN")]) >> CommitIntent << None >> CommitOutcome << None >> Start
    book.end()
    assert b"did not send this request" in book.sent


def test_the_operator_may_give_the_model_all_of_it() -> None:
    book = asked(chat(FILE), [report("seen", "PERSONAL and SECRET")], now(include_hidden=True)) >> CommitIntent << None
    assert "PERSONAL and [redacted:secret]" in forwarded(book)
    assert intent(book)["label"]["level"] == "confidential"


def test_what_policy_takes_out_is_taken_out_of_a_document() -> None:
    book = (
        asked(chat({"type": "text", "text": "Is it SECRET?"}, FILE), [report("a SECRET and PERSONAL words")])
        >> CommitIntent
        << None
    )
    assert forwarded(book).count("[redacted:secret]") == 2
    assert "SECRET" not in forwarded(book).replace("[redacted:secret]", "")
    assert intent(book)["label"]["level"] == "confidential"


def test_it_is_read_once_however_often_it_is_decided() -> None:
    fresh = now()
    book = asked(chat(FILE), [report("the words")]) >> CommitIntent << Refusal.STALE >> Refresh << fresh
    compute(book) >> CommitIntent << None
    assert "the words" in forwarded(book)
    assert sum(isinstance(one, Extract) for one in book.seen) == 1


def test_whoever_sent_it_is_told_what_was_left_out() -> None:
    book = asked(chat(FILE), [report("seen", "unseen")]) >> CommitIntent << None >> CallModel << 200
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}
    book >> ReadModel << json.dumps(answer).encode() >> ReadModel << b"" >> CommitOutcome << None >> Start >> Body
    assert book.header("wardstead-warning") == '"report.pdf": hidden text left out (white text)'


def test_of_what_every_document_has_nobody_is_told() -> None:
    request = OpenAIDialect().parse("/v1/chat/completions", chat(FILE), limits=TAKES, fields=FieldPolicy())
    request.place_documents([report("seen", "metadata")], include_hidden=False)
    assert request.warnings == ()
    assert "somebody" in request.texts[1]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnsupportedDocument("images are not read"), 415, "unsupported_document"),
        (DocumentTooLarge("a bomb", where="report.pdf > a"), 413, "document_too_large"),
        (EncryptedDocument("it is encrypted"), 400, "encrypted_document"),
    ],
)
@pytest.mark.parametrize("dialect", [OpenAIDialect(), AnthropicDialect()])
def test_one_that_cannot_be_read_is_an_error_in_the_clients_dialect(
    error: CallerError, status: int, code: str, dialect: Dialect
) -> None:
    body = (
        chat(FILE)
        if isinstance(dialect, OpenAIDialect)
        else anthropic({"type": "base64", "media_type": "application/pdf", "data": B64})
    )
    path = "/v1/messages" if isinstance(dialect, AnthropicDialect) else "/v1/chat/completions"
    book = Playbook(exchange(now=now(), dialect=dialect, path=path)) >> ReadBody << body >> Extract << error >> Start
    book.end()
    assert book.started is not None
    assert book.started.status == status
    assert json.loads(book.sent)["error"]["code"] == code


B64 = base64.b64encode(PDF).decode()


def anthropic(source: dict[str, Any], **more: Any) -> bytes:
    block = {"type": "document", "source": source, "title": "report.pdf", **more}
    content = [block, {"type": "text", "text": "Sum up"}]
    return json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}).encode()


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ({"type": "base64", "media_type": "application/pdf", "data": B64}, PDF),
        ({"type": "text", "media_type": "text/plain", "data": "plain"}, b"plain"),
        ({"type": "content", "content": "plain"}, b"plain"),
    ],
)
def test_anthropics_documents(source: dict[str, Any], data: bytes) -> None:
    book = asked(anthropic(source, context="from the archive"), [report("words")], dialect=AnthropicDialect())
    assert book.seen[1].documents[0].data == data
    book >> CommitIntent << None
    assert forwarded(book) == enclosed("words", "report.pdf", data) + "\nfrom the archive\nSum up"


def test_a_tools_result_may_hold_a_document() -> None:
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": B64}, "title": "r.pdf"}
    content = [{"type": "text", "text": "found"}, document]
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "find", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": content}]},
    ]
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode()
    request = AnthropicDialect().parse("/v1/messages", body, limits=TAKES, fields=FieldPolicy())
    request.place_documents([report("seen")], include_hidden=False)
    assert request.body["messages"][-1]["content"] == "found\n" + enclosed("seen", "r.pdf", PDF)
    assert request.origins[request.documents[0].text] is Origin.DOCUMENT


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"type": "file", "file": {"file_id": "f-1"}}, "not kept or fetched"),
        ({"type": "input_file", "file_url": "http://169.254.169.254/"}, "not kept or fetched"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,%%%"}}, "base64"),
        ({"type": "file", "file": {"file_data": ""}}, "empty"),
        ({"type": "file", "file": {"file_data": URL, "surprise": 1}}, "not a field"),
        ({"type": "file", "file": {"file_data": 7}}, "string"),
        ({"type": "file", "file": None}, "object"),
        ({"type": "file"}, "object"),
        ({"type": "file", "file": {"file_data": "QUFB" * 400}}, "larger than 1000 bytes"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, "images and audio are not taken"),
    ],
)
def test_a_part_that_is_no_document_is_refused_by_name(part: dict[str, Any], says: str) -> None:
    with pytest.raises(CallerError, match=says):
        OpenAIDialect().parse("/v1/chat/completions", chat(part), limits=TAKES, fields=FieldPolicy())


def test_documents_have_their_number_their_place_and_may_be_switched_off() -> None:
    def parse(body: bytes, limits: Any = TAKES) -> None:
        OpenAIDialect().parse("/v1/chat/completions", body, limits=limits, fields=FieldPolicy())

    parse(chat(FILE, FILE))
    with pytest.raises(CallerError, match="more than 2 documents"):
        parse(chat(FILE, FILE, FILE))
    with pytest.raises(CallerError, match="not taken by this deployment"):
        parse(chat(FILE), LIMITS)
    with pytest.raises(CallerError, match="stand in a message of the user"):
        parse(chat(FILE).replace(b'"role": "user"', b'"role": "system"'))
    parse(chat({"type": "input_file", "file_data": URL, "filename": "a.pdf"}))
    parse(chat({"type": "file", "file": {"file_data": B64}}))


NAMES = st.sampled_from(["type", "file", "file_data", "filename", "source", "data", "title", "media_type"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(URL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
)


@given(JSON, st.sampled_from(["file", "input_file", "document"]))
def test_whatever_the_part_it_is_taken_or_refused(value: Any, kind: str) -> None:
    part = {**(value if isinstance(value, dict) else {"file": value, "source": value}), "type": kind}
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": [part]}]}
    for dialect, path in ((OpenAIDialect(), "/v1/chat/completions"), (AnthropicDialect(), "/v1/messages")):
        try:
            request = dialect.parse(path, json.dumps(body).encode(), limits=TAKES, fields=FieldPolicy())
        except CallerError:
            continue
        assert len(request.documents) == 1


@given(
    st.lists(
        st.tuples(st.text(), st.text(max_size=9), st.binary(max_size=20)) | st.text(min_size=1).map(lambda text: text + "."),
        max_size=5,
    )
)
def test_what_was_joined_can_be_taken_apart(parts: list[Any]) -> None:
    pieces: list[tuple[bool, str]] = []
    for part in parts:
        if isinstance(part, tuple):
            pieces.append((True, enclosed(*part)))
        elif pieces and not pieces[-1][0]:
            pieces[-1] = (False, f"{pieces[-1][1]}\n{part}")
        else:
            pieces.append((False, part))
    assert apart("\n".join(piece for _, piece in pieces)) == (pieces or [(False, "")])


@given(st.text())
def test_no_document_can_end_itself_early(text: str) -> None:
    """Its mark depends on all of it, so what it holds is never its own mark."""
    data = text.encode("utf-8", "replace")
    written = enclosed(text, "a.txt", data)
    mark = written.splitlines()[0].rpartition(" ")[2].rstrip("]") if written.splitlines() else ""
    assert mark
    assert mark not in text
