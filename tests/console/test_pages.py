"""Who sees what, and what surrounds every page."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from tests.console.conftest import SignedIn
from tests.console.fakes import (
    ADMIN_ACT,
    ALICE_EXCHANGE,
    BLOCKED_EXCHANGE,
    BOB_EXCHANGE,
    CHECKS,
    PEOPLE,
    SECRET_WORDS,
    FakeServices,
    decision_point,
    intent,
    outcome,
)

from wardstead.access.ports import Decision, Identity, Resource
from wardstead.console.app import create_console
from wardstead.console.ports import Ruling
from wardstead.console.rendering import SHOWN_CHARACTERS, SHOWN_TEXTS, StaticFiles
from wardstead.console.site import ConsoleSettings
from wardstead.isolation.posture import State
from wardstead.kernel.errors import BackendError, IntegrityError
from wardstead.kernel.labels import PUBLIC, Label, label

PAGES = [
    "/console/",
    "/console/live",
    "/console/exchanges",
    f"/console/exchanges/{ALICE_EXCHANGE}",
    f"/console/exchanges/{ALICE_EXCHANGE}/sent.json",
    f"/console/exchanges/{ALICE_EXCHANGE}/content.json",
    f"/console/exchanges/{ALICE_EXCHANGE}/receipt.json",
    "/console/classification",
    "/console/classification/try",
    "/console/chat",
]
EVERYWHERE = [*PAGES, "/console/classification/what-if", "/console/sign-in", "/console/password", "/console/nothing", "/nothing"]


# -- every page ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_whoever_is_not_signed_in_is_sent_to_sign_in(client: TestClient, services: FakeServices, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in")
    assert not services.calls
    # A script is told, not sent elsewhere.
    assert client.get(path, headers={"accept": "application/json"}).status_code == 401


@pytest.mark.parametrize("path", PAGES)
def test_whoever_may_not_open_the_console_sees_nothing_of_it(
    signed_in: SignedIn, services: FakeServices, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = signed_in("alice")

    def deny(identity: Identity, action: str, resource: Resource, label: Label = PUBLIC) -> Decision:
        if action == "viewConsole":
            return Decision(allow=False, policies=(), reason="not today", code="access.default_deny")
        return FakeServices.decide(services, identity, action, resource)

    monkeypatch.setattr(services, "decide", deny)
    answer = alice.get(path)
    assert answer.status_code == 403
    assert "Not today" in answer.text
    assert not services.calls


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("name", [None, "alice", "root"])
def test_every_answer_tells_the_browser_to_trust_nothing(
    client: TestClient, signed_in: SignedIn, path: str, name: str | None
) -> None:
    answer = (signed_in(name) if name else client).get(path)
    policy = answer.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in policy.split("; ")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", EVERYWHERE)
def test_no_page_holds_a_script_a_style_or_anything_from_elsewhere(signed_in: SignedIn, path: str) -> None:
    page = signed_in("root").get(path).text
    assert "style=" not in page
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"\son\w+=", page)
    for address in re.findall(r'(?:src|href|action)="([^"]+)"', page):
        assert address.startswith(("/console", "#")), address


@pytest.mark.parametrize("path", ["/", "/console"])
def test_the_front_door_leads_to_the_console(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")


def test_a_host_that_is_not_served_is_refused(services: FakeServices) -> None:
    console = create_console(services, ConsoleSettings(allowed_hosts=frozenset({"localhost", "[::1]"})))
    client = TestClient(console, base_url="https://localhost:8443")
    assert client.get("/console/sign-in").status_code == 200
    assert client.get("/console/sign-in", headers={"host": "[::1]:8443"}).status_code == 200
    assert client.get("/console/sign-in", headers={"host": "rebound.example:8443"}).status_code == 400


def test_an_unknown_address_and_a_wrong_method_are_pages_too(client: TestClient) -> None:
    missing = client.get("/console/<script>alert(1)</script>")
    assert missing.status_code == 404
    assert "<script>alert" not in missing.text
    wrong = client.post("/console/chat", data={})
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["allow"]


def test_a_crash_shows_and_logs_nothing_of_what_it_was_about(
    signed_in: SignedIn, services: FakeServices, caplog: pytest.LogCaptureFixture
) -> None:
    alice = signed_in("alice")
    services.crash = True
    with caplog.at_level(logging.INFO):
        answer = alice.get("/console/")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "Traceback" not in answer.text
    said = answer.text + caplog.text + json.dumps([getattr(record, "fields", {}) for record in caplog.records])
    assert SECRET_WORDS not in said
    assert "RuntimeError" in said


def test_a_store_that_does_not_answer_is_a_clear_503(
    signed_in: SignedIn, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = signed_in("alice")

    def fail(**_: object) -> None:
        raise BackendError("the ledger cannot be read", next_step="Try again in a moment")

    monkeypatch.setattr(services, "exchanges", fail)
    answer = alice.get("/console/exchanges")
    assert answer.status_code == 503
    assert "The ledger cannot be read" in answer.text
    assert answer.headers["retry-after"] == "30"


def test_static_files_are_named_by_their_content_and_kept_for_ever(client: TestClient) -> None:
    for one in StaticFiles().by_name.values():
        answer = client.get(one.path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"] == one.media_type
    assert client.get("/console/static/000000000000/console.css").status_code == 404
    assert client.get("/console/static/000000000000/..%2fapp.py").status_code == 404


# -- the Overview ----------------------------------------------------------------------------------------------------------


def test_the_overview_shows_every_protection_with_evidence_and_the_next_step(signed_in: SignedIn) -> None:
    page = signed_in("root").get("/console/").text
    for check in CHECKS:
        assert check.title in page
    assert "whoever holds the keys could rewrite it" in page
    assert "name one in ledger.witnesses" in page
    assert "1 of 4 protections could be better" in page
    assert "Gateway: holds" in page


def test_evidence_is_for_those_who_look_after_the_deployment(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/console/").text
    assert all(check.title in page for check in CHECKS)
    assert "whoever holds the keys" not in page
    assert "name one in" not in page


@pytest.mark.parametrize("path", ["/console/", "/console/exchanges", "/console/chat"])
def test_what_does_not_hold_is_shouted_on_every_page(signed_in: SignedIn, services: FakeServices, path: str) -> None:
    alice = signed_in("alice")
    assert "not hold" not in alice.get(path).text
    services.checks = tuple(replace(one, state=State.RED) if one.id.startswith("isolation") else one for one in CHECKS)
    assert "A protection does not hold:" in alice.get(path).text
    services.checks = ()
    assert "holds" not in alice.get("/console/").text


def live_rows(client: TestClient) -> list[dict[str, object]]:
    text = client.get("/console/live").text
    found = re.search(r"^event: rows\ndata: (.*)$", text, re.MULTILINE)
    assert found is not None
    rows: list[dict[str, object]] = json.loads(found[1])
    return rows


def test_live_events_show_people_their_own_exchanges_and_overseers_all_without_content(
    signed_in: SignedIn, services: FakeServices
) -> None:
    alice = live_rows(signed_in("alice"))
    assert {row["person"] for row in alice} == {"alice"}
    assert {row["model"] for row in alice} == {"smollm2"}
    services.calls.clear()
    ada = live_rows(signed_in("ada"))
    assert {row["person"] for row in ada} == {"alice", "bob", "root"}
    assert {row["model"] for row in ada} == {""}
    assert {row["act"] for row in ada} == {"", "made an API key"}
    assert services.calls == [("glimpse", ADMIN_ACT)]


def test_live_events_end_when_the_session_does(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    services.sessions.clear()
    assert alice.get("/console/live", headers={"accept": "text/event-stream"}).status_code == 401


# -- exchanges -------------------------------------------------------------------------------------------------------------


def test_the_list_is_paged_and_holds_ones_own_exchanges_only(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/console/exchanges").text
    assert ALICE_EXCHANGE in page
    assert BLOCKED_EXCHANGE in page
    assert BOB_EXCHANGE not in page
    root = signed_in("root")
    first = root.get("/console/exchanges").text
    assert ALICE_EXCHANGE in first
    assert BLOCKED_EXCHANGE not in first
    older = root.get(re.findall(r'href="(/console/exchanges\?before=\d+)"', first)[0]).text
    assert BLOCKED_EXCHANGE in older
    assert ADMIN_ACT in older
    assert "before=" not in older


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 40, "\u0663", "1e3"])
def test_a_cursor_that_is_none_is_ignored(signed_in: SignedIn, cursor: str) -> None:
    assert signed_in("root").get("/console/exchanges", params={"before": cursor}).status_code == 200


def test_the_owner_sees_every_decision_on_the_road(signed_in: SignedIn) -> None:
    page = signed_in("alice").get(f"/console/exchanges/{ALICE_EXCHANGE}").text
    steps = re.findall(r'<li class="step[^"]*" id="(?:step-)?([a-z]+)"', page)
    assert steps == ["request", "identity", "inspection", "decision", "intent", "model", "guard", "outcome", "receipt"]
    for said in (SECRET_WORDS, "users-ask-models", "credit-card redacted", "184 ms", "31 in, 74 out", "Dear Ann"):
        assert said in page
    assert "&lt;b&gt;now&lt;/b&gt;" in page
    assert "signed tree of 11 entries" in page


def test_a_blocked_request_shows_what_was_found_and_that_nothing_was_sent(signed_in: SignedIn) -> None:
    page = signed_in("alice").get(f"/console/exchanges/{BLOCKED_EXCHANGE}").text
    assert "private-key: blocked" in page
    assert "What was asked is not kept." in page
    assert 'id="step-model"' not in page


@pytest.mark.parametrize("name", ["root", "ada"])
@pytest.mark.parametrize("exchange", [ALICE_EXCHANGE, BLOCKED_EXCHANGE])
def test_who_may_see_that_it_took_place_sees_nothing_of_what_was_said(
    signed_in: SignedIn, services: FakeServices, name: str, exchange: str
) -> None:
    reader = signed_in(name)
    page = reader.get(f"/console/exchanges/{exchange}")
    assert page.status_code == 200
    assert "only its owner, or somebody with viewExchange, can open it" in page.text
    assert "no policy permits" not in page.text
    for content in (SECRET_WORDS, "Dear Ann", "smollm2</", "credit-card", "users-ask-models"):
        assert content not in page.text
    assert "signed tree of 11 entries" in page.text
    assert reader.get(f"/console/exchanges/{exchange}/sent.json").status_code == 404
    assert reader.get(f"/console/exchanges/{exchange}/content.json").status_code == 404
    assert reader.get(f"/console/exchanges/{exchange}/receipt.json").status_code == 200
    assert not services.calls


@pytest.mark.parametrize("rest", ["", "/sent.json", "/content.json", "/receipt.json"])
def test_the_exchange_of_another_looks_like_one_that_does_not_exist(
    signed_in: SignedIn, services: FakeServices, rest: str
) -> None:
    alice = signed_in("alice")
    others = alice.get(f"/console/exchanges/{BOB_EXCHANGE}{rest}")
    absent = alice.get(f"/console/exchanges/0193a5b0-0000-7000-8000-000000000000{rest}")
    assert others.status_code == absent.status_code == 404
    assert others.text == absent.text
    assert not services.calls


@pytest.mark.parametrize("given", ["%00", "x" * 65, "%E2%82%AC", "..%2f..%2fetc"])
def test_an_id_that_cannot_be_one_is_not_looked_for(signed_in: SignedIn, given: str) -> None:
    assert signed_in("root").get(f"/console/exchanges/{given}").status_code == 404


def test_the_chat_gets_back_what_was_sent_on(signed_in: SignedIn) -> None:
    said = signed_in("alice").get(f"/console/exchanges/{ALICE_EXCHANGE}/sent.json").json()
    assert [one["who"] for one in said["messages"]] == ["user"]
    assert "[redacted:credit-card]" in said["messages"][0]["text"]
    assert signed_in("alice").get(f"/console/exchanges/{BLOCKED_EXCHANGE}/sent.json").json() == {"messages": []}


def test_long_texts_are_cut_and_all_of_them_is_a_download_away(signed_in: SignedIn, services: FakeServices) -> None:
    long = "[redacted:email] <b>" + "x" * (3 * SHOWN_CHARACTERS) + "the end"
    asked = intent(long)
    asked["request"]["messages"] += [{"role": "user", "content": f"message {number}."} for number in range(2 * SHOWN_TEXTS)]
    services.put(ALICE_EXCHANGE, asked, outcome("completed", "short"))
    alice = signed_in("alice")
    page = alice.get(f"/console/exchanges/{ALICE_EXCHANGE}").text
    assert f"the first {SHOWN_CHARACTERS:,} of {len(long):,} characters" in page
    assert "email redacted" in page
    assert "the end" not in page
    assert f"of {2 * SHOWN_TEXTS + 1} texts" in page
    assert f"message {2 * SHOWN_TEXTS - 1}." in page
    assert f"message {SHOWN_TEXTS}." not in page
    assert len(page) < 2 * SHOWN_CHARACTERS
    link = re.findall(r'href="([^"]+/content.json)"', page)[0]
    entries = alice.get(link).json()["entries"]
    assert entries[0]["content"] == asked
    assert ("download", ALICE_EXCHANGE) in services.calls, "where files may go is decided"
    assert "content.json" not in alice.get(f"/console/exchanges/{BLOCKED_EXCHANGE}").text


@pytest.mark.parametrize("name", ["root", "ada"])
def test_administrators_and_auditors_read_the_record_of_administration(signed_in: SignedIn, name: str) -> None:
    reader = signed_in(name)
    page = reader.get(f"/console/exchanges/{ADMIN_ACT}").text
    assert "command line made an API key (bob)." in page
    assert "key.create" in page
    assert "operator-7" in page
    first = reader.get("/console/exchanges").text
    assert "made an API key" in reader.get(re.findall(r'href="(/console/exchanges\?before=\d+)"', first)[0]).text


def test_others_do_not_know_of_an_act_of_administration(signed_in: SignedIn, services: FakeServices) -> None:
    assert signed_in("alice").get(f"/console/exchanges/{ADMIN_ACT}").status_code == 404
    assert not services.calls


def test_an_act_that_no_policy_opens_is_said_to_be_sealed(
    signed_in: SignedIn, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = signed_in("ada")

    def deny(identity: Identity, action: str, resource: Resource, label: Label = PUBLIC) -> Decision:
        if action == "viewAdministration":
            return Decision(allow=False, policies=(), reason="no policy permits you to", code="access.default_deny")
        return FakeServices.decide(services, identity, action, resource)

    monkeypatch.setattr(services, "decide", deny)
    page = ada.get(f"/console/exchanges/{ADMIN_ACT}").text
    assert "not what was done: no policy permits you to." in page
    assert "operator-7" not in page
    assert not services.calls


def test_erased_content_says_so_and_still_proves(signed_in: SignedIn, services: FakeServices) -> None:
    services.put(ALICE_EXCHANGE, None, None)
    page = signed_in("alice").get(f"/console/exchanges/{ALICE_EXCHANGE}").text
    assert "erased for good" in page
    assert "signed tree of 11 entries" in page
    services.contents[ALICE_EXCHANGE]["mentioned"] = True
    page = signed_in("alice").get(f"/console/exchanges/{ALICE_EXCHANGE}").text
    assert "Somebody whom it mentioned was erased" in page
    assert "erased for good" not in page


def test_an_exchange_without_an_outcome_is_under_way(signed_in: SignedIn, services: FakeServices) -> None:
    services.summaries[0] = replace(services.summaries[0], outcome="")
    services.put(ALICE_EXCHANGE, services.contents[ALICE_EXCHANGE]["entries"][0]["content"], None)
    assert "Still under way." in signed_in("alice").get(f"/console/exchanges/{ALICE_EXCHANGE}").text


def test_an_altered_record_is_said_to_be_altered(
    signed_in: SignedIn, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def altered(exchange_id: str, reader: Identity) -> None:
        raise IntegrityError("the body does not open under its key")

    monkeypatch.setattr(services, "open_exchange", altered)
    services.broken = True
    page = signed_in("alice").get(f"/console/exchanges/{ALICE_EXCHANGE}").text
    assert "This record was altered:" in page
    assert "The proof does not hold:" in page
    assert "Proven" not in page


# -- the chat --------------------------------------------------------------------------------------------------------------


def test_the_chat_offers_the_models_that_this_person_may_ask(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/console/chat").text
    assert 'value="smollm2"' in page
    assert 'data-csrf="csrf_alice_0"' in page
    nobody = signed_in("ada").get("/console/chat").text
    assert "There is no model that you may ask." in nobody
    assert "<textarea" not in nobody


def test_the_starter_policies_are_what_these_tests_decide_with() -> None:
    assert decision_point().version
    assert set(PEOPLE) == {"alice", "bob", "root", "ada", "ines", "mia", "new"}


@pytest.mark.parametrize("mark", [label("restricted", ["personal"]), label("confidential", ["health"])])
def test_whom_policy_lets_read_others_reads_nothing_above_their_clearance(
    signed_in: SignedIn, services: FakeServices, mark: Label
) -> None:
    services.labels[ALICE_EXCHANGE] = mark
    ines = signed_in("ines")
    page = ines.get(f"/console/exchanges/{ALICE_EXCHANGE}")
    assert page.status_code == 200, "an auditor sees that it took place"
    for hidden in (SECRET_WORDS, "Dear Ann", "health", "restricted"):
        assert hidden not in page.text
    assert ines.get(f"/console/exchanges/{ALICE_EXCHANGE}/sent.json").status_code == 404
    assert ines.get(f"/console/exchanges/{ALICE_EXCHANGE}/content.json").status_code == 404
    assert not any(call[0] == "open" for call in services.calls)
    assert SECRET_WORDS in signed_in("alice").get(f"/console/exchanges/{ALICE_EXCHANGE}").text, "its owner reads it always"


def test_whom_policy_lets_read_others_reads_what_they_are_cleared_for(signed_in: SignedIn, services: FakeServices) -> None:
    services.labels[ALICE_EXCHANGE] = label("confidential", ["personal"])
    ines = signed_in("ines")
    assert SECRET_WORDS in ines.get(f"/console/exchanges/{ALICE_EXCHANGE}").text
    assert ("label", ALICE_EXCHANGE) in services.calls
    row = ines.get("/console/exchanges").text
    assert "smollm2" in row


def test_a_list_hides_model_and_label_of_what_is_above_its_reader(signed_in: SignedIn, services: FakeServices) -> None:
    above = label("restricted", ["health"])
    services.labels |= {ALICE_EXCHANGE: above, BOB_EXCHANGE: above, BLOCKED_EXCHANGE: above}
    assert "smollm2" not in signed_in("ines").get("/console/exchanges").text
    assert "smollm2" in signed_in("alice").get("/console/exchanges").text


def test_who_answers_for_the_deployment_sees_which_rules_denied_something_and_not_what(
    signed_in: SignedIn, services: FakeServices
) -> None:
    services.summaries = [replace(one, outcome="denied") if one.id == BOB_EXCHANGE else one for one in services.summaries]
    services.rulings[BOB_EXCHANGE] = Ruling("access.forbidden", ("no-read-up",), "0a1b2c3d")
    page = signed_in("ada").get(f"/console/exchanges/{BOB_EXCHANGE}").text
    assert "Denied by the access policies" in page
    assert "no-read-up" in page
    assert SECRET_WORDS not in page
    services.summaries = [replace(one, outcome="answered") if one.id == BOB_EXCHANGE else one for one in services.summaries]
    assert "no-read-up" not in signed_in("ada").get(f"/console/exchanges/{BOB_EXCHANGE}").text
    assert signed_in("alice").get(f"/console/exchanges/{BOB_EXCHANGE}").status_code == 404
