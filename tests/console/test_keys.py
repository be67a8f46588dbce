"""The page of keys: who may see it, what it tells, a key that is made and shown once, one that is revoked."""

from __future__ import annotations

from starlette.testclient import TestClient
from tests.console.conftest import SignedIn, token_in
from tests.console.fakes import FakeServices

PAGE = "/console/keys"


def make(client: TestClient, **fields: str) -> str:
    csrf = token_in(client.get(PAGE).text)
    page = client.post(PAGE, data={"csrf": csrf, "person": "alice", **fields})
    assert page.status_code in {200, 400}, page.text
    return page.text


def test_a_key_is_made_with_its_bounds_and_shown_once(signed_in: SignedIn, services: FakeServices) -> None:
    root = signed_in("root")
    page = make(root, purposes="support, drafting", networks="office 10.0.0.0/8", models="smollm2", expires="90d")
    assert "ws_abcd0secret" in page
    again = root.get(PAGE).text
    assert "ws_abcd0secret" not in again
    assert "purposes: drafting, support; networks: 10.0.0.0/8, office; models: smollm2" in again
    assert services.keys.done == [("create", "root")]


def test_a_key_that_nothing_binds_is_for_all_that_its_owner_may_do(signed_in: SignedIn) -> None:
    root = signed_in("root")
    make(root)
    page = root.get(PAGE).text
    assert "everything its owner may do" in page
    assert "not used yet" in page
    assert "no end" in page


def test_what_nothing_knows_is_refused_and_the_form_keeps_what_was_written(signed_in: SignedIn, services: FakeServices) -> None:
    page = make(signed_in("root"), purposes="nonsense", networks="office")
    assert "there is no purpose &lt;b&gt;nonsense" in page
    assert 'value="office"' in page
    assert services.keys.made == []


def test_a_key_is_revoked_by_whoever_is_signed_in(signed_in: SignedIn, services: FakeServices) -> None:
    root = signed_in("root")
    make(root)
    csrf = token_in(root.get(PAGE).text)
    gone = root.post(f"{PAGE}/k0/revoke", data={"csrf": csrf})
    assert (gone.status_code, gone.headers["location"]) == (303, PAGE)
    assert (services.keys.made, services.keys.done[-1]) == ([], ("revoke", "root"))
    assert "there is no such key" in root.post(f"{PAGE}/k0/revoke", data={"csrf": csrf}).text


def test_a_form_without_its_token_changes_nothing(signed_in: SignedIn, services: FakeServices) -> None:
    root = signed_in("root")
    assert root.post(PAGE, data={"csrf": "wrong", "person": "alice"}).status_code == 403
    assert services.keys.made == []


def test_others_than_administrators_neither_see_nor_make_keys(signed_in: SignedIn, client: TestClient) -> None:
    for name in ("alice", "ada"):
        visitor = signed_in(name)
        assert visitor.get(PAGE).status_code == 403
        csrf = token_in(visitor.get("/console/").text)
        assert visitor.post(PAGE, data={"csrf": csrf, "person": name}).status_code == 403
        assert visitor.post(f"{PAGE}/k0/revoke", data={"csrf": csrf}).status_code == 403
        assert f'href="{PAGE}"' not in visitor.get("/console/").text
    assert f'href="{PAGE}"' in signed_in("root").get("/console/").text
    assert client.get(PAGE).status_code == 303
