"""The pages about classification: everybody may read the policy and try it; what is tried is nowhere afterwards."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import ALICE_EXCHANGE, BLOCKED_EXCHANGE, PEOPLE, SECRET_WORDS, FakeServices
from tests.console.serving import CARD

from wardstead.access.ports import Decision, Identity, Resource
from wardstead.console.pages.classification import MAX_CHARACTERS, MAX_UPLOAD
from wardstead.console.ports import Tried
from wardstead.inspection.ports import Flow
from wardstead.kernel.errors import BackendError
from wardstead.kernel.labels import PUBLIC, Label

TRY = "/console/classification/try"
TEXT = f"charge {CARD} <b>now</b>"


def tries(
    client: TestClient, text: str = TEXT, *, file: bytes | None = None, direction: str = "prompt", model: str = "isolated"
) -> tuple[int, str]:
    csrf = token_in(client.get(TRY).text)
    given = {"csrf": (None, csrf), "text": (None, text), "direction": (None, direction), "model": (None, model)}
    files = {**given, "file": ("note.txt" if file is not None else "", file or b"")}
    answer = client.post(TRY, files=files)  # type: ignore[arg-type]
    return answer.status_code, answer.text


def test_everybody_may_read_the_policy(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/console/classification").text
    for said in ("restricted", "health", "A person and a medical term within 400 characters", "policies/classification.yaml"):
        assert said in page
    assert "own rule" in page
    found = signed_in("alice").get("/console/classification?q=email").text
    assert "1 rule with" in found
    assert "No rule holds all of these words" in signed_in("alice").get("/console/classification?q=%3Cb%3E").text


def test_a_degraded_detector_and_a_changed_file_are_said(signed_in: SignedIn, services: FakeServices) -> None:
    services.names = replace(services.names, why="its model is missing", next_step="install it")
    services.changed = True
    mine, theirs = signed_in("alice").get("/console/classification").text, signed_in("root").get("/console/classification").text
    assert "Its model is missing." in mine
    assert "install it" not in mine
    assert "install it" in theirs
    assert "is not active" in mine
    assert "wardstead access activate" in mine


def test_a_text_is_marked_and_shown_as_it_would_go_on(signed_in: SignedIn) -> None:
    status, page = tries(signed_in("alice"))
    assert status == 200
    assert f'<span class="hit-text">{CARD}</span>' in page
    assert "payment-card redacted</mark>" in page
    assert "&lt;b&gt;now&lt;/b&gt;" in page
    assert "<b>now" not in page


def test_a_file_comes_before_the_box(signed_in: SignedIn) -> None:
    _, page = tries(signed_in("alice"), "nothing here", file=b"\xef\xbb\xbfwrite to ann@example.org")
    assert ">note.txt<" in page
    assert "It holds what its readers do not see (a comment)" in page
    assert "seen by nobody" in page
    assert '<span class="hit-text">ann@example.org</span>' in page


@pytest.mark.parametrize(
    ("text", "file", "more", "said"),
    [
        ("", None, {}, "There is no text"),
        ("x" * (MAX_CHARACTERS + 1), None, {}, "may be tried here"),
        ("x", b"%PDF-x", {}, "This is not a PDF that can be read"),
        ("x", None, {"direction": "sideways"}, "Choose a direction"),
        ("x", None, {"model": "<b>"}, "Choose a direction"),
    ],
)
def test_what_cannot_be_tried_says_why(
    signed_in: SignedIn, services: FakeServices, text: str, file: bytes | None, more: dict[str, str], said: str
) -> None:
    status, page = tries(signed_in("alice"), text, file=file, **more)
    assert status == 400
    assert said in page
    assert ("classify", "prompt") not in services.calls


def test_a_stranger_sends_nothing_large(client: TestClient) -> None:
    answer = client.post(TRY, content=b"x" * 100_000, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 303


def test_too_large_a_form_is_refused(signed_in: SignedIn, services: FakeServices) -> None:
    status, page = tries(signed_in("alice"), file=b"x" * (MAX_UPLOAD + 1))
    assert status == 413
    assert "larger than 8 MB" in page
    assert not services.calls


def test_a_text_is_not_tried_without_the_page_s_token(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    for files in ({"text": (None, TEXT)}, {"csrf": (None, "other"), "text": (None, TEXT)}):
        answer = alice.post(TRY, files=files)  # type: ignore[arg-type]
        assert answer.status_code in {400, 401, 403}
    assert alice.post(TRY, data={"text": TEXT}).status_code == 400
    assert not services.calls


def test_whoever_is_not_signed_in_tries_nothing(client: TestClient, services: FakeServices) -> None:
    assert client.post(TRY, files={"text": (None, TEXT)}).status_code in {303, 401}  # type: ignore[arg-type]
    assert not services.calls


def test_a_text_is_in_no_log_and_is_looked_at_in_a_thread(
    signed_in: SignedIn, services: FakeServices, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def crash(_services: FakeServices, text: str, _flow: Flow) -> Tried:
        threads.append(threading.current_thread())
        raise RuntimeError(text)

    monkeypatch.setattr(FakeServices, "classify", crash)
    with caplog.at_level(logging.DEBUG):
        status, page = tries(signed_in("alice"))
    assert status == 500
    assert CARD not in page + caplog.text
    assert threads[0] is not threading.main_thread()


WHAT_IF = "/console/classification/what-if"
STRICT = (
    "version: 9\nextends: general\nrules:\n  - {category: payment, label: {level: restricted}, prompt: block, answer: block}\n"
)


def replays(client: TestClient, text: str = STRICT, *, last: str = "50") -> tuple[int, str]:
    csrf = token_in(client.get(WHAT_IF).text)
    answer = client.post(WHAT_IF, files={"csrf": (None, csrf), "text": (None, text), "last": (None, last)})  # type: ignore[arg-type]
    return answer.status_code, answer.text


def test_a_replay_takes_its_own_right(signed_in: SignedIn, services: FakeServices) -> None:
    alice, ada = signed_in("alice"), signed_in("ada")
    assert alice.get(WHAT_IF).status_code == 403
    assert alice.post(WHAT_IF, files={"text": (None, STRICT)}).status_code == 403  # type: ignore[arg-type]
    assert WHAT_IF not in alice.get("/console/classification").text
    assert WHAT_IF in ada.get("/console/classification").text
    assert ada.get(WHAT_IF).status_code == 200
    assert not services.calls


def test_an_auditor_replays_nothing_that_they_may_not_read(signed_in: SignedIn, services: FakeServices) -> None:
    status, page = replays(signed_in("ada"))
    assert status == 200
    assert services.calls == [("record", "policy.replay 0")]
    assert "3 more are not yours to read" in page
    assert SECRET_WORDS not in page


def test_a_replay_shows_what_would_change_and_no_content(
    signed_in: SignedIn, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = services.decide

    def opened(who: Identity, action: str, resource: Resource, label: Label = PUBLIC) -> Decision:
        if action == "viewExchange" and resource.owner == PEOPLE["alice"].id:
            return Decision(allow=True, policies=("break-glass",), reason="for the incident", code="allow")
        return decide(who, action, resource, label)

    monkeypatch.setattr(services, "decide", opened)
    status, page = replays(signed_in("ada"))
    assert status == 200
    assert services.calls[0] == ("record", "policy.replay 2")
    assert [one for kind, one in services.calls if kind == "replay"] == [ALICE_EXCHANGE, BLOCKED_EXCHANGE]
    assert "1 more is not yours to read" in page
    assert "2 of 2 exchanges" in page
    assert SECRET_WORDS not in page
    assert page.rstrip().endswith("</html>")


def test_acts_of_administration_do_not_count_as_exchanges(signed_in: SignedIn, services: FakeServices) -> None:
    act = services.summaries[-1]
    services.summaries = [replace(act, id=f"act-{number}", cursor=100 - number) for number in range(30)] + services.summaries
    _, page = replays(signed_in("ada"), last="20")
    assert "3 more are not yours to read" in page


def test_a_mistake_is_shown_with_its_line(signed_in: SignedIn, services: FakeServices) -> None:
    status, page = replays(signed_in("root"), "version: 9\nextends: general\nrules:\n  - {type: email, label: {level: top}}\n")
    assert status == 422
    assert 'class="wrong"><span class="line-number">4</span>' in page
    assert "levels are public, internal, confidential, restricted" in page
    assert not services.calls


@pytest.mark.parametrize(("text", "last"), [("[", "50"), ("version: 1\nextends: nobody\n", "50"), (STRICT, "7"), (STRICT, "")])
def test_what_cannot_be_replayed_says_why(signed_in: SignedIn, services: FakeServices, text: str, last: str) -> None:
    status, page = replays(signed_in("root"), text, last=last)
    assert status in {400, 422}
    assert 'role="alert"' in page
    assert not services.calls


def test_a_policy_of_two_thousand_rules_gets_a_page_of_bounded_size(signed_in: SignedIn) -> None:
    rules = "".join(f"  - {{type: made-up-{number}, label: {{level: public}}}}\n" for number in range(2000))
    status, page = replays(signed_in("root"), f"version: 1\nextends: general\nrules:\n{rules}")
    assert status == 422
    assert "which no detector finds" in page or "made-up-0" in page
    assert len(page) < len(rules) * 1.3 + 20_000
    wrong = rules.replace("made-up-1500, label", "made-up-1500, lable")
    status, page = replays(signed_in("root"), f"version: 1\nextends: general\nrules:\n{wrong}")
    assert '<span class="line-number">1504</span>' in page


def test_a_ready_made_policy_is_a_beginning(signed_in: SignedIn) -> None:
    root = signed_in("root")
    assert "Safe Harbor" in root.get(f"{WHAT_IF}?from=health").text
    assert root.get(f"{WHAT_IF}?from=nobody").status_code in {400, 404}


def test_a_replay_that_fails_ends_its_page_all_the_same(
    signed_in: SignedIn, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_services: FakeServices, _text: str, _ids: object, _reader: Identity) -> None:
        raise BackendError("the act cannot be recorded", next_step="free disk space")

    monkeypatch.setattr(FakeServices, "replay", full)
    status, page = replays(signed_in("root"))
    assert status == 200
    assert "The act cannot be recorded. Free disk space." in page
    assert page.rstrip().endswith("</html>")
