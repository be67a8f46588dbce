"""A console over fake services, and visitors who are signed in to it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient
from tests.console.fakes import PASSWORD, FakeServices

from wardstead.console.app import create_console
from wardstead.console.site import ConsoleSettings

HTML = {"accept": "text/html"}
SignedIn = Callable[[str], TestClient]


@pytest.fixture
def services() -> FakeServices:
    return FakeServices()


@pytest.fixture
def client(services: FakeServices) -> TestClient:
    """Somebody who is not signed in."""
    console = create_console(services, ConsoleSettings(live_limit_s=0, page_size=2))
    return TestClient(console, base_url="https://localhost:8443", headers=HTML, follow_redirects=False)


@pytest.fixture
def signed_in(services: FakeServices) -> SignedIn:
    """Gives a client of somebody who has signed in."""

    def sign_in(name: str) -> TestClient:
        console = create_console(services, ConsoleSettings(live_limit_s=0, page_size=2))
        made = TestClient(console, base_url="https://localhost:8443", headers=HTML, follow_redirects=False)
        form = {"csrf": token_in(made.get("/console/sign-in").text), "name": name, "password": PASSWORD}
        assert made.post("/console/sign-in", data=form).status_code == 303
        return made

    return sign_in


def token_in(page: str) -> str:
    """The request token of the page's first form."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]
