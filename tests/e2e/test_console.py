"""The console of a whole deployment in a real browser: first sign-in, chat with the real model, the exchange, the posture."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.e2e.console import sign_in_first
from tests.e2e.deployment import Deployment
from tests.e2e.faulty import until

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="chromium is not installed: apt install chromium"),
]
CARD = "4111 1111 1111 1111"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "chromium must be installed in CI"
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def context(browser: Browser, deployment: Deployment) -> Iterator[BrowserContext]:
    """Signed in as the administrator, by the one-time secret that ``init`` printed."""
    made = browser.new_context(
        base_url=f"{deployment.url}/console/", ignore_https_errors=True, viewport={"width": 1280, "height": 900}
    )
    made.set_default_timeout(30_000)
    page = made.new_page()
    secret = deployment.json("user", "reset-password", "admin")["secret"]
    sign_in_first(page, "admin", secret)
    page.close()
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    made.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("https://localhost:") else None)
    yield made
    made.close()
    assert wrong == []


def ask(page: Page, text: str) -> None:
    page.goto("chat")
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".turn-facts").last).to_be_visible()


def test_a_redacted_question_is_answered_and_its_receipt_verifies_in_the_browser(page: Page) -> None:
    ask(page, f"Is {CARD} a card number? Answer in five words.")
    facts = page.locator(".turn-facts").last
    expect(facts).to_contain_text("1 redacted in your message")
    expect(page.locator(".turn.you mark.redaction")).to_be_visible()
    assert CARD not in page.content()
    facts.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    proven = page.get_by_text("Proven: its entries are in the signed tree")
    until("its entries are in the tree", lambda: page.reload() is not None and proven.is_visible())
    page.get_by_role("button", name="Verify in this browser").click()
    expect(page.locator(".proof-steps li")).to_have_count(3)
    expect(page.locator(".proof-steps li").last).to_contain_text("The outcome is entry")
    assert CARD not in page.content()
    assert Axe().run(page).violations_count == 0


def test_a_blocked_question_never_reaches_the_model(page: Page) -> None:
    ask(page, "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQ\n-----END PRIVATE KEY-----")
    expect(page.locator(".turn.model").last).to_contain_text("The model never saw this message.")


def test_the_overview_shows_the_posture_and_exchanges_as_they_happen(page: Page, deployment: Deployment, key: str) -> None:
    page.goto("")
    for check in deployment.json("status")["posture"]["checks"]:
        expect(page.get_by_text(check["title"])).to_be_visible()
    expect(page.locator("#live-status")).to_have_text("Live")
    said = deployment.json("chat", "hello", "--key", key, "--max-tokens", "2")
    row = page.locator("#live-table tbody tr").filter(has_text=said["receipt"][-12:])
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text("alice")
    assert Axe().run(page).violations_count == 0


def test_a_session_cannot_be_used_from_elsewhere(context: BrowserContext, deployment: Deployment) -> None:
    """Cross-site requests, requests without the CSRF token, and a session's cookie on the API."""
    cookies = [one for one in context.cookies() if one["name"].startswith("__Host-wardstead")]
    assert {(one["httpOnly"], one["secure"], one["sameSite"]) for one in cookies} == {(True, True, "Strict")}
    body = {"model": deployment.model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
    session = {one["name"]: one["value"] for one in cookies}
    with httpx.Client(verify=deployment.tls, base_url=deployment.url, cookies=session) as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 403
        assert client.post("/v1/chat/completions", json=body, headers={"origin": "https://elsewhere.example"}).status_code == 400
        assert client.post("/console/sign-out").status_code in {400, 403}
        page = client.get("/console/")
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cache-control"] == "no-store"


def test_somebody_else_sees_neither_evidence_nor_other_people_s_exchanges(
    browser: Browser, deployment: Deployment, key: str
) -> None:
    foreign = deployment.json("chat", "hello", "--key", key, "--max-tokens", "2")["receipt"]
    secret = deployment.json("user", "add", "carol")["secret"]
    context = browser.new_context(base_url=f"{deployment.url}/console/", ignore_https_errors=True)
    page = context.new_page()
    sign_in_first(page, "carol", secret)
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    assert foreign[-12:] not in page.content()
    assert page.locator(".evidence").count() == 0
    answer = page.goto(f"exchanges/{foreign}")
    assert answer is not None
    assert answer.status == 404
    context.close()
