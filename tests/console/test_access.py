"""The page of access policies: who may do what, and what would change."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import FakeServices

from wardstead.console.policy_desk import Proposal

ASK = "/console/access?who=alice&action=infer&model=smollm2"


def heading(page: str) -> str:
    return page.partition('<h2 id="answer">')[2].partition("</h2>")[0]


@pytest.mark.parametrize("name", ["root", "ada"])
def test_a_question_is_answered_with_policy_and_reason(signed_in: SignedIn, name: str) -> None:
    page = signed_in(name).get(ASK)
    assert page.status_code == 200
    assert heading(page.text) == "alice may"
    assert "users-ask-models" in page.text
    assert "people with the role user may ask models" in page.text
    assert "Who may, asked the same: alice, bob" in page.text


def test_what_the_folder_would_answer_can_be_asked(signed_in: SignedIn) -> None:
    page = signed_in("root").get(f"{ASK}&policies=folder").text
    assert heading(page) == "alice may not"
    assert "users-rest" in page
    assert "today is a holiday" in page


def test_a_question_about_a_conversation_is_about_whose_it_is(signed_in: SignedIn, services: FakeServices) -> None:
    root = signed_in("root")
    assert heading(root.get("/console/access?who=alice&action=viewExchange").text) == "alice may"
    assert heading(root.get("/console/access?who=alice&action=viewExchange&owner=bob").text) == "alice may not"
    assert [one.resource for one in services.policies.asked] == ["Exchange", "Exchange"]


def test_an_application_and_how_somebody_signed_in_can_be_said(signed_in: SignedIn, services: FakeServices) -> None:
    page = signed_in("root").get(f"{ASK}&application=training&signed_in=5m&means=password,%20code").text
    asked = services.policies.asked[-1]
    assert (asked.application, asked.signed_in, asked.means) == ("training", "5m", "password, code")
    assert "<option selected>password, code</option>" in page


def test_others_do_not_learn_who_may_do_what(signed_in: SignedIn) -> None:
    alice = signed_in("alice")
    for path in ("", "/check", "/changes", "?who=root&action=administer"):
        assert alice.get(f"/console/access{path}").status_code == 403
    assert 'href="/console/access"' not in alice.get("/console/").text
    assert 'href="/console/access"' in signed_in("root").get("/console/").text


def test_nobody_asks_without_signing_in(client: TestClient) -> None:
    assert client.get(ASK).status_code == 303


def test_a_question_that_cannot_be_asked_says_why(signed_in: SignedIn) -> None:
    page = signed_in("root").get("/console/access?who=nobody&action=infer&model=smollm2")
    assert page.status_code >= 400
    assert "there is nobody called nobody" in page.text
    assert "<select" in page.text, "the form is still there"


def test_what_is_in_force_and_what_waits_is_said(signed_in: SignedIn, services: FakeServices) -> None:
    page = signed_in("root").get("/console/access").text
    assert "Edited, not active: 90.cedar" in page
    assert "operator-7 (command line): a &lt;b&gt;holiday&lt;/b&gt;" in page
    services.policies.wrong = "90.cedar:1: does not parse"
    assert "not in force: 90.cedar:1: does not parse" in signed_in("root").get("/console/access").text


def test_the_folder_is_checked_and_compared(signed_in: SignedIn) -> None:
    root = signed_in("root")
    changes = root.get("/console/access/changes").text
    assert "may no more" in changes
    assert "infer on Model::smollm2" in changes
    assert "users-rest" in changes
    assert "restricted: prompt redact" in changes, "and what would happen to data"
    checked = root.get("/console/access/check").text
    assert "always-forbidden" not in checked, "codes are for scripts"
    assert "users-rest (90.cedar:1) forbids all of it" in checked


def test_an_earlier_version_is_compared_and_proposed_anew(signed_in: SignedIn, services: FakeServices) -> None:
    root = signed_in("root")
    page = root.get("/console/access").text
    assert "Propose version feedfacecafebeef anew" in page
    assert "Propose version 0a1b2c3d4e5f6071 anew" not in page, "it is in force"
    compared = root.get("/console/access/changes?version=feedfacecafebeef")
    assert (compared.status_code, "What version feedfacecafebeef would change" in compared.text) == (200, True)
    assert root.get("/console/access/changes?version=nothing").status_code == 404
    sent = {"csrf": token_in(page), "reason": "it was better", "version": "feedfacecafebeef"}
    assert root.post("/console/access/propose", data=sent).status_code == 303
    assert services.policies.acts == [("propose", "root", "it was better", "feedfacecafebeef")]


def test_the_folder_that_is_not_valid_says_where(signed_in: SignedIn, services: FakeServices) -> None:
    services.policies.own = "permit ("
    for path in ("check", "changes"):
        page = signed_in("root").get(f"/console/access/{path}")
        assert page.status_code == 422
        assert "90.cedar:1" in page.text


def test_policies_are_proposed_and_put_in_force_by_somebody_else(signed_in: SignedIn, services: FakeServices) -> None:
    time = "2026-11-23T15:00:00.000Z"
    services.policies.proposed = [
        Proposal("p-1", "0a1b2c3d4e5f6071", "ada", time, "a <b>holiday</b>", own=False, stale=False),
        Proposal("p-2", "feedfacecafebeef", "root", time, "", own=False, stale=False),
        Proposal("p-3", "feedfacecafebee2", "ada", time, "", own=False, stale=True),
    ]
    root = signed_in("root")
    page = root.get("/console/access").text
    assert "a &lt;b&gt;holiday&lt;/b&gt;" in page
    assert "proposals/p-1/activate" in page
    assert "proposals/p-2/activate" not in page, "one's own"
    version = services.policies.proposed[0].version
    assert f"/console/access/changes?version={version}" in page
    assert f"What version {version} would change" in root.get(f"/console/access/changes?version={version}").text
    assert "What the folder would change" in root.get("/console/access/changes").text
    assert services.policies.compared == [version, "folder"]
    assert root.get("/console/access/changes?version=unheard-of").status_code == 404
    assert "proposals/p-3/activate" not in page, "others are in force by now"
    sent = {"csrf": token_in(page), "reason": "it is one"}
    assert root.post("/console/access/propose", data=sent).status_code == 303
    assert root.post("/console/access/proposals/p-1/activate", data=sent).status_code == 303
    assert root.post("/console/access/proposals/p-2/withdraw", data=sent).status_code == 303
    assert root.post("/console/access/proposals/p-2/open", data=sent).status_code == 404
    refused = root.post("/console/access/proposals/p-2/activate", data=sent)
    assert (refused.status_code >= 400, "somebody else must" in refused.text) == (True, True)
    assert root.post("/console/access/propose", data={**sent, "csrf": "x" * 43}).status_code == 403
    assert services.policies.acts == [
        ("propose", "root", "it is one"), ("activate", "root", "p-1", "it is one"), ("withdraw", "root", "p-2"),
    ]  # fmt: skip
    alice = signed_in("alice")
    own = {"csrf": token_in(alice.get("/console/documents").text), "reason": ""}
    assert alice.post("/console/access/proposals/p-1/activate", data=own).status_code == 403
    assert len(services.policies.acts) == 3
