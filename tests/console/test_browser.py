"""The console in a real browser: accessible in both themes and at 320 pixels, usable by keyboard, and the chat end to end."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.console.fakes import ALICE_EXCHANGE, BLOCKED_EXCHANGE, ONE_TIME, PASSWORD, PEOPLE, FakeServices, intent, outcome
from tests.console.serving import CARD, FakeGateway, serving

from wardstead.console.ports import ExchangeSummary
from wardstead.inspection.replay import Skipped
from wardstead.isolation.posture import State
from wardstead.kernel.ids import ExchangeId

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="chromium is not installed: apt install chromium"),
]
WCAG = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = [
    "",
    "exchanges",
    f"exchanges/{ALICE_EXCHANGE}",
    f"exchanges/{BLOCKED_EXCHANGE}",
    "classification",
    "classification?q=redact",
    "classification/try",
    "documents",
    "documents?collection=c-1",
    "documents/d-1",
    "templates",
    "templates/t-1",
    "sharing/document/d-1",
    "sharing/document/d-1?find=bo",
    "chat",
    "account",
    "break-glass",
    "nothing",
]
OUTSIDE = ["sign-in", "password"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "chromium must be installed in CI"
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()


@pytest.fixture
def services() -> FakeServices:
    return FakeServices()


@pytest.fixture
def server(services: FakeServices) -> Iterator[tuple[str, FakeGateway]]:
    with serving(services) as running:
        yield running


@pytest.fixture
def context(browser: Browser, server: tuple[str, FakeGateway]) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=f"{server[0]}/console/", viewport={"width": 1280, "height": 800})
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose scripts must not fail, and which must not break its own content security policy."""
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield made
    assert wrong == []


def sign_in(page: Page, name: str = "alice") -> Page:
    page.goto("sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password, or one-time secret").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    return page


def ask(page: Page, text: str) -> None:
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")


def assert_accessible(page: Page) -> None:
    results = Axe().run(page, options=WCAG)
    assert results.violations_count == 0, results.generate_report()


def assert_nothing_sticks_out(page: Page) -> None:
    width = page.evaluate("document.documentElement.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# -- accessibility ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_every_page_passes_axe_and_fits(browser: Browser, services: FakeServices, scheme: str, width: int) -> None:
    with serving(services) as (url, _):
        context = browser.new_context(
            base_url=f"{url}/console/",
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        page = context.new_page()
        for path in OUTSIDE:
            answered = page.goto(path)
            assert answered is not None
            assert answered.ok
            assert_accessible(page)
            assert_nothing_sticks_out(page)
        sign_in(page, "root")
        expect(page.locator("#live-status")).to_have_text("Live")
        assert_accessible(page)
        for path in (
            "classification/what-if",
            "access?who=alice&action=infer&model=smollm2",
            "access/check",
            "access/changes",
            "keys",
            "models",
            "models/of/own",
            "ledger",
        ):
            page.goto(path)
            assert_accessible(page)
            assert_nothing_sticks_out(page)
        for state in ("asked", "overridden"):
            setattr(services.model_desk, state, True)
            page.goto("models/of/own")
            assert_accessible(page)
            assert_nothing_sticks_out(page)
            setattr(services.model_desk, state, False)
        sign_in(page)
        services.checks = (*services.checks[:2], replace(services.checks[3], state=State.RED))
        for path in PAGES:
            page.goto(path)
            assert_accessible(page)
            assert_nothing_sticks_out(page)
        page.goto(f"exchanges/{ALICE_EXCHANGE}")
        page.get_by_role("button", name="Verify in this browser").click()
        page.get_by_text("Entries, proofs and checkpoint").click()
        expect(page.locator(".proof-steps li")).to_have_count(3)
        assert_accessible(page)
        assert_nothing_sticks_out(page)
        page.goto("chat")
        ask(page, f"charge {CARD}")
        expect(page.locator(".turn-facts")).to_contain_text("1 redacted in your message")
        ask(page, "-----BEGIN PRIVATE KEY-----")
        expect(page.locator(".turn-facts")).to_have_count(2)
        assert_accessible(page)
        assert_nothing_sticks_out(page)
        context.close()


def test_the_text_can_be_twice_as_large(page: Page) -> None:
    # 200% zoom of a 1280 pixel window is a window of 640 CSS pixels; here the text alone is doubled as well.
    sign_in(page)
    page.set_viewport_size({"width": 640, "height": 400})
    for path in PAGES:
        page.goto(path)
        assert_nothing_sticks_out(page)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert_nothing_sticks_out(page)


def test_the_keyboard_reaches_everything_in_order_and_the_focus_shows(page: Page) -> None:
    page.goto("sign-in")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(page.locator("#live-status")).to_have_text("Live")
    reached = []
    for _ in range(15):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    ways = [
        "Skip to the content",
        "Wardstead",
        "Overview",
        "Exchanges",
        "Classification",
        "Documents",
        "Templates",
        "Chat",
        "alice",
        "Theme: auto",
        "Sign out",
        "Pause",
    ]
    assert reached == [*ways, ALICE_EXCHANGE[-12:], BLOCKED_EXCHANGE[-12:], "All exchanges"]


def test_the_skip_link_leads_past_the_navigation(page: Page) -> None:
    sign_in(page)
    page.goto("exchanges")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_theme_that_was_chosen_is_kept(page: Page) -> None:
    sign_in(page)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    theme = page.get_by_role("button", name="Theme:")
    theme.click()
    theme.click()
    expect(theme).to_have_text("Theme: dark")
    page.goto("exchanges")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()


def test_every_page_works_without_scripts(browser: Browser, server: tuple[str, FakeGateway]) -> None:
    context = browser.new_context(base_url=f"{server[0]}/console/", java_script_enabled=False)
    page = sign_in(context.new_page())
    expect(page.get_by_text("Reload to see newer ones.")).to_be_visible()
    page.get_by_role("link", name=f"Exchange {ALICE_EXCHANGE}").click()
    expect(page.get_by_text("Proven: its entries are in the signed tree of 11 entries.")).to_be_visible()
    page.goto("chat")
    expect(page.get_by_text("The chat needs JavaScript.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    context.close()


# -- what the pages do -------------------------------------------------------------------------------------------------------


def test_a_first_sign_in_leads_through_the_choice_of_a_password(page: Page) -> None:
    page.goto("sign-in")
    page.get_by_label("Name").fill("new")
    page.get_by_label("Password, or one-time secret").fill(ONE_TIME)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Choose your password")).to_be_visible()
    page.get_by_label("One-time secret, once more").fill(ONE_TIME)
    page.get_by_label("New password", exact=True).fill("a new passphrase")
    page.get_by_label("New password, again").fill("a new passphrase")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def test_new_exchanges_appear_by_themselves_unless_paused(page: Page, services: FakeServices) -> None:
    sign_in(page)
    expect(page.locator("#live-status")).to_have_text("Live")
    rows = page.locator("#live-table tbody tr")
    expect(rows).to_have_count(2)

    def arrive(number: int, outcome: str) -> None:
        made = ExchangeSummary(
            ExchangeId(f"new-<b>{number}"),
            100 + number,
            "intent",
            "2026-11-23T16:00:00.000Z",
            PEOPLE["alice"].id,
            "alice",
            outcome,
        )
        services.summaries = [made, *(one for one in services.summaries if one.id != made.id)]

    arrive(1, "")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("under way")
    rows.first.get_by_role("link").focus()
    arrive(1, "completed")
    expect(rows.first).to_contain_text("completed")
    expect(rows.first.get_by_role("link")).to_be_focused()
    page.get_by_role("button", name="Pause").click()
    arrive(2, "completed")
    page.wait_for_timeout(400)
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Go on").click()
    expect(rows).to_have_count(4)


def test_a_live_view_that_lost_its_session_says_so(page: Page, services: FakeServices) -> None:
    sign_in(page)
    expect(page.locator("#live-status")).to_have_text("Live")
    services.sessions.clear()
    expect(page.locator("#live-status")).to_have_text("Not live: reload the page")


def test_a_receipt_verifies_in_the_browser_and_a_forged_one_does_not(page: Page) -> None:
    sign_in(page)
    page.goto(f"exchanges/{ALICE_EXCHANGE}")
    page.get_by_role("button", name="Verify in this browser").click()
    steps = page.locator(".proof-steps li")
    expect(steps).to_have_count(3)
    expect(steps.last).to_contain_text("The outcome is entry 6 of that tree.")

    def answer(changes: dict[str, str]) -> None:
        def forge(route: object) -> None:
            response = route.fetch()  # type: ignore[attr-defined]
            text = response.text()
            for old, new in changes.items():
                assert old in text
                text = text.replace(old, new, 1)
            route.fulfill(response=response, body=text)  # type: ignore[attr-defined]

        page.unroute_all()
        page.route("**/receipt.json", forge)

    for changes, said in (
        ({'\\"outcome\\":\\"completed\\"': '\\"outcome\\":\\"blocked\\"'}, "does not hash to its leaf"),
        ({'"index":6': '"index":7'}, "does not lead to the signed root"),
        ({"\\n11\\n": "\\n12\\n"}, "signature does not verify"),
    ):
        answer(changes)
        page.get_by_role("button", name="Verify in this browser").click()
        expect(steps.last).to_contain_text(said)


def test_the_chat_streams_marks_redactions_and_links_the_receipt(page: Page, server: tuple[str, FakeGateway]) -> None:
    sign_in(page)
    page.get_by_role("link", name="Chat").click()
    expect(page.get_by_label("Message")).to_be_focused()
    ask(page, f"Please charge {CARD}.")
    answer = page.locator(".turn.model").first
    expect(answer.locator(".words")).to_have_text("Of course. Write to email redacted and mind <b>the markup</b>.")
    expect(answer.locator("mark.redaction")).to_have_text("email redacted")
    expect(answer.locator(".turn-facts")).to_contain_text("allowed")
    expect(answer.locator(".turn-facts")).to_contain_text("confidential; personal")
    mine = page.locator(".turn.you").last
    expect(mine.locator("mark.redaction")).to_have_text("credit-card redacted")
    assert CARD not in page.content()
    # The next question repeats the conversation without what was taken out of it.
    ask(page, "And then?")
    expect(page.locator(".turn.model")).to_have_count(2)
    expect(page.locator(".turn.model").last.locator(".turn-facts")).to_contain_text("allowed")
    said = [one["content"] for one in server[1].asked[-1]["messages"]]
    assert said[0] == "Please charge [redacted:credit-card]."
    assert said[2] == "And then?"
    answer.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("receipt-1")


def test_the_chat_does_not_repeat_what_was_blocked(page: Page, server: tuple[str, FakeGateway]) -> None:
    sign_in(page)
    page.goto("chat")
    ask(page, "-----BEGIN PRIVATE KEY-----")
    expect(page.locator(".turn.model")).to_contain_text("The model never saw this message.")
    ask(page, "something forbidden")
    expect(page.locator(".turn.model").last).to_contain_text("This data is labelled above your clearance.")
    ask(page, "hello")
    expect(page.locator(".turn.model").last.locator(".turn-facts")).to_contain_text("allowed")
    assert [one["content"] for one in server[1].asked[-1]["messages"]] == ["hello"]


def test_a_template_is_chosen_filled_and_sent_by_keyboard(
    page: Page, services: FakeServices, server: tuple[str, FakeGateway]
) -> None:
    sign_in(page)
    page.goto("chat")
    page.get_by_label("Template").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("customer")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert server[1].asked == [], "what it wants to be filled with is missing"
    page.keyboard.type("ACME")
    page.keyboard.press("Tab")
    page.keyboard.type("Be brief.")
    page.keyboard.press("Enter")
    expect(page.locator(".turn.model .turn-facts")).to_contain_text("allowed")
    filled = {"type": "template", "template_id": "t-1", "variables": {"customer": "ACME"}}
    assert server[1].asked[-1]["messages"][-1]["content"] == [filled, {"type": "text", "text": "Be brief."}]
    expect(page.locator(".turn.you h2")).to_have_text("You, as it was sent on")
    expect(page.locator(".turn.you .words")).to_have_text("Answer ACME <script>alert(1)</script>\nBe brief.")
    expect(page.get_by_label("Template")).to_have_value("")
    # The next question repeats what was sent on, not the template: that may be gone by then.
    ask(page, "And then?")
    expect(page.locator(".turn.model")).to_have_count(2)
    assert isinstance(server[1].asked[-1]["messages"][0]["content"], str)
    del services.library.kept["t-1"]
    page.get_by_label("Template").select_option("t-1")
    expect(page.get_by_text("This template cannot be read now.")).to_be_visible()
    expect(page.get_by_label("Template")).to_have_value("")


def test_an_answer_can_be_stopped(page: Page, server: tuple[str, FakeGateway]) -> None:
    sign_in(page)
    page.goto("chat")
    ask(page, "go on for ever")
    expect(page.locator(".turn.model .words")).to_contain_text("on and on")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn.model")).to_contain_text("You stopped this answer.")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    expect(page.get_by_label("Message")).to_be_focused()
    page.wait_for_timeout(200)
    assert server[1].stopped == 1


def test_a_chat_whose_session_has_ended_says_so(page: Page, services: FakeServices) -> None:
    sign_in(page)
    page.goto("chat")
    services.sessions.clear()
    ask(page, "hello")
    expect(page.locator(".turn.model")).to_contain_text("Your session has ended: sign in again.")


def test_a_conversation_is_gone_with_its_page(page: Page) -> None:
    sign_in(page)
    page.goto("chat")
    ask(page, "hello")
    expect(page.locator(".turn.model .turn-facts")).to_be_visible()
    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert "hello" not in stored
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.reload()
    expect(page.locator(".turn")).to_have_count(0)


# -- classification --------------------------------------------------------------------------------------------------------


def test_a_text_is_tried_by_keyboard_alone(page: Page) -> None:
    sign_in(page)
    page.goto("classification/try")
    page.get_by_label("Text").focus()
    page.keyboard.insert_text(f"charge {CARD}, write to ann@example.org")
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Look at it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Verdict")).to_be_visible()
    hits = page.locator("a.hit")
    expect(hits).to_have_count(2)
    hits.first.focus()
    expect(hits.first.locator(".tip")).to_be_visible()
    assert hits.first.locator(".tip").bounding_box()["height"] > 10  # type: ignore[index]
    page.keyboard.press("Enter")
    expect(page.locator("#finding-1")).to_be_in_viewport()
    expect(page.locator("#finding-1")).to_contain_text("payment-card")
    expect(page.locator(".marked-text").last).to_contain_text("payment-card redacted")
    expect(page.locator(".marked-text").last).to_contain_text("***")
    assert_accessible(page)


def test_a_document_is_tried_and_its_markup_is_text(page: Page) -> None:
    sign_in(page)
    page.goto("classification/try")
    files = [{"name": "<b>note.txt", "mimeType": "text/plain", "buffer": b"<img src=x onerror=alert(1)> ann@example.org"}]
    page.get_by_label("Or a document").set_input_files(files)  # type: ignore[arg-type]
    page.get_by_label("On its way").select_option("answer")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", name="<b>note.txt")).to_be_visible()
    expect(page.locator(".marked-text").first).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.get_by_label("On its way")).to_have_value("answer")


def test_much_text_with_many_findings_stays_usable(page: Page) -> None:
    sign_in(page)
    page.goto("classification/try")
    text = "".join(f"to ann{number}@example.org\n" for number in range(5000)).encode()
    page.get_by_label("Or a document").set_input_files([{"name": "many.txt", "mimeType": "text/plain", "buffer": text}])
    page.get_by_role("button", name="Look at it").click(timeout=100_000)
    expect(page.get_by_text("The first 200 of 5,000.")).to_be_visible(timeout=60_000)
    expect(page.locator("a.hit")).to_have_count(200)
    assert_accessible(page)
    assert_nothing_sticks_out(page)


def test_a_rule_is_found_without_scripts(browser: Browser, server: tuple[str, FakeGateway]) -> None:
    context = browser.new_context(base_url=f"{server[0]}/console/", java_script_enabled=False)
    page = sign_in(context.new_page())
    page.get_by_role("link", name="Classification").click()
    page.get_by_label("Find a rule").fill("payment-card")
    page.keyboard.press("Enter")
    expect(page.locator(".rules tbody th").filter(has_text="payment-card").first).to_be_visible()
    context.close()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_changed_policy_is_mended_and_replayed(
    browser: Browser, services: FakeServices, server: tuple[str, FakeGateway], scripts: bool, width: int
) -> None:
    mine = ExchangeId("0193a5b0-0000-7000-8000-00000000c4a9")
    root = PEOPLE["root"].id
    services.summaries.append(ExchangeSummary(mine, 20, "intent", "2026-11-23T15:04:05.120Z", root, "root", "completed"))
    services.put(mine, intent("write to ann@example.org"), outcome("completed", "Done."))
    viewport = {"width": width, "height": 800}
    context = browser.new_context(base_url=f"{server[0]}/console/", java_script_enabled=scripts, viewport=viewport)  # type: ignore[arg-type]
    page = sign_in(context.new_page(), "root")
    page.goto("classification/what-if")
    page.get_by_label("Changed policy").fill("version: 8\nextends: general\nrules:\n  - {type: email, label: {level: top}}\n")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".lines .wrong")).to_contain_text("level: top")
    rule = "{type: email, label: {level: restricted}, prompt: block, answer: block}"
    page.get_by_label("Changed policy").fill(f"version: 8\nextends: general\nrules:\n  - {rule}\n")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("1 exchange replayed.")).to_be_visible()
    row = page.locator(".what-if-rows tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("email: mask → block")
    expect(page.locator(".change-stricter.tally b")).to_have_text("1")
    expect(page.locator(".progress").first).to_be_hidden()
    assert "ann@example.org" not in page.locator(".replay").inner_text()
    if scripts:  # axe is one
        assert_accessible(page)
        assert_nothing_sticks_out(page)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(mine)
    context.close()


def test_a_replay_shows_how_far_it_is(page: Page, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(*_: object) -> Iterator[Skipped]:
        yield Skipped.ERASED
        time.sleep(0.3)  # longer than results are gathered for
        yield Skipped.ERASED
        go_on.wait(60)
        yield Skipped.ERASED

    monkeypatch.setattr(services, "replay", slow)
    sign_in(page, "root")
    page.goto("classification/what-if")
    page.evaluate("setTimeout(() => document.querySelector('main form').requestSubmit(), 10)")
    shown = page.locator(".progress").filter(visible=True)
    expect(shown).to_contain_text("2 of 0 exchanges")
    go_on.set()
    expect(page.get_by_text("3 were erased, or kept no longer.")).to_be_visible()
    expect(shown).to_have_count(0)


# -- access policies ---------------------------------------------------------------------------------------------------------


def test_a_question_is_asked_with_the_keyboard_alone(page: Page) -> None:
    sign_in(page, "root").goto("access")
    page.get_by_label("Who", exact=True).focus()
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type("infer")
    page.get_by_label("When").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="alice may", level=2)).to_be_visible()
    assert "who=alice" in page.url


def test_a_question_is_asked_without_scripts(browser: Browser, services: FakeServices) -> None:
    with serving(services) as (url, _):
        context = browser.new_context(base_url=f"{url}/console/", java_script_enabled=False)
        page = context.new_page()
        sign_in(page, "ada").goto("access")
        page.get_by_label("By which policies").select_option("folder")
        page.get_by_label("Who", exact=True).select_option("alice")
        page.get_by_role("button", name="Ask").click()
        expect(page.get_by_role("heading", name="alice may not", level=2)).to_be_visible()
        context.close()


def test_an_override_is_agreed_to_from_the_page_that_tells_of_it(page: Page, services: FakeServices) -> None:
    services.model_desk.asked = True
    sign_in(page, "mia")
    page.get_by_role("link", name="Agree, or refuse").click()
    expect(page.get_by_role("heading", name="An override waits for somebody to agree")).to_be_visible()
    page.get_by_role("button", name="Agree: it serves from now on").click()
    assert services.model_desk.done == [], "a reason is required"
    page.locator("#override-reason").fill("by telephone")
    assert_accessible(page)
    page.get_by_role("button", name="Agree: it serves from now on").click()
    expect(page.get_by_role("heading", name="own", level=1)).to_be_visible()
    assert services.model_desk.done == [("own", "agree", "mia", "by telephone")]
