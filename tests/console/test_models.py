"""Models at the console: who sees them, what a page tells, and what is done there."""

from __future__ import annotations

import pytest
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import FakeServices

PAGE = "/console/models"


def test_models_are_for_those_who_look_after_them(signed_in: SignedIn) -> None:
    assert PAGE not in signed_in("alice").get("/console/").text
    assert signed_in("alice").get(PAGE).status_code == 403
    for name in ("root", "ada"):
        page = signed_in(name).get(PAGE)
        assert page.status_code == 200
        assert "it is on its way" in page.text


def test_a_page_tells_what_was_found_who_did_what_and_what_is_lacking_escaped(signed_in: SignedIn) -> None:
    page = signed_in("root").get(f"{PAGE}/of/own").text
    for said in ("has not been admitted", "No words for system prompts", "nobody reviewed it", "<b>added</b> by root", "a" * 64):
        assert said in page
    assert "&lt;i&gt;x&lt;/i&gt;" in page
    assert "&lt;b&gt;w.gguf" in page
    assert f"{PAGE}/act/review" in page
    assert f"{PAGE}/act/approve" not in page, "only what may be done now is offered"


def test_its_whole_life_is_one_line_after_the_other_with_entries_for_those_who_may_open_them(signed_in: SignedIn) -> None:
    page = signed_in("root").get(f"{PAGE}/of/own").text
    for said in ("<b>Suspended</b>", "by the watch over its files", "&lt;i&gt;w.gguf&lt;/i&gt; changed", "2026-11-26"):
        assert said in page
    assert "/console/exchanges/act-2" in page
    assert f"{PAGE}/of/own?before=7#history" in page
    approver = signed_in("mia").get(f"{PAGE}/of/own").text
    assert "<b>Suspended</b>" in approver
    assert "/console/exchanges/act-2" not in approver, "whoever may not read the record of administration has no way there"


def test_a_name_with_a_slash_has_a_page_and_another_one_has_none(signed_in: SignedIn) -> None:
    page = signed_in("root").get(f"{PAGE}/of/org/else")
    assert page.status_code == 200
    assert "unattested" in page.text
    assert signed_in("root").get(f"{PAGE}/of/nothing").status_code == 404


def test_an_act_is_carried_out_as_who_is_signed_in_with_a_reason(signed_in: SignedIn, services: FakeServices) -> None:
    root = signed_in("root")
    form = {"csrf": token_in(root.get(f"{PAGE}/of/own").text), "model": "own", "reason": "read it"}
    assert root.post(f"{PAGE}/act/review", data=form).headers["location"] == f"{PAGE}/of/own"
    refused = root.post(f"{PAGE}/act/review", data={**form, "reason": ""})
    assert "Say why: it is recorded" in refused.text
    assert services.model_desk.done == [("own", "review", "root", "read it")]


def test_an_override_is_asked_for_with_a_reason_and_hours(signed_in: SignedIn, services: FakeServices) -> None:
    root = signed_in("root")
    form = {"csrf": token_in(root.get(f"{PAGE}/of/own").text), "model": "own", "reason": "the ward waits", "hours": "2.5"}
    assert root.post(f"{PAGE}/override", data=form).headers["location"] == f"{PAGE}/of/own"
    assert services.model_desk.done == [("own", "override for 2.5", "root", "the ward waits")]
    refused = root.post(f"{PAGE}/override", data={**form, "hours": "a while"})
    assert refused.status_code == 400
    assert "Not a number of hours" in refused.text
    assert "the ward waits" in refused.text, "what was written is not lost"
    assert root.post(f"{PAGE}/override", data={**form, "csrf": ""}).status_code == 403
    assert signed_in("alice").get(f"{PAGE}/override").status_code == 405
    assert len(services.model_desk.done) == 1


def test_an_override_that_waits_is_told_to_whoever_may_agree_on_every_page_and_to_its_asker_why_not(
    signed_in: SignedIn, services: FakeServices
) -> None:
    services.model_desk.asked = True
    mia = signed_in("mia")
    assert "root asks that own serve by override" in mia.get("/console/").text
    page = mia.get(f"{PAGE}/of/own").text
    assert "the &lt;b&gt;ward&lt;/b&gt; waits" in page
    assert f"{PAGE}/act/agree" in page
    form = {"csrf": token_in(page), "model": "own", "reason": "by telephone"}
    assert mia.post(f"{PAGE}/act/agree", data=form).status_code == 303
    assert services.model_desk.done == [("own", "agree", "mia", "by telephone")]
    root = signed_in("root")
    assert "asks that own serve by override" not in root.get("/console/").text
    own = root.get(f"{PAGE}/of/own").text
    assert "You cannot agree to it: you asked for it." in own
    assert f"{PAGE}/act/agree" not in own
    assert f"{PAGE}/act/decline" in own
    assert "asks that own serve by override" not in signed_in("alice").get("/console/").text


def test_one_that_serves_by_override_says_so_and_is_ended_there(signed_in: SignedIn, services: FakeServices) -> None:
    services.model_desk.overridden = True
    page = signed_in("root").get(f"{PAGE}/of/own").text
    assert "It serves by override, against policy, until" in page
    assert "mia agreed: by telephone" in page
    assert "End the override now" in page


def test_whoever_signed_in_too_long_ago_is_led_to_prove_who_they_are(signed_in: SignedIn, services: FakeServices) -> None:
    services.model_desk.asked, services.model_desk.step = True, "sign-in"
    mia = signed_in("mia")
    form = {"csrf": token_in(mia.get(f"{PAGE}/of/own").text), "model": "own", "reason": "by telephone"}
    refused = mia.post(f"{PAGE}/act/agree", data=form)
    assert refused.status_code == 403
    assert 'href="/console/confirm?next=%2Fconsole%2Fmodels%2Fof%2Fown&amp;step=sign-in"' in refused.text
    assert services.model_desk.done == []


@pytest.mark.parametrize("what", ["add", "nothing", "../review"])
def test_other_acts_are_none(signed_in: SignedIn, services: FakeServices, what: str) -> None:
    root = signed_in("root")
    form = {"csrf": token_in(root.get(f"{PAGE}/of/own").text), "model": "own", "reason": "x"}
    assert root.post(f"{PAGE}/act/{what}", data=form).status_code in {404, 405}
    assert services.model_desk.done == []


def test_without_the_token_or_the_right_nothing_is_done(signed_in: SignedIn, services: FakeServices) -> None:
    assert signed_in("root").post(f"{PAGE}/act/review", data={"model": "own", "reason": "x"}).status_code == 403
    alice = signed_in("alice")
    form = {"csrf": token_in(alice.get("/console/account").text), "model": "own", "reason": "x"}
    assert alice.post(f"{PAGE}/act/review", data=form).status_code == 403
    assert services.model_desk.done == []


def test_a_model_s_bill_is_drawn_from_what_it_was_made_to_what_is_missing(signed_in: SignedIn) -> None:
    page = signed_in("root").get(f"{PAGE}/of/own").text
    expected = ("What it is made of", "org/&lt;b&gt;base", "quantized", "xllamacpp", "CVE-2026-0001", "high: It &lt;i&gt;breaks")
    for said in (*expected, "What it does not say"):
        assert said in page
    assert "<b>base" not in page
