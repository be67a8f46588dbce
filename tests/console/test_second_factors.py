"""The pages of second factors: the second half of a sign-in, one's own account, and confirming."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import CODE, PASSWORD, RECOVERY, FakeServices

from wardstead.console.sessions import SESSION_COOKIE, STEP_COOKIE

SECOND, ACCOUNT, CONFIRM = "/console/sign-in/second", "/console/account", "/console/confirm"


def half(client: TestClient, services: FakeServices, target: str = "/console/exchanges") -> str:
    """The page after the right password of somebody with an authenticator."""
    services.factors.codes.add("alice")
    form = {"csrf": token_in(client.get("/console/sign-in").text), "name": "alice", "password": PASSWORD, "next": target}
    page = client.post("/console/sign-in", data=form)
    assert page.status_code == 200
    return page.text


def fields(page: str, **more: str) -> dict[str, str]:
    return {**dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)), **more}


def test_a_password_and_a_code_open_a_session_and_lead_on(client: TestClient, services: FakeServices) -> None:
    page = half(client, services)
    assert not services.sessions
    assert SESSION_COOKIE not in client.cookies
    assert client.cookies[STEP_COOKIE] not in page
    answer = client.post(SECOND, data=fields(page, code=CODE))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/exchanges")
    assert STEP_COOKIE not in client.cookies
    assert client.get("/console/").status_code == 200


def test_a_wrong_code_is_asked_for_again_and_what_is_lost_begins_again(client: TestClient, services: FakeServices) -> None:
    page = half(client, services)
    wrong = client.post(SECOND, data=fields(page, code="000000"))
    assert wrong.status_code == 403
    assert "The code is not right" in wrong.text
    assert 'name="next" value="/console/exchanges"' in wrong.text
    assert client.post(SECOND, data=fields(wrong.text, code=CODE)).status_code == 303
    lost = client.post(SECOND, data=fields(half(client, services), code=CODE), headers={"cookie": ""})
    assert lost.status_code == 403  # without cookies there is no form token either
    page = half(client, services)
    client.cookies.delete(STEP_COOKIE)
    gone = client.post(SECOND, data=fields(page, code=CODE))
    assert gone.status_code == 400
    assert "does not go on" in gone.text
    assert 'action="/console/sign-in"' in gone.text


def test_the_second_half_needs_the_forms_token(client: TestClient, services: FakeServices) -> None:
    page = half(client, services)
    for given in ("", "guessed"):
        assert client.post(SECOND, data=fields(page, code=CODE) | {"csrf": given}).status_code == 403
    assert not services.sessions


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/console/sign-in"])
def test_it_leads_to_our_own_pages_alone(client: TestClient, services: FakeServices, target: str) -> None:
    page = half(client, services)
    answer = client.post(SECOND, data=fields(page, code=CODE) | {"next": target})
    assert answer.headers["location"] == "/console/"


def test_somebody_adds_an_authenticator_and_sees_recovery_codes_once(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    page = alice.get(ACCOUNT).text
    assert "Add an authenticator" in page
    assert "Recovery codes" not in page
    begun = alice.post(f"{ACCOUNT}/codes", data={"csrf": token_in(page)})
    assert (begun.status_code, begun.headers["location"]) == (303, f"{ACCOUNT}/codes")
    page = alice.get(f"{ACCOUNT}/codes").text
    assert "<svg" in page
    assert "JBSW" in page
    wrong = alice.post(f"{ACCOUNT}/codes/confirm", data={"csrf": token_in(page), "code": "1"})
    assert wrong.status_code == 403
    assert "The code is not right" in wrong.text
    before = alice.cookies[SESSION_COOKIE]
    done = alice.post(f"{ACCOUNT}/codes/confirm", data={"csrf": token_in(page), "code": CODE})
    assert done.status_code == 200
    assert all(one in done.text for one in RECOVERY)
    assert alice.cookies[SESSION_COOKIE] != before
    page = alice.get(ACCOUNT).text
    assert "Remove the authenticator" in page
    assert not any(one in page for one in RECOVERY)
    assert alice.get(f"{ACCOUNT}/codes").headers["location"] == ACCOUNT
    again = alice.post(f"{ACCOUNT}/recovery-codes", data={"csrf": token_in(page)})
    assert "worth nothing" in again.text
    assert alice.post(f"{ACCOUNT}/codes/remove", data={"csrf": token_in(page)}).status_code == 303
    assert services.factors.codes == set()


def test_a_session_that_proved_too_little_is_told_what_to_do(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    services.factors.problem = "somebody who has just proved who they are"
    page = alice.get(ACCOUNT)
    assert "somebody who has just proved" in page.text
    assert "Add an authenticator</button>" not in page.text
    refused = alice.post(f"{ACCOUNT}/codes", data={"csrf": token_in(page.text)})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "path", [f"{ACCOUNT}/codes", f"{ACCOUNT}/codes/confirm", f"{ACCOUNT}/codes/remove", f"{ACCOUNT}/recovery-codes", CONFIRM]
)
def test_nothing_of_it_happens_without_the_pages_token(signed_in: SignedIn, services: FakeServices, path: str) -> None:
    alice = signed_in("alice")
    services.factors.codes.add("alice")
    assert alice.post(path, data={"csrf": "guessed", "code": CODE}).status_code == 403
    assert services.factors.codes == {"alice"}
    assert services.factors.pending == set()
    assert len(services.sessions) == 1


def test_confirming_puts_another_session_in_place_and_leads_back(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    assert alice.get(CONFIRM).headers["location"] == ACCOUNT  # nothing to confirm with
    again = alice.get(f"{CONFIRM}?next=/console/models/of/own&step=sign-in").headers["location"]
    assert again == "/console/sign-in?next=%2Fconsole%2Fmodels%2Fof%2Fown", "a password is enough to sign in once more"
    assert alice.get(f"{CONFIRM}?next=//evil.example&step=sign-in").headers["location"] == "/console/sign-in?next=%2Fconsole%2F"
    services.factors.codes.add("alice")
    page = alice.get(f"{CONFIRM}?next=/console/chat").text
    wrong = alice.post(CONFIRM, data=fields(page, code="1"))
    assert wrong.status_code == 403
    before = alice.cookies[SESSION_COOKIE]
    answer = alice.post(CONFIRM, data=fields(page, code=CODE))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/chat")
    assert alice.cookies[SESSION_COOKIE] != before


def test_who_may_not_open_the_console_sees_their_account_and_what_would_help(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    services.demand = "second-factor"
    refused = alice.get("/console/exchanges")
    assert refused.status_code == 403
    assert f'href="{CONFIRM}?next=%2Fconsole%2Fexchanges"' in refused.text
    assert alice.get(ACCOUNT).status_code == 200


def test_without_a_session_there_is_no_account(client: TestClient) -> None:
    for path in (ACCOUNT, f"{ACCOUNT}/codes", CONFIRM):
        assert client.get(path).headers["location"].startswith("/console/sign-in")


# -- passkeys --------------------------------------------------------------------------------------------------------------


def test_a_passkey_signs_in_by_a_question_and_its_answer(client: TestClient, services: FakeServices) -> None:
    page = client.get("/console/sign-in?next=/console/chat").text
    assert "Sign in with a passkey" in page
    asked = client.post("/console/sign-in/passkey/ask", data={"csrf": token_in(page)})
    assert asked.json() == {"challenge": "AAAA"}
    wrong = client.post("/console/sign-in/passkey", data={"csrf": token_in(page), "answer": "x"})
    assert wrong.status_code == 403
    assert "not accepted" in wrong.text
    form = {"csrf": token_in(page), "answer": "proof", "next": "/console/chat"}
    answer = client.post("/console/sign-in/passkey", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/chat")
    assert client.get("/console/").status_code == 200


def test_where_there_is_no_name_for_passkeys_none_are_offered(client: TestClient, services: FakeServices) -> None:
    services.passkeys.works = False
    assert "passkey" not in client.get("/console/sign-in").text.replace("passkeys.js", "")


def test_passkeys_are_added_renamed_and_removed(signed_in: SignedIn, services: FakeServices, client: TestClient) -> None:
    alice = signed_in("alice")
    token = token_in(alice.get(ACCOUNT).text)
    assert alice.post(f"{ACCOUNT}/passkeys/ask", data={"csrf": token}).json() == {"challenge": "AAAA"}
    added = alice.post(f"{ACCOUNT}/passkeys", data={"csrf": token, "answer": "proof", "name": "blue"})
    assert added.status_code == 200
    assert all(code in added.text for code in RECOVERY), "whoever has nothing else has these, should they lose it"
    page = alice.get(ACCOUNT).text
    assert "<b>blue</b>" in page
    fresh = token_in(page)
    assert alice.post(f"{ACCOUNT}/passkeys/p0/rename", data={"csrf": fresh, "name": "<i>red</i>"}).status_code == 303
    assert "&lt;i&gt;red&lt;/i&gt;" in alice.get(ACCOUNT).text
    gone = alice.post(f"{ACCOUNT}/passkeys/p9/rename", data={"csrf": fresh, "name": "x"})
    assert gone.status_code == 404
    form = {"csrf": token_in(client.get("/console/sign-in").text), "name": "alice", "password": PASSWORD}
    page = client.post("/console/sign-in", data=form).text
    assert "Use a passkey" in page
    assert client.post(f"{SECOND}/passkey/ask", data={"csrf": token_in(page)}).status_code == 200
    assert client.post(f"{SECOND}/passkey", data={"csrf": token_in(page), "answer": "proof"}).status_code == 303
    assert alice.post(f"{ACCOUNT}/passkeys/p0/remove", data={"csrf": fresh}).status_code == 303
    assert services.factors.passkeys["alice"] == ()


def test_confirming_with_a_passkey(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    services.factors.codes.add("alice")
    token = token_in(alice.get(CONFIRM).text)
    assert alice.post(f"{CONFIRM}/passkey/ask", data={"csrf": token}).status_code == 200
    assert alice.post(f"{CONFIRM}/passkey", data={"csrf": token, "answer": "x"}).status_code == 403
    answer = alice.post(f"{CONFIRM}/passkey", data={"csrf": token, "answer": "proof", "next": "/console/chat"})
    assert answer.headers["location"] == "/console/chat"


@pytest.mark.parametrize("path", ["/console/sign-in/passkey", f"{SECOND}/passkey", f"{CONFIRM}/passkey", f"{ACCOUNT}/passkeys"])
@pytest.mark.parametrize("step", ["", "/ask"])
def test_no_question_and_no_answer_without_the_pages_token(
    signed_in: SignedIn, services: FakeServices, path: str, step: str
) -> None:
    alice = signed_in("alice")
    for given in ("", "guessed"):
        answer = alice.post(f"{path}{step}", data={"csrf": given, "answer": "proof", "name": "x"})
        assert answer.status_code == 403
    assert services.factors.passkeys == {}
    assert len(services.sessions) == 1


def test_a_weak_session_gets_no_question_for_a_new_one(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    services.factors.problem = "prove who you are"
    refused = alice.post(f"{ACCOUNT}/passkeys/ask", data={"csrf": token_in(alice.get(ACCOUNT).text)})
    assert refused.status_code == 403
    assert "Prove who you are" in refused.json()["problem"]
