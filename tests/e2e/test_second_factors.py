"""A second factor in a real browser: an authenticator's codes, and passkeys of the browser's own virtual authenticator."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.e2e.console import give, sign_in_first
from tests.e2e.deployment import Deployment

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="chromium is not installed: apt install chromium"),
]
SHOTS = os.environ.get("WARDSTEAD_SCREENSHOTS", "")
WCAG = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "chromium must be installed in CI"
    with sync_playwright() as playwright:
        expect.set_options(timeout=60_000)
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()
        expect.set_options(timeout=5_000)


@pytest.fixture
def context(browser: Browser, deployment: Deployment) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=f"{deployment.url}/console/", ignore_https_errors=True, color_scheme="light")
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield made
    assert wrong == []


def look(page: Page, name: str) -> None:
    """Accessible, and a picture of it for whoever wants one."""
    results = Axe().run(page, options=WCAG)
    assert results.violations_count == 0, results.generate_report()
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def newcomer(deployment: Deployment, page: Page, name: str) -> None:
    """Somebody new, by their one-time secret."""
    sign_in_first(page, name, deployment.json("user", "add", name)["secret"])


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()


def test_an_authenticator_is_added_and_asked_for_from_then_on(page: Page, deployment: Deployment) -> None:
    newcomer(deployment, page, "toni")
    page.get_by_role("link", name="toni: how you sign in").click()
    look(page, "account")
    page.get_by_role("button", name="Add an authenticator").click()
    expect(page.get_by_role("img", name="The key as a QR code")).to_be_visible()
    look(page, "codes")
    totp = pyotp.TOTP("".join(page.locator(".secret span").all_inner_texts()))
    page.get_by_label("Code that the app shows now").fill(totp.now())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You have a second factor")).to_be_visible()
    look(page, "recovery-codes")
    codes = page.locator(".recovery code").all_inner_texts()
    assert len(codes) == 10
    sign_out(page)
    give(page, "toni")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    look(page, "second-step")
    page.keyboard.type("000 000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The code is not right")
    page.get_by_label("Code of your authenticator, or a recovery code").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    sign_out(page)
    deployment.json("user", "reset-second-factor", "toni", "--reason", "she lost her telephone")
    give(page, "toni")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def test_a_passkey_is_added_and_signs_in_with_and_without_a_password(
    page: Page, context: BrowserContext, deployment: Deployment
) -> None:
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }  # fmt: skip
    device = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    newcomer(deployment, page, "pia")
    page.goto("account")
    page.get_by_label("Name of the new one").fill("my laptop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You have a second factor")).to_be_visible()
    codes = page.locator(".recovery code").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("1 in use")).to_be_visible()
    look(page, "account-passkey")
    assert len(devtools.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]) == 1
    sign_out(page)
    look(page, "sign-in-passkey")
    page.get_by_role("button", name="Sign in with a passkey").press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    sign_out(page)
    give(page, "pia")
    page.get_by_role("button", name="Use a passkey").press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    sign_out(page)
    give(page, "pia")
    page.get_by_label("Code of your authenticator, or a recovery code").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    page.goto("account")
    page.get_by_role("button", name="Remove my laptop").click()
    expect(page.get_by_label("Name of the new one")).to_be_visible()
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known here")
