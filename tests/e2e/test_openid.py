"""Signing in with a real OpenID provider: into the console of a whole deployment, and out of it when the provider says so."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from tests.e2e.deployment import Deployment, create
from tests.e2e.faulty import until
from tests.ports import free_port

PROVIDER = Path(__file__).parent / "provider"
CHROMIUM = shutil.which("chromium")
INSTALLED = shutil.which("node") is not None and (PROVIDER / "node_modules" / "oidc-provider").exists()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not INSTALLED and not os.environ.get("CI"), reason="no provider: sh tests/install-provider.sh"),
]
SECRET = "a secret between the two of us"
PEOPLE = {
    "s-1": {"preferred_username": "nora", "groups": ["engineers", "choir"]},
    "s-2": {"preferred_username": "ola", "groups": ["choir"]},
    "s-3": {"preferred_username": "admin", "groups": ["engineers"]},
    "s-5": {"preferred_username": "quinn", "groups": ["engineers", "keepers"]},
    "s-4": {"preferred_username": "petra", "groups": ["auditors"]},
}
SETTINGS = """
identity:
  providers:
    - id: corp
      title: the company's account
      issuer: {issuer}
      client_id: wardstead
      client_secret_file: keys/corp.secret
      scopes: [openid, profile, groups]
      acr_values: ["urn:two"]
      strength:
        - {{amr: [otp, mfa], acr: "urn:two", means: [second-factor]}}
      groups:
        - {{group: engineers, roles: [user], clearance: {{level: confidential, compartments: [personal]}}}}
        - {{group: keepers, roles: [keeper]}}
        - {{group: auditors, roles: [auditor], clearance: {{level: restricted}}}}
"""


@dataclass
class Running:
    """The provider's process."""

    deployment: Deployment
    port: int
    process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        base = f"{self.deployment.url}/console/sign-in/with/corp"
        client = {
            "client_id": "wardstead",
            "client_secret": SECRET,
            "redirect_uris": [f"{base}/callback"],
            "post_logout_redirect_uris": [f"{self.deployment.url}/console/sign-in"],
            "backchannel_logout_uri": f"{base}/logout",
            "backchannel_logout_session_required": True,
        }
        told = json.dumps({"port": self.port, "client": client, "people": PEOPLE})
        self.process = subprocess.Popen(
            ["node", str(PROVIDER / "provider.mjs"), told], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": self.deployment.ca_file},
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = create(tmp_path_factory.mktemp("openid") / "deployment")
    running = Running(made, free_port())
    (made.directory / "keys" / "corp.secret").write_text(SECRET)
    (made.directory / "keys" / "corp.secret").chmod(0o600)
    with (made.directory / "wardstead.yaml").open("a") as settings:
        settings.write(SETTINGS.format(issuer=running.issuer))
    rules = made.directory / "policies" / "access.yaml"
    rules.write_text(rules.read_text().replace("roles:\n", "roles:\n  keeper: {second_factor: true}\n", 1))
    running.start()
    made.up()
    try:
        yield running
    finally:
        made.down()
        running.stop()


@pytest.fixture
def client(provider: Running) -> Iterator[httpx.Client]:
    """A browser without scripts."""
    with httpx.Client(verify=provider.deployment.tls, follow_redirects=True, timeout=30, headers={"accept": "text/html"}) as made:
        yield made


def came_back(client: httpx.Client, provider: Running, subject: str) -> httpx.Response:
    """Sign in as ``subject`` at the provider; what our callback answered."""
    asked = client.get(f"{provider.deployment.url}/console/sign-in/with/corp?next=/console/exchanges")
    assert asked.url.host == "localhost"
    assert asked.url.port == provider.port, asked.text
    form = {"prompt": "login", "login": subject, "password": "anything"}
    return client.post(asked.url, data=form)


def person(provider: Running, name: str) -> dict[str, object] | None:
    return next((one for one in provider.deployment.json("user", "list")["users"] if one["user"] == name), None)


def is_signed_in(client: httpx.Client, provider: Running) -> bool:
    return client.get(f"{provider.deployment.url}/console/", follow_redirects=False).status_code == 200


def test_the_first_sign_in_makes_the_person_that_their_groups_say(client: httpx.Client, provider: Running) -> None:
    answer = came_back(client, provider, "s-1")
    assert answer.status_code == 200, answer.text
    assert 'content="0; url=/console/exchanges"' in answer.text
    assert is_signed_in(client, provider)
    nora = person(provider, "nora")
    assert nora is not None
    assert nora["roles"] == ["user"]
    assert nora["clearance"] == {"level": "confidential", "compartments": ["personal"]}
    assert not [cookie for cookie in client.cookies.jar if "ticket" in cookie.name]


def stepped_up(client: httpx.Client, provider: Running, subject: str) -> httpx.Response:
    """Confirm in a session, as ``subject`` at the provider."""
    page = client.get(f"{provider.deployment.url}/console/confirm?next=/console/account").text
    link = re.search(r'href="(/console/confirm/with[^"]*)"', page)
    assert link is not None, page
    asked = client.get(f"{provider.deployment.url}{html.unescape(link[1])}")
    assert asked.url.port == provider.port, "it asks again, whoever is signed in there"
    return client.post(asked.url, data={"prompt": "login", "login": subject, "password": "anything"})


def test_a_session_that_has_to_prove_more_does_so_at_the_provider(client: httpx.Client, provider: Running) -> None:
    came_back(client, provider, "s-5")
    refused = client.get(f"{provider.deployment.url}/console/exchanges")
    assert refused.status_code == 403
    assert 'href="/console/confirm?next=' in refused.text, "the page says where to go on"
    before = dict(client.cookies)
    answer = stepped_up(client, provider, "s-5")
    assert answer.status_code == 200, answer.text
    assert client.get(f"{provider.deployment.url}/console/exchanges").status_code == 200
    old = httpx.get(f"{provider.deployment.url}/console/account", verify=provider.deployment.tls, cookies=before)
    assert old.status_code in {303, 401}, "the session that has proved less has ended"


def test_nobody_confirms_for_somebody_else(client: httpx.Client, provider: Running) -> None:
    came_back(client, provider, "s-1")
    before = dict(client.cookies)
    for name in [one.name for one in client.cookies.jar if one.name.startswith("_session")]:
        client.cookies.delete(name)  # at the provider it is another browser: else it would end the session there, and so here
    answer = stepped_up(client, provider, "s-5")
    assert answer.status_code == 403
    assert "somebody else" in html.unescape(answer.text)
    assert client.cookies["__Host-wardstead"] == before["__Host-wardstead"]


def test_what_came_back_is_not_taken_twice(client: httpx.Client, provider: Running) -> None:
    begun = client.get(f"{provider.deployment.url}/console/sign-in/with/corp", follow_redirects=False)
    ticket = begun.cookies["__Host-wardstead-ticket"]
    done = came_back(client, provider, "s-1")
    client.cookies.set("__Host-wardstead-ticket", ticket, domain="localhost.local")
    again = client.get(done.url)
    assert again.status_code == 403
    assert "not signed in" in again.text.lower()


def test_signing_out_here_leads_to_signing_out_there_and_back(client: httpx.Client, provider: Running) -> None:
    came_back(client, provider, "s-1")
    page = client.get(f"{provider.deployment.url}/console/").text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    left = client.post(f"{provider.deployment.url}/console/sign-out", data={"csrf": token[1]})
    assert not is_signed_in(client, provider)
    link = re.search(r'class="button" href="([^"]+)"', left.text)
    assert link is not None, left.text
    asked = client.get(html.unescape(link[1]))
    assert asked.url.port == provider.port
    secret = re.search(r'name="xsrf" value="([^"]+)"', asked.text)
    assert secret is not None, asked.text
    back = client.post(f"{provider.issuer}/session/end/confirm", data={"xsrf": secret[1], "logout": "yes"})
    assert str(back.url) == f"{provider.deployment.url}/console/sign-in"
    again = client.get(f"{provider.deployment.url}/console/sign-in/with/corp")
    assert again.url.port == provider.port  # it asks for a password again


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?error=access_denied", "?state=a&state=b&code=c"])
def test_what_this_browser_did_not_begin_is_refused(client: httpx.Client, provider: Running, query: str) -> None:
    answer = client.get(f"{provider.deployment.url}/console/sign-in/with/corp/callback{query}")
    assert answer.status_code == 403
    assert "began no sign-in here" in answer.text
    assert not is_signed_in(client, provider)


def test_a_provider_that_says_no_is_quoted(client: httpx.Client, provider: Running) -> None:
    asked = client.get(f"{provider.deployment.url}/console/sign-in/with/corp")
    answer = client.get(f"{asked.url}/abort")
    assert answer.status_code == 403
    assert "access_denied" in answer.text


def test_who_is_in_no_group_of_ours_is_not_let_in(client: httpx.Client, provider: Running) -> None:
    answer = came_back(client, provider, "s-2")
    assert answer.status_code == 403
    assert "has no role here" in answer.text
    assert person(provider, "ola") is None


def test_a_name_is_no_proof(client: httpx.Client, provider: Running) -> None:
    before = person(provider, "admin")
    answer = came_back(client, provider, "s-3")
    assert answer.status_code == 403
    assert "user link" in answer.text
    assert person(provider, "admin") == before


def test_a_linked_person_comes_in_and_an_unlinked_one_is_out(client: httpx.Client, provider: Running) -> None:
    provider.deployment.run("user", "add", "Petra Ohm", "--role", "user")
    provider.deployment.run("user", "link", "Petra Ohm", "--provider", "corp", "--subject", "s-4")
    assert came_back(client, provider, "s-4").status_code == 200
    assert is_signed_in(client, provider)
    petra = person(provider, "Petra Ohm")
    assert petra is not None
    assert petra["roles"] == ["auditor"]
    assert petra["clearance"] == {"level": "restricted", "compartments": []}
    assert provider.deployment.json("user", "unlink", "Petra Ohm")["links"] == 1
    until("the session ended", lambda: not is_signed_in(client, provider))


def test_no_provider_of_that_name_is_no_page(client: httpx.Client, provider: Running) -> None:
    assert client.get(f"{provider.deployment.url}/console/sign-in/with/nobody").status_code == 404


def test_in_a_browser_in_and_out_again(provider: Running) -> None:
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.goto(f"{provider.deployment.url}/console/exchanges")
        page.get_by_role("link", name="Sign in with the company's account").click()
        page.locator("input[name=login]").fill("s-1")
        page.locator("input[name=password]").fill("anything")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Exchanges", level=1)).to_be_visible()
        other = page.context.new_page()
        other.goto(f"{provider.issuer}/session/end")
        other.get_by_role("button", name=re.compile("yes", re.IGNORECASE)).click()
        other.wait_for_load_state()

        def is_out() -> bool:
            page.goto(f"{provider.deployment.url}/console/exchanges")
            return page.get_by_role("heading", name="Sign in", level=1).is_visible()

        until("the session ended", is_out)
        browser.close()


def test_the_provider_may_change_its_keys(client: httpx.Client, provider: Running) -> None:
    provider.stop()
    provider.start()
    answer = came_back(client, provider, "s-1")
    assert answer.status_code == 200, answer.text
    assert is_signed_in(client, provider)


def test_a_provider_that_is_down_keeps_nobody_with_a_password_out(client: httpx.Client, provider: Running) -> None:
    provider.stop()
    try:
        page = client.get(f"{provider.deployment.url}/console/sign-in").text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        secret = provider.deployment.json("user", "add", "rolf")["secret"]
        form = {"csrf": token[1], "name": "rolf", "password": secret, "next": "/console/"}
        answer = client.post(f"{provider.deployment.url}/console/sign-in", data=form)
    finally:
        provider.start()
    assert "Choose a password" in answer.text
