"""Signing in, choosing a password, signing out, and the tokens that guard them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import ONE_TIME, PASSWORD, FakeServices

from wardstead.access.ports import CredentialKind, Identity
from wardstead.console.ports import Farewell
from wardstead.console.sessions import CSRF_COOKIE, FORM_COOKIE, SESSION_COOKIE
from wardstead.console.site import local


def form_of(client: TestClient, path: str = "/console/sign-in", **fields: str) -> dict[str, str]:
    return {"csrf": token_in(client.get(path).text), **fields}


def test_the_right_password_opens_a_session_in_cookies_that_scripts_and_other_sites_never_see(client: TestClient) -> None:
    answer = client.post("/console/sign-in", data=form_of(client, name="alice", password=PASSWORD))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/"
    cookies = {line.split("=")[0]: line.lower() for line in answer.headers.get_list("set-cookie")}
    for name in (SESSION_COOKIE, CSRF_COOKIE):
        assert all(word in cookies[name] for word in ("secure", "httponly", "samesite=strict", "path=/"))
        assert "domain" not in cookies[name]
    assert client.get("/console/").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_and_a_wrong_password_look_the_same(client: TestClient, name: str, password: str) -> None:
    answer = client.post("/console/sign-in", data=form_of(client, name=name, password=password))
    assert answer.status_code == 403
    assert "The name or the password is wrong." in answer.text
    assert SESSION_COOKIE not in client.cookies


def test_a_password_is_never_written_into_a_page(client: TestClient) -> None:
    for name, password in (("alice", "a wrong password!"), ("new", ONE_TIME)):
        assert password not in client.post("/console/sign-in", data=form_of(client, name=name, password=password)).text


def test_a_blocked_sign_in_says_what_to_do(client: TestClient) -> None:
    answer = client.post("/console/sign-in", data=form_of(client, name="blocked", password="x"))
    assert answer.status_code == 429
    assert "Wait half a minute" in answer.text
    assert answer.headers["retry-after"] == "30"


def test_a_one_time_secret_opens_nothing_but_the_choice_of_a_password(client: TestClient, services: FakeServices) -> None:
    page = client.post("/console/sign-in", data=form_of(client, name="new", password=ONE_TIME))
    assert page.status_code == 200
    assert "Choose your password" in page.text
    assert not services.sessions
    fields = {"csrf": token_in(page.text), "name": "new", "password": ONE_TIME, "first": "yes"}
    refused = client.post("/console/password", data={**fields, "new": "short", "again": "short"})
    assert refused.status_code == 400
    assert "12 to 1024 characters" in refused.text
    unlike = client.post("/console/password", data={**fields, "new": PASSWORD, "again": PASSWORD + "!"})
    assert "not the same" in unlike.text
    assert "is the old one" in client.post("/console/password", data={**fields, "new": ONE_TIME, "again": ONE_TIME}).text
    assert client.post("/console/password", data={**fields, "new": PASSWORD, "again": PASSWORD}).status_code == 303
    assert client.get("/console/").status_code == 200


def test_a_wrong_present_password_changes_nothing(client: TestClient, services: FakeServices) -> None:
    fields = form_of(client, "/console/password", name="alice", password="wrong", new="x" * 12, again="x" * 12)
    assert client.post("/console/password", data=fields).status_code == 403
    assert services.passwords["alice"] == PASSWORD


def test_signing_out_ends_the_session_for_good(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    kept = dict(alice.cookies)
    answer = alice.post("/console/sign-out", data={"csrf": token_in(alice.get("/console/").text)})
    assert answer.headers["location"] == "/console/sign-in"
    assert not services.sessions
    assert SESSION_COOKIE not in alice.cookies
    alice.cookies.update(kept)
    assert alice.get("/console/").status_code == 303


def test_whoever_came_from_a_provider_is_told_where_to_sign_out_as_well(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    services.farewell = Farewell("the company's account", "https://login.example/end?client_id=w")
    answer = alice.post("/console/sign-out", data={"csrf": token_in(alice.get("/console/").text)})
    assert answer.status_code == 200
    assert 'href="https://login.example/end?client_id=w"' in answer.text
    assert not services.sessions
    assert SESSION_COOKIE not in alice.cookies


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/password", "/console/sign-out"])
@pytest.mark.parametrize("token", [None, "", "guessed", "\u00e9"])
def test_a_post_without_the_pages_token_does_nothing(
    signed_in: SignedIn, services: FakeServices, path: str, token: str | None
) -> None:
    alice = signed_in("alice")
    alice.get("/console/sign-in")
    form = {"name": "bob", "password": PASSWORD, "new": "y" * 12, "again": "y" * 12, **({} if token is None else {"csrf": token})}
    assert alice.post(path, data=form).status_code == 403
    assert list(services.sessions) == ["wss_alice_0"]


def test_a_token_of_another_browser_does_not_fit(client: TestClient, signed_in: SignedIn) -> None:
    stolen = token_in(signed_in("bob").get("/console/sign-in").text)
    client.get("/console/sign-in")
    form = {"csrf": stolen, "name": "alice", "password": PASSWORD}
    assert client.post("/console/sign-in", data=form).status_code == 403
    client.cookies.delete(FORM_COOKIE)
    assert client.post("/console/sign-in", data=form).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
)
def test_a_post_that_another_site_sent_does_nothing(client: TestClient, services: FakeServices, headers: dict[str, str]) -> None:
    form = form_of(client, name="alice", password=PASSWORD)
    assert client.post("/console/sign-in", data=form, headers=headers).status_code == 403
    assert not services.sessions


def test_our_own_origin_is_welcome(client: TestClient) -> None:
    headers = {"origin": "https://localhost:8443", "sec-fetch-site": "same-origin"}
    form = form_of(client, name="alice", password=PASSWORD)
    assert client.post("/console/sign-in", data=form, headers=headers).status_code == 303


def test_a_session_whose_request_token_was_swapped_is_not_taken(signed_in: SignedIn) -> None:
    alice = signed_in("alice")
    alice.cookies.set(CSRF_COOKIE, "csrf_of_somebody_else", domain="localhost.local", path="/")
    assert alice.get("/console/").status_code == 403


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"name=a&name=b&csrf=c", "application/x-www-form-urlencoded"),
        (b"name=%ff%fe", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"&".join(b"f%d=1" % i for i in range(50)), "application/x-www-form-urlencoded"),
        (b'{"name": "alice"}', "application/json"),
        (b"", "multipart/form-data; boundary=x"),
    ],
)
def test_what_is_not_a_small_form_is_refused(client: TestClient, content: bytes, kind: str) -> None:
    answer = client.post("/console/sign-in", content=content, headers={"content-type": kind})
    assert answer.status_code == 400


def test_what_was_sent_without_a_session_leads_to_no_page_that_there_is_not(client: TestClient) -> None:
    asked = client.post("/console/access/proposals/one/activate", data={"csrf": "x", "reason": "y"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/console/sign-in")


def test_signing_in_leads_back_to_the_page_that_was_asked_for(client: TestClient) -> None:
    asked = client.get("/console/exchanges?before=40")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fexchanges%3Fbefore%3D40"
    form = form_of(client, asked.headers["location"], name="alice", password=PASSWORD, next="/console/exchanges?before=40")
    assert client.post("/console/sign-in", data=form).headers["location"] == "/console/exchanges?before=40"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example",
        "/console/\\evil",
        "/console//evil",
        "/console/\r\nx: y",
        "",
        "/console/../evil",
        "/console/../../evil",
        "/console/a/%2E%2e/%2e./evil",
        "/console/./../v1?x=/",
        "/console/..",
    ],
)
def test_signing_in_never_leads_elsewhere(path: str) -> None:
    assert local(path) == "/console/"


@given(st.text())
def test_where_signing_in_leads_is_always_a_page_of_the_console(path: str) -> None:
    target = local(path)
    assert target.startswith("/console/")
    assert "//" not in target[:10]
    assert target.isprintable()


def test_an_api_key_is_no_session(signed_in: SignedIn, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, identify = signed_in("alice"), services.identify

    async def by_key(token: str, csrf: str) -> Identity:
        found = await identify(token, csrf)
        return Identity(found.principal, replace(found.credential, kind=CredentialKind.API_KEY))

    page = alice.get("/console/chat").text
    monkeypatch.setattr(services, "identify", by_key)
    assert alice.get("/console/exchanges").status_code == 303
    assert alice.post("/console/sign-out", data={"csrf": token_in(page)}).headers["location"] == "/console/sign-in"
    assert services.sessions
