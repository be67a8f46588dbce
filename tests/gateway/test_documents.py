"""Documents in requests: taken out, read by the shell, put back as text; what is hidden in them is inspected and withheld."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.playbook import ALICE, CONFIDENTIAL, LIMITS, LabelDecisions, Playbook, exchange, world

from wardstead.access.ports import AccessRequest, Decision, Identity, Resource
from wardstead.gateway.pipeline.commands import (
    Body,
    CallModel,
    CommitIntent,
    CommitOutcome,
    Compute,
    Extract,
    FindKept,
    OpenKept,
    ReadBody,
    ReadModel,
    Recall,
    Refresh,
    Start,
)
from wardstead.gateway.pipeline.kept import KeptDocument, OpenedDocument
from wardstead.gateway.pipeline.world import ModelDeployment, World
from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.documents import Enclosed
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.types import Dialect, FieldPolicy
from wardstead.inspection.extraction import (
    DocumentTooLarge,
    EncryptedDocument,
    Extracted,
    Part,
    UnsupportedDocument,
    apart,
    enclosed,
    own_text,
)
from wardstead.inspection.ports import Origin
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC
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


@pytest.mark.parametrize(
    ("parts", "read"),
    [
        ([{"type": "text", "text": "it is SEC"}, FILE], [report("RET, they say")]),
        ([FILE, {"type": "text", "text": "RET, they say"}], [report("it is SEC")]),
        ([FILE, FILE], [report("it is SEC"), report("RET, they say")]),
    ],
)
def test_what_is_cut_in_two_at_the_border_of_a_document_is_found(parts: list[Any], read: list[Extracted]) -> None:
    book = asked(chat(*parts), read) >> CommitIntent << None
    # Of a match over texts, the part in the last one is taken out, and the lines around a document stay.
    assert "[redacted:secret], they say" in forwarded(book)
    assert "RET" not in forwarded(book)
    assert forwarded(book).count("[end of document") == sum(part is FILE for part in parts)


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
        ({"type": "file", "file": {"file_id": "f-1", "file_data": URL}}, "either"),
        ({"type": "file", "file": {"file_id": ""}}, "the id of a file"),
        ({"type": "file", "file": {"file_id": "f" * 65}}, "the id of a file"),
        ({"type": "file", "file": {"file_id": 7}}, "string"),
        ({"type": "input_file", "file_url": "http://169.254.169.254/"}, "not fetched"),
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


@given(st.text(), st.text(max_size=9), st.binary(max_size=20))
def test_a_document_says_what_stands_between_its_lines(text: str, name: str, data: bytes) -> None:
    whole = enclosed(text, name, data)
    start, end = own_text(whole)
    assert whole[start:end] == text
    assert own_text(whole[1:]) == (0, len(whole) - 1)
    assert own_text(whole + ".") == (0, len(whole) + 1)


@given(st.text())
def test_no_document_can_end_itself_early(text: str) -> None:
    """Its mark depends on all of it, so what it holds is never its own mark."""
    data = text.encode("utf-8", "replace")
    written = enclosed(text, "a.txt", data)
    mark = written.splitlines()[0].rpartition(" ")[2].rstrip("]") if written.splitlines() else ""
    assert mark
    assert mark not in text


# -- documents that are kept here ----------------------------------------------------------------------------------------

KEPT = {"type": "file", "file": {"file_id": "d-1"}}
DOCUMENT = KeptDocument(Resource("Document", "d-1", owner=PrincipalId("bob")), CONFIDENTIAL)
OPENED = OpenedDocument(Enclosed("plan.pdf", PDF, "d-1"), report("the words"))


class UsedDocuments(LabelDecisions):
    """Permits what the clearance dominates, and ``useData`` of ``d-1`` alone; it keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[AccessRequest] = []

    def decide(self, request: AccessRequest) -> Decision:
        self.asked.append(request)
        if request.action == "useData" and request.resource.owner is None:
            return Decision(allow=False, policies=(), reason=f"no {request.resource.id} for you", code="access.default_deny")
        return super().decide(request)


def kept(*parts: Any, found: list[KeptDocument | None], at: World | None = None) -> Playbook:
    return Playbook(exchange(now=at or now(decisions=UsedDocuments()))) >> ReadBody << chat(*parts) >> FindKept << found


def test_a_kept_document_is_decided_about_before_it_is_opened_and_its_label_counts() -> None:
    decisions = UsedDocuments()
    book = kept({"type": "text", "text": "Sum up"}, KEPT, found=[DOCUMENT], at=now(decisions=decisions))
    book >> OpenKept << [OPENED]
    compute(book) >> CommitIntent << None
    assert forwarded(book) == "\n".join(["Sum up", enclosed("the words", "plan.pdf", PDF)])
    use, ask = decisions.asked
    assert (use.action, use.resource, use.label) == ("useData", DOCUMENT.resource, CONFIDENTIAL)
    assert (ask.action, ask.label) == ("infer", CONFIDENTIAL)
    said = intent(book)
    assert said["label"] == said["own_label"] == CONFIDENTIAL.document()
    assert (said["documents"][0]["kept"], said["documents"][0]["name"]) == ("d-1", "plan.pdf")


def test_what_is_pasted_of_it_later_is_known_by_its_label() -> None:
    words = "a sentence that is long enough to be known again when it is pasted elsewhere"
    book = kept(KEPT, found=[DOCUMENT]) >> OpenKept << [OpenedDocument(OPENED.document, report(words))]
    compute(book)
    commit = book.next
    assert isinstance(commit, CommitIntent)
    assert commit.passage is not None
    assert {label for _, label in commit.passage.made} == {CONFIDENTIAL}


@pytest.mark.parametrize("found", [None, KeptDocument(Resource("Document", "d-1"))], ids=["nothing", "not-given"])
def test_what_there_is_not_and_what_nobody_gave_them_look_the_same(found: KeptDocument | None) -> None:
    book = compute(kept(KEPT, found=[found])) >> CommitIntent << None
    assert not any(isinstance(one, OpenKept) for one in book.seen)
    said = intent(book)
    assert said["decision"]["verdict"] == "deny"
    assert said["decision"]["reason"] == "no d-1 for you"
    assert said["request"] is None
    (document,) = said["documents"]
    assert (document["kept"], document["name"], document["size"]) == ("d-1", "document", 0)
    book >> CommitOutcome << None >> Start
    assert book.started is not None
    assert book.started.status == 403


def test_one_above_its_reader_is_refused_and_its_label_is_not_told() -> None:
    low = replace(ALICE.principal, clearance=PUBLIC)
    at = replace(world(identity=Identity(low, ALICE.credential)), limits=TAKES, decisions=UsedDocuments())
    book = compute(kept(KEPT, found=[DOCUMENT], at=at)) >> CommitIntent << None >> CommitOutcome << None
    book >> Start
    assert "confidential" not in intent(book)["decision"]["reason"]
    assert "above your clearance" in intent(book)["decision"]["reason"]
    assert not any(isinstance(one, OpenKept) for one in book.seen)


def test_one_above_them_that_nobody_gave_them_looks_as_if_there_were_none() -> None:
    """Its label keeps them from it first: that must not tell that there is something, and how it is labelled."""

    class Mandatory(UsedDocuments):
        def decide(self, request: AccessRequest) -> Decision:
            if request.action == "useData" and request.label != PUBLIC:
                return Decision(allow=False, policies=("mac",), reason="above you", code="access.forbidden")
            return super().decide(request)

    low = replace(ALICE.principal, clearance=PUBLIC)
    at = replace(world(identity=Identity(low, ALICE.credential)), limits=TAKES, decisions=Mandatory())
    told = []
    for found in (None, KeptDocument(Resource("Document", "d-1"), CONFIDENTIAL)):
        book = compute(kept(KEPT, found=[found], at=at)) >> CommitIntent << None >> CommitOutcome << None
        book >> Start
        told.append(intent(book)["decision"])
    assert told[0] == told[1]
    assert told[0]["code"] == "access.default_deny"


def test_the_model_must_be_cleared_for_it() -> None:
    class Models(UsedDocuments):
        def decide(self, request: AccessRequest) -> Decision:
            if request.action == "infer" and not request.resource.clearance.dominates(request.label):
                return Decision(allow=False, policies=("mac",), reason="the model", code="access.forbidden")
            return super().decide(request)

    at = now(decisions=Models(), models={"m": ModelDeployment("m")})
    book = compute(kept(KEPT, found=[DOCUMENT], at=at) >> OpenKept << [OPENED]) >> CommitIntent << None
    assert intent(book)["decision"]["reason"] == "the model"


def test_sent_and_kept_documents_stand_in_their_places() -> None:
    book = kept(FILE, KEPT, found=[DOCUMENT]) >> OpenKept << [OPENED] >> Extract << [report("sent words")]
    compute(book) >> CommitIntent << None
    assert forwarded(book) == "\n".join([enclosed("sent words", "report.pdf", PDF), enclosed("the words", "plan.pdf", PDF)])


def test_a_stale_intent_decides_about_it_anew() -> None:
    """Its share was taken back meanwhile."""
    book = kept(KEPT, found=[DOCUMENT]) >> OpenKept << [OPENED]
    compute(book) >> CommitIntent << Refusal.STALE >> Refresh << now(decisions=LabelDecisions(deny=True))
    book >> FindKept << [DOCUMENT]
    compute(book) >> CommitIntent << None
    commits = [one for one in book.seen if isinstance(one, CommitIntent)]
    assert json.loads(commits[-1].draft.body)["decision"]["verdict"] == "deny"


def test_anthropic_names_a_kept_document_as_its_own_api_does() -> None:
    block = {"type": "document", "source": {"type": "file", "file_id": "d-1"}}
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}).encode()
    request = AnthropicDialect().parse("/v1/messages", body, limits=TAKES, fields=FieldPolicy())
    assert [one.document for one in request.documents] == [Enclosed("document", kept="d-1")]
