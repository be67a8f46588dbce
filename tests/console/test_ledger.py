"""Keys and ledger at the console: who sees them, and what they are told."""

from __future__ import annotations

from tests.console.conftest import SignedIn
from tests.console.fakes import FakeServices

from wardstead.isolation.posture import Check, State

PAGE = "/console/ledger"


def test_keys_and_ledger_are_for_those_who_read_the_record_of_administration(signed_in: SignedIn) -> None:
    assert PAGE not in signed_in("alice").get("/console/").text
    assert signed_in("alice").get(PAGE).status_code == 403
    assert PAGE in signed_in("root").get("/console/").text
    assert signed_in("root").get(PAGE).status_code == 200


def test_it_tells_how_old_and_how_used_keys_are_who_signs_and_who_knows_of_it(signed_in: SignedIn) -> None:
    page = signed_in("root").get(PAGE).text
    for said in (
        "kept by: shares", "3,221,225,472", "4,294,967,296 times", "by no order yet", "wardstead keys rotate --root",
        "from entry 40", "from entry 0 to 39", "replaced and destroyed", "41 of 41 signed entries", "another history",
    ):  # fmt: skip
        assert said in page, said
    assert "&lt;b&gt;another&lt;/b&gt;" in page
    assert "taking the place" not in page
    assert page.index("+bbbb+") < page.index("+aaaa+"), "the newest comes first"


def test_a_root_key_on_its_way_is_told_at_the_top(signed_in: SignedIn, services: FakeServices) -> None:
    services.ledger_desk.replacing = "one.example: has"
    page = signed_in("root").get(PAGE).text
    assert "<b>Another root key is taking the place of this one.</b> one.example: has" in page


def test_what_the_last_verification_found_is_told(signed_in: SignedIn, services: FakeServices) -> None:
    assert "Verified today, 41 entries." in signed_in("root").get(PAGE).text
    found = "altered: rewritten: checkpoint 12 of anchor archive"
    services.ledger_desk.recomputed = Check("ledger.verified", "t", State.RED, found, "'wardstead ledger verify' names all")
    page = signed_in("root").get(PAGE).text
    assert "checkpoint 12 of anchor archive" in page
    assert "<b>Next:</b> &#39;wardstead ledger verify&#39; names all." in page


def test_a_key_that_nobody_orders_anew_was_not_replaced_by_no_order(signed_in: SignedIn) -> None:
    page = signed_in("root").get(PAGE).text
    assert page.count("by no order yet") == 1, "the key-encryption key's alone"
