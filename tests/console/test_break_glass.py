"""What every page says while an account for emergencies is open."""

from __future__ import annotations

from tests.console.conftest import SignedIn
from tests.console.fakes import FakeServices


def test_every_page_of_those_who_see_the_record_says_that_one_is_open(signed_in: SignedIn, services: FakeServices) -> None:
    services.unsealed = [("fire", "2026-11-26T04:00:00.000Z")]
    for path in ("/console/", "/console/exchanges", "/console/account"):
        assert "The break-glass account fire is open" in signed_in("root").get(path).text
        assert "break-glass" not in signed_in("alice").get(path).text
    services.unsealed = []
    assert "break-glass" not in signed_in("root").get("/console/").text
