"""Templates in requests: decided about like documents, filled, and inspected as a part of the message that names them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.playbook import CONFIDENTIAL, Playbook, exchange
from tests.gateway.test_documents import FILE, TAKES, UsedDocuments, compute, forwarded, intent, now, report

from wardstead.access.ports import Resource, ResourceRef
from wardstead.gateway.pipeline.commands import CommitIntent, CommitOutcome, Extract, FindKept, OpenKept, ReadBody, Start
from wardstead.gateway.pipeline.kept import KeptDocument, OpenedDocument
from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.documents import Enclosed
from wardstead.gateway.protocol.fields import BadField
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.templates import MOST_NAMED, fill, parse_made, placeholders
from wardstead.gateway.protocol.types import FieldPolicy
from wardstead.inspection.extraction import Extracted, Part, enclosed
from wardstead.inspection.ports import Origin
from wardstead.kernel.ids import PrincipalId

TEXT = "Answer {{customer}} about {{ matter }}, and call them {{customer}}."
PART = {"type": "template", "template_id": "t-1", "variables": {"customer": "Ann", "matter": "the bill"}}
FILLED = "Answer Ann about the bill, and call them Ann."
TEMPLATE = KeptDocument(Resource("Template", "t-1", owner=PrincipalId("bob")), CONFIDENTIAL)
OPENED = OpenedDocument(Enclosed("reply", TEXT.encode(), "t-1"), Extracted("reply", "template", (Part(("reply",), TEXT),)))


def body(*parts: Any, role: str = "user") -> bytes:
    messages = [{"role": role, "content": list(parts)}, {"role": "user", "content": "Now."}]
    return json.dumps({"model": "m", "messages": messages}).encode()


def asked(*parts: Any, role: str = "user", decisions: UsedDocuments | None = None) -> Playbook:
    return Playbook(exchange(now=now(decisions=decisions or UsedDocuments()))) >> ReadBody << body(*parts, role=role)


def test_a_template_is_decided_about_before_it_is_opened_filled_and_labelled() -> None:
    decisions = UsedDocuments()
    book = asked({"type": "text", "text": "Politely."}, PART, role="system", decisions=decisions)
    assert book.next == FindKept((ResourceRef("Template", "t-1"),))
    book >> FindKept << [TEMPLATE] >> OpenKept << [OPENED]
    compute(book) >> CommitIntent << None
    assert forwarded(book) == f"Politely.\n{FILLED}"
    use, ask = decisions.asked
    assert (use.action, use.resource, use.label) == ("useData", TEMPLATE.resource, CONFIDENTIAL)
    assert (ask.action, ask.label) == ("infer", CONFIDENTIAL)
    (said,) = intent(book)["documents"]
    assert (said["kept"], said["kind"], said["name"], said["size"]) == ("t-1", "template", "reply", len(TEXT))


@pytest.mark.parametrize("found", [None, KeptDocument(Resource("Template", "t-1"))], ids=["nothing", "not-given"])
def test_what_there_is_not_and_what_nobody_gave_them_look_the_same(found: KeptDocument | None) -> None:
    book = compute(asked(PART) >> FindKept << [found]) >> CommitIntent << None
    assert not any(isinstance(one, OpenKept) for one in book.seen)
    assert intent(book)["decision"]["reason"] == "no t-1 for you"
    book >> CommitOutcome << None >> Start
    assert book.started is not None
    assert book.started.status == 403


def test_documents_and_templates_stand_in_their_places() -> None:
    book = asked(FILE, PART, {"type": "text", "text": "Thanks."}) >> FindKept << [TEMPLATE] >> OpenKept << [OPENED]
    book >> Extract << [report("sent words")]
    compute(book) >> CommitIntent << None
    text = enclosed("sent words", "report.pdf", b"%PDF-1.7 not read here")
    assert forwarded(book) == f"{text}\n{FILLED}\nThanks."


def test_a_value_that_is_missing_is_told_to_whoever_may_use_it() -> None:
    book = asked({**PART, "variables": {"customer": "Ann"}}) >> FindKept << [TEMPLATE] >> OpenKept << [OPENED]
    compute(book) >> Start
    assert book.started is not None
    assert book.started.status == 400
    assert not any(isinstance(one, CommitIntent) for one in book.seen)


@pytest.mark.parametrize(("role", "origin"), [("user", Origin.USER), ("system", Origin.SYSTEM)])
def test_a_template_speaks_as_its_message_does(role: str, origin: Origin) -> None:
    request = OpenAIDialect().parse("/v1/chat/completions", body(PART, role=role), limits=TAKES, fields=FieldPolicy())
    assert request.origins[:2] == [origin, origin]


def test_anthropic_takes_one_in_its_system_text_and_in_a_message() -> None:
    said = {"model": "m", "max_tokens": 9, "system": [PART], "messages": [{"role": "user", "content": [PART]}]}
    request = AnthropicDialect().parse("/v1/messages", json.dumps(said).encode(), limits=TAKES, fields=FieldPolicy())
    assert [one.document.ref for one in request.documents] == [ResourceRef("Template", "t-1")] * 2


@pytest.mark.parametrize(
    ("part", "role"),
    [
        (PART, "assistant"),
        ({**PART, "template_id": ""}, "user"),
        ({**PART, "template_id": "x" * 65}, "user"),
        ({**PART, "template_id": 7}, "user"),
        ({**PART, "variables": ["a"]}, "user"),
        ({**PART, "variables": {"a": 1}}, "user"),
        ({**PART, "variables": {f"v{n}": "" for n in range(65)}}, "user"),
        ({**PART, "text": "more"}, "user"),
    ],
)
def test_what_names_no_template_is_refused_with_its_place(part: Any, role: str) -> None:
    with pytest.raises(BadField) as refused:
        OpenAIDialect().parse("/v1/chat/completions", body(part, role=role), limits=TAKES, fields=FieldPolicy())
    assert refused.value.where.startswith("messages[0].content[0]")


def test_a_request_names_so_many_and_no_more() -> None:
    OpenAIDialect().parse("/v1/chat/completions", body(*[PART] * MOST_NAMED), limits=TAKES, fields=FieldPolicy())
    with pytest.raises(BadField, match="templates"):
        OpenAIDialect().parse("/v1/chat/completions", body(*[PART] * (MOST_NAMED + 1)), limits=TAKES, fields=FieldPolicy())


@given(st.text(), st.text())
def test_a_value_is_put_in_as_it_is_and_once(one: str, other: str) -> None:
    assert fill("<{{a}}|{{b}}|{{a}}>", {"a": one, "b": other}) == f"<{one}|{other}|{one}>"


def test_what_does_not_fit_is_refused() -> None:
    assert placeholders(TEXT) == ["customer", "matter"]
    assert fill("{{ two }} {{}} {{a b}} {one}", {"two": "{{two}}"}) == "{{two}} {{}} {{a b}} {one}"
    for values in ({}, {"a": "", "b": ""}):
        with pytest.raises(BadField, match=r"variables\.(a|b)"):
            fill("{{a}}", values)
    with pytest.raises(BadField, match="longer"):
        fill("{{a}}" * 1000, {"a": "x" * 2000})
    for wrong in (b"", b"[]", b'{"name": "a"}', b'{"name": "", "text": "b"}', b'{"name": "a", "text": "b", "more": 1}'):
        with pytest.raises(BadField):
            parse_made(wrong)
    assert parse_made(b'{"name": "a", "text": "b"}').label == ""
