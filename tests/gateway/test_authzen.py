"""AuthZEN: what a body asks, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.playbook import ALICE

from wardstead.access.ports import AccessRequest, Decision, Identity, Resource
from wardstead.gateway.protocol.authzen import EVALUATION, EVALUATIONS, NoQuestion, Semantic, answer, parse
from wardstead.gateway.protocol.authzen_search import Found
from wardstead.gateway.server.evaluating import Evaluating
from wardstead.kernel.labels import Label, label

ONE: dict[str, Any] = {
    "subject": {"type": "user", "id": "alice"},
    "action": {"name": "infer"},
    "resource": {"type": "Model", "id": "m"},
    "context": {"label": "confidential; personal", "signed_in_s": 60, "time": "ignored"},
}


def body(said: object) -> bytes:
    return json.dumps(said).encode()


def decision(allow: bool) -> Decision:
    return Decision(allow=allow, policies=("p",), reason="because", code="allow" if allow else "access.forbidden")


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS])
def test_one_question(path: str) -> None:
    batch = parse(path, body(ONE))
    (question,) = batch.questions
    assert (question.subject, question.action, question.resource, question.label) == (
        "alice",
        "infer",
        "m",
        "confidential; personal",
    )
    assert question.signed_in_s == 60
    said = answer(batch, iter([decision(True)]))
    assert said == {"decision": True, "context": {"code": "allow", "reason": "because", "policies": ["p"]}}


def test_a_batch_fills_in_what_its_questions_leave_out() -> None:
    others = [{"resource": {"type": "Model", "id": "n"}}, {"subject": {"type": "user", "id": "bob"}, "context": {}}]
    batch = parse(EVALUATIONS, body({**ONE, "evaluations": others}))
    assert [(one.subject, one.resource, one.label) for one in batch.questions] == [
        ("alice", "n", "confidential; personal"),
        ("bob", "m", ""),
    ]


@pytest.mark.parametrize(
    ("semantic", "answered"),
    [("execute_all", [True, False, True]), ("deny_on_first_deny", [True, False]), ("permit_on_first_permit", [True])],
)
def test_a_batch_ends_where_it_says(semantic: str, answered: list[bool]) -> None:
    said = {**ONE, "evaluations": [{}, {}, {}], "options": {"evaluations_semantic": semantic}}
    batch = parse(EVALUATIONS, body(said))
    assert batch.semantic is Semantic(semantic)
    found = answer(batch, iter([decision(True), decision(False), decision(True)]))
    assert [one["decision"] for one in found["evaluations"]] == answered


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"subject": None}, "subject"),
        ({"subject": {"type": "user"}}, "id"),
        ({"subject": {"type": "user", "id": 7}}, "subject.id"),
        ({"action": {"name": ""}}, "action.name"),
        ({"resource": "Model"}, "resource"),
        ({"context": {"signed_in_s": -1}}, "signed_in_s"),
        ({"evaluations": [{}] * 1001}, "evaluations"),
        ({"options": {"evaluations_semantic": "guess"}, "evaluations": [{}]}, "evaluations_semantic"),
    ],
)
def test_what_is_no_question_is_refused_with_its_place(change: Mapping[str, Any], where: str) -> None:
    with pytest.raises(NoQuestion) as refused:
        parse(EVALUATIONS, body({**ONE, **change}))
    assert where in str(refused.value)


def test_what_a_question_of_a_batch_lacks_is_named() -> None:
    with pytest.raises(NoQuestion) as refused:
        parse(EVALUATIONS, body({"subject": ONE["subject"], "evaluations": [{"action": {"name": "infer"}}]}))
    assert refused.value.where == "evaluations[0].resource"


@given(st.binary(max_size=200) | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(body))
def test_any_other_body_is_a_typed_error(said: bytes) -> None:
    with pytest.raises(NoQuestion):
        parse(EVALUATIONS, said)


@pytest.mark.parametrize(("clearance", "tells"), [(label("confidential"), True), (label("internal"), False)])
def test_a_reason_tells_no_label_to_an_application_that_is_not_cleared_for_it(clearance: Label, tells: bool) -> None:
    said = Decision(allow=False, policies=("p",), reason="the data's label is confidential", code="access.forbidden")
    who = Identity(replace(ALICE.principal, clearance=clearance), ALICE.credential)
    asked = AccessRequest(ALICE, "readData", Resource("Document", "d"), label("confidential"))
    at = SimpleNamespace(decisions=SimpleNamespace(decide=lambda _request: said))
    desk = Evaluating(lambda *_: asked, lambda *_: Found((), ""), "", 1.0)
    (told,) = desk._decided(at, who, [None], 0)  # type: ignore[arg-type,list-item]
    assert ("confidential" in told.reason) is tells
    assert told.policies == (("p",) if tells else ()), "a policy's name says why as well"
    assert (told.allow, told.code) == (False, said.code)
