"""What every page says while an account for emergencies is open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import FakeServices

from wardstead.console.emergency_desk import AccountShown


def test_every_page_of_those_who_see_the_record_says_that_one_is_open(signed_in: SignedIn, services: FakeServices) -> None:
    services.unsealed = [("fire", "2026-11-26T04:00:00.000Z")]
    for path in ("/console/", "/console/exchanges", "/console/account"):
        assert "The break-glass account fire is open" in signed_in("root").get(path).text
        assert "break-glass" not in signed_in("alice").get(path).text
    services.unsealed = []
    assert "break-glass" not in signed_in("root").get("/console/").text


PAGE = "/console/break-glass"
FIRE = AccountShown("fire", "", ("admin",), ("auditor",), 4, may_close=False)


def test_nobody_is_shown_the_way_to_what_is_not_there(signed_in: SignedIn, services: FakeServices) -> None:
    assert PAGE not in signed_in("alice").get("/console/").text
    services.emergencies.sealed = [FIRE]
    assert PAGE in signed_in("alice").get("/console/").text


def test_one_asks_and_another_one_opens(signed_in: SignedIn, services: FakeServices) -> None:
    services.emergencies.sealed = [FIRE]
    alice, bob, ada = (signed_in(name) for name in ("alice", "bob", "ada"))
    form = {"csrf": token_in(alice.get(PAGE).text), "account": "fire", "hours": "2", "reason": "the <b>directory</b> burns"}
    assert alice.post(PAGE, data=form).status_code == 303
    assert "the &lt;b&gt;directory&lt;/b&gt; burns" in alice.get(PAGE).text
    assert "burns" not in bob.get(PAGE).text, "it does not concern him"
    assert "/openings/o0/open" not in alice.get(PAGE).text
    page = ada.get(PAGE).text
    assert f"{PAGE}/openings/o0/refuse" in page
    assert ada.post(f"{PAGE}/openings/o0/open", data={"csrf": token_in(page)}).status_code == 303
    refused = bob.post(f"{PAGE}/openings/o0/open", data={"csrf": token_in(bob.get(PAGE).text)})
    assert refused.status_code == 403
    assert services.emergencies.done == [("open", "o0")]


def test_an_open_one_is_sealed_again_by_who_may(signed_in: SignedIn, services: FakeServices) -> None:
    services.emergencies.sealed = [replace(FIRE, until="2026-11-26T04:00:00.000Z")]
    assert f"{PAGE}/close" not in signed_in("alice").get(PAGE).text
    ada = signed_in("ada")
    page = ada.get(PAGE).text
    assert f"{PAGE}/close" in page
    assert ada.post(f"{PAGE}/close", data={"csrf": token_in(page), "account": "fire"}).status_code == 303
    assert services.emergencies.done == [("close", "fire")]


@pytest.mark.parametrize("hours", ["", "many", "nan", "inf", "-1", "9"])
def test_what_is_no_time_is_refused_with_what_was_written_kept(signed_in: SignedIn, services: FakeServices, hours: str) -> None:
    services.emergencies.sealed = [FIRE]
    alice = signed_in("alice")
    form = {"csrf": token_in(alice.get(PAGE).text), "account": "fire", "hours": hours, "reason": "a long story"}
    answer = alice.post(PAGE, data=form)
    assert answer.status_code == 400
    assert 'value="a long story"' in answer.text
    assert services.emergencies.asked == []


@pytest.mark.parametrize("path", ["", "/openings/o0/open", "/openings/o0/refuse", "/close"])
def test_nothing_is_done_without_the_page_s_own_token(signed_in: SignedIn, services: FakeServices, path: str) -> None:
    services.emergencies.sealed = [FIRE]
    answer = signed_in("ada").post(PAGE + path, data={"csrf": "made up", "account": "fire", "hours": "1", "reason": "r"})
    assert answer.status_code in {400, 401, 403}
    assert (services.emergencies.asked, services.emergencies.done) == ([], [])
