"""The console as a person uses it in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

PASSWORD = "three unrelated words"


def give(page: Page, name: str, password: str = PASSWORD) -> None:
    """A name and a password, on the page that asks for them."""
    page.goto("sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password, or one-time secret").fill(password)
    page.keyboard.press("Enter")


def sign_in_first(page: Page, name: str, secret: str) -> None:
    """With a one-time secret, in whose place a password comes; then the overview."""
    give(page, name, secret)
    page.get_by_label("One-time secret, once more").fill(secret)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password, again").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
