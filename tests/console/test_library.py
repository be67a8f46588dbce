"""The pages of documents and of sharing: what is shown, what a form does, and what is not theirs."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import FakeServices

from wardstead.assurance.library.kept import MayNotHandle
from wardstead.console.library_desk import Gift


def test_documents_are_listed_with_their_labels_and_names_are_text(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/console/documents").text
    assert "plan.pdf" in page
    assert "confidential; personal" in page
    assert "Plans &lt;b&gt;2027&lt;/b&gt;" in page
    assert "<b>2027</b>" not in page


def test_a_document_s_text_is_shown_and_its_bytes_are_a_download(signed_in: SignedIn) -> None:
    alice = signed_in("alice")
    page = alice.get("/console/documents/d-1").text
    assert "The launch is on Tuesday." in page
    assert "<script>alert" not in page
    bytes_ = alice.get("/console/documents/d-1/content")
    assert bytes_.headers["content-disposition"] == "attachment; filename*=UTF-8''plan.pdf"
    assert bytes_.headers["content-type"] == "application/octet-stream"
    assert bytes_.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["documents/d-1", "documents/d-1/content", "sharing/document/d-1", "sharing/user/d-1", "documents?collection=c-1"]
)
def test_what_is_not_theirs_looks_absent(signed_in: SignedIn, path: str) -> None:
    assert signed_in("bob").get(f"/console/{path}").status_code == 404


def test_a_document_is_added_and_a_collection_made(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    csrf = token_in(alice.get("/console/documents").text)
    sent = {"csrf": csrf, "collection": "c-1", "label": "internal"}
    made = alice.post("/console/documents/add", data=sent, files={"file": ("new.txt", b"words")})
    assert made.status_code == 303
    kept = services.library.kept[made.headers["location"].rpartition("/")[2]]
    assert (kept.name, kept.collection, kept.label, kept.size_bytes) == ("new.txt", "c-1", "internal", 5)
    assert alice.post("/console/documents/add", data=sent, files={"other": ("", b"")}).status_code == 400
    assert alice.post("/console/documents/collections", data={"csrf": csrf, "name": "More"}).status_code == 303
    assert services.library.kept["c-2"].name == "More"
    assert alice.post("/console/documents/document/d-1/delete", data={"csrf": csrf}).status_code == 303
    assert "d-1" not in services.library.kept
    assert alice.post("/console/documents/user/d-1/delete", data={"csrf": csrf}).status_code == 404


def test_without_the_session_s_token_nothing_is_done(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    wrong = {"csrf": "x" * 43}
    for path, more in [
        ("documents/collections", {"name": "More"}), ("documents/document/d-1/delete", {}),
        ("sharing/document/d-1/give", {"to": "person bob", "read": "yes"}), ("sharing/document/d-1/take-back", {"share": "s-1"}),
    ]:  # fmt: skip
        assert alice.post(f"/console/{path}", data={**wrong, **more}).status_code == 403
    assert alice.post("/console/documents/add", data=wrong, files={"file": ("a", b"a")}).status_code == 403
    assert set(services.library.kept) == {"c-1", "d-1", "t-1"}
    assert not services.library.given
    assert len(services.library.holdings) == 2


def test_who_has_it_and_by_which_hands(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/console/sharing/document/d-1").text
    assert "alice → bob" in page
    assert "finance (group)" in page
    assert page.count("Take back from") == 1


def test_somebody_is_found_chosen_and_given_rights(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    page = alice.get("/console/sharing/document/d-1?find=bo").text
    assert 'value="person bob"' in page
    assert 'value="group bookkeeping"' in page
    form = {"csrf": token_in(page), "find": "bo", "to": "person bob", "read": "yes", "share": "yes", "depth": "2", "until": "8h"}
    assert alice.post("/console/sharing/document/d-1/give", data=form).status_code == 303
    assert services.library.given == [("document", "d-1", Gift("bob", False, ["read", "share"], 2, "8h"))]
    for wrong in ({"to": ""}, {"to": "bob"}, {"to": "person "}, {"depth": "x"}, {"depth": "-1"}):
        assert alice.post("/console/sharing/document/d-1/give", data={**form, **wrong}).status_code == 400


def test_a_refusal_says_why_and_keeps_what_was_filled_in(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    services.library.refuse = MayNotHandle(
        "policy does not permit this", why="whoever it would be shared with is not cleared for it"
    )
    csrf = token_in(alice.get("/console/sharing/document/d-1").text)
    form = {"csrf": csrf, "find": "bo", "to": "person bob", "use": "yes", "depth": "1", "until": "90d"}
    page = alice.post("/console/sharing/document/d-1/give", data=form)
    assert page.status_code == 403
    assert "Whoever it would be shared with is not cleared for it" in page.text
    assert 'value="90d"' in page.text
    refused = alice.post("/console/documents/add", data={"csrf": csrf}, files={"file": ("a.txt", b"a")})
    assert (refused.status_code, "not cleared" in refused.text) == (403, True)


def test_a_share_is_taken_back(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    csrf = token_in(alice.get("/console/sharing/document/d-1").text)
    done = alice.post("/console/sharing/document/d-1/take-back", data={"csrf": csrf, "share": "s-1"})
    assert done.headers["location"] == "/console/sharing/document/d-1"
    assert [one.id for one in services.library.holdings] == ["s-2"]


def test_whoever_is_not_signed_in_sees_nothing(client: TestClient) -> None:
    for path in ("documents", "documents/d-1", "sharing/document/d-1"):
        assert client.get(f"/console/{path}").status_code == 303


# -- templates -----------------------------------------------------------------------------------------------------------


def test_a_template_is_listed_shown_made_and_deleted(signed_in: SignedIn, services: FakeServices) -> None:
    alice = signed_in("alice")
    page = alice.get("/console/templates").text
    assert "reply &lt;i&gt;politely&lt;/i&gt;" in page
    shown = alice.get("/console/templates/t-1").text
    assert "Answer {{customer}} &lt;script&gt;" in shown
    assert "It wants to be filled: customer." in shown
    assert "The template" in alice.get("/console/sharing/template/t-1").text
    sent = {"csrf": token_in(page), "name": "new", "text": "one\r\ntwo", "label": "internal"}
    assert alice.post("/console/templates/create", data=sent).headers["location"] == "/console/templates/t-2"
    assert services.library.kept["t-2"].name == "new: one\ntwo"
    assert alice.post("/console/templates/create", data={**sent, "csrf": "x" * 43}).status_code == 403
    services.library.refuse = MayNotHandle("alice may not do this", why="it is labelled above your clearance")
    refused = alice.post("/console/templates/create", data=sent)
    assert (refused.status_code, "above your clearance" in refused.text) == (403, True)
    assert alice.post("/console/templates/t-1/delete", data={"csrf": sent["csrf"]}).status_code == 303
    assert "t-1" not in services.library.kept


@pytest.mark.parametrize("path", ["templates/t-1", "sharing/template/t-1"])
def test_a_template_that_is_not_theirs_looks_absent(signed_in: SignedIn, path: str) -> None:
    bob = signed_in("bob")
    assert bob.get(f"/console/{path}").status_code == 404
    assert "reply" not in bob.get("/console/templates").text
