"""Another system provisions people over SCIM: python-scim's own judge, and requests as Entra ID and Okta send them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from tests.e2e.deployment import Deployment, create

from wardstead.access.ports import Principal
from wardstead.bootstrap.deployment import Deployment as Wired
from wardstead.bootstrap.identity import people
from wardstead.kernel.labels import PUBLIC, label

pytestmark = pytest.mark.e2e
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SETTINGS = """
identity:
  scim:
    - id: corp
      principal: scim-corp
      attributes: {department: department}
      groups:
        - {group: Engineers, roles: [user], clearance: {level: confidential, compartments: [personal]}, member_of: [engineers]}
        - {group: Auditors, roles: [auditor], attributes: {training: [privacy]}}
    - id: other
      principal: scim-other
      groups: [{group: Engineers, roles: [user]}]
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = create(tmp_path_factory.mktemp("scim") / "deployment")
    with (made.directory / "wardstead.yaml").open("a") as settings:
        settings.write(SETTINGS)
    made.up()
    try:
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def key(running: Deployment) -> str:
    return running.key("scim-corp", "--role", "provisioner", "--scope", "provision")


@pytest.fixture
def scim(running: Deployment, key: str) -> Iterator[httpx.Client]:
    with client(running, key) as made:
        yield made


def client(running: Deployment, key: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/scim+json"}
    return httpx.Client(verify=running.tls, base_url=f"{running.url}/scim/v2/", headers=headers, timeout=60)


def new(scim: httpx.Client, name: str, **more: Any) -> dict[str, Any]:
    answer = scim.post("Users", json={"schemas": [USER], "userName": name, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def group(scim: httpx.Client, name: str, *members: str) -> str:
    found = scim.get("Groups", params={"filter": f'displayName eq "{name}"'}).json()
    if found["totalResults"]:
        key = str(found["Resources"][0]["id"])
        patch(scim, f"Groups/{key}", {"op": "add", "path": "members", "value": [{"value": one} for one in members]})
        return key
    body = {"schemas": [GROUP], "displayName": name, "members": [{"value": one} for one in members]}
    answer = scim.post("Groups", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def patch(scim: httpx.Client, path: str, *operations: dict[str, Any]) -> httpx.Response:
    return scim.patch(path, json={"schemas": [PATCH], "Operations": list(operations)})


def person(running: Deployment, name: str) -> Principal:
    return Wired(running.directory).directory.find(name)


def key_of(running: Deployment, name: str, *roles: str) -> str:
    return people.create_key(Wired(running.directory), name, roles, [], None).key


def models(running: Deployment, key: str) -> int:
    with httpx.Client(verify=running.tls, base_url=running.url, timeout=60) as asked:
        return asked.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code


def test_the_judge_of_the_standard_finds_nothing(running: Deployment, key: str) -> None:
    with httpx2.Client(
        verify=running.tls, base_url=f"{running.url}/scim/v2/", headers={"authorization": f"Bearer {key}"}
    ) as asked:
        results = check_server(SyncSCIMClient(asked))
    wrong = [one for one in results if one.status in {Status.ERROR, Status.CRITICAL, Status.DEVIATION}]
    assert not wrong, "\n".join(f"{one.title}: {one.reason}" for one in wrong)
    assert sum(one.status is Status.SUCCESS for one in results) > 40


def test_groups_decide_what_somebody_is_and_nothing_else_does(running: Deployment, scim: httpx.Client) -> None:
    made = new(scim, "nora@example.org", externalId="e-1", roles=[{"value": "admin"}], **{ENTERPRISE: {"department": "sales"}})
    assert not person(running, "nora@example.org").roles
    engineers = group(scim, "Engineers", made["id"])
    group(scim, "Administrators", made["id"])
    nora = person(running, "nora@example.org")
    assert (nora.roles, nora.clearance, nora.groups) == ({"user"}, label("confidential", ["personal"]), {"engineers"})
    assert {(one.name, one.value) for one in nora.attributes} == {("department", "sales"), ("employment", "active")}
    patch(scim, f"Groups/{engineers}", {"op": "remove", "path": f'members[value eq "{made["id"]}"]'})
    assert not person(running, "nora@example.org").roles
    assert person(running, "nora@example.org").clearance == PUBLIC


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Replace", "path": "active", "value": "False"},  # Entra ID
        {"op": "Replace", "value": {"active": False}},
        {"op": "replace", "value": {"active": "false", "id": "x"}},  # Okta
    ],
)
def test_a_leaver_loses_every_session_and_key_at_once(running: Deployment, scim: httpx.Client, operation: dict[str, Any]) -> None:
    made = new(scim, "ola")
    group(scim, "Engineers", made["id"])
    own = key_of(running, "ola")
    assert models(running, own) == 200
    answer = patch(scim, f"Users/{made['id']}", operation)
    assert answer.status_code == 200, answer.text
    assert answer.json()["active"] is False
    assert models(running, own) == 401
    assert [one for one in Wired(running.directory).directory.list_keys() if one.person == "ola"] == []
    assert person(running, "ola").active is False
    patch(scim, f"Users/{made['id']}", {"op": "replace", "path": "active", "value": True})
    assert person(running, "ola").roles == {"user"}
    assert models(running, own) == 401, "a key that has ended does not come back with its owner"
    assert scim.delete(f"Users/{made['id']}").status_code == 204
    assert scim.get(f"Users/{made['id']}").status_code == 404


def test_a_name_that_is_given_anew_gives_nothing_of_who_had_it(running: Deployment, scim: httpx.Client) -> None:
    first = new(scim, "kim", externalId="kim-1")
    scim.delete(f"Users/{first['id']}")
    second = new(scim, "kim", externalId="kim-2")
    assert second["id"] != first["id"]
    assert any(
        re.fullmatch(r"kim until [0-9-]{10} \w{6}", one.name) for one in Wired(running.directory).directory.list_principals()
    )
    scim.delete(f"Users/{second['id']}")
    assert new(scim, "kim", externalId="kim-1")["id"] == first["id"], "the same person is back"


def test_a_source_touches_only_whom_it_made(running: Deployment, scim: httpx.Client) -> None:
    admin = person(running, "admin")
    for name in ("admin", "ADMIN"):
        answer = scim.post("Users", json={"schemas": [USER], "userName": name})
        assert answer.status_code == 409
        assert answer.json()["scimType"] == "uniqueness"
    assert scim.get(f"Users/{admin.id}").status_code == 404
    assert scim.delete(f"Users/{admin.id}").status_code == 404
    assert patch(scim, f"Users/{admin.id}", {"op": "replace", "path": "active", "value": False}).status_code == 404
    body = {"schemas": [GROUP], "displayName": "Others", "members": [{"value": admin.id}]}
    assert scim.post("Groups", json=body).status_code == 404
    mine = new(scim, "pia")
    with client(running, key_of(running, "scim-other", "provisioner")) as other:
        assert other.get(f"Users/{mine['id']}").status_code == 404
        assert other.get("Users").json()["totalResults"] == 0
        assert patch(other, f"Users/{mine['id']}", {"op": "replace", "path": "active", "value": False}).status_code == 404
    assert person(running, "admin") == admin


def test_who_is_no_provisioner_is_refused(running: Deployment) -> None:
    for key, status in ((key_of(running, "zoe"), 403), ("ws_nothing", 401), (key_of(running, "stray", "provisioner"), 403)):
        with client(running, key) as asked:
            answer = asked.get("Users")
            assert answer.status_code == status
            assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
            assert answer.headers["content-type"] == "application/scim+json"


def test_what_is_not_acceptable_is_said_in_the_standard_s_words(scim: httpx.Client) -> None:
    made = new(scim, "rui")
    for path, kind in (("Users?filter=userName zz 1", "invalidFilter"), ("Users?filter=nothing eq 1", "invalidFilter")):
        answer = scim.get(path)
        assert (answer.status_code, answer.json().get("scimType")) == (400, kind), answer.text
    assert scim.post("Users", content=b"{").json()["scimType"] == "invalidSyntax"
    assert scim.post("Users", json={"schemas": [USER], "userName": "a\nb"}).json()["scimType"] == "invalidValue"
    assert scim.get("Bulk").status_code == 501
    assert scim.get("Nothing").status_code == 404
    assert scim.put("Users").status_code == 405
    stale = scim.patch(f"Users/{made['id']}", headers={"if-match": 'W/"77"'}, json={
        "schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "x"}],
    })  # fmt: skip
    assert stale.status_code == 412


def test_pages_and_filters(scim: httpx.Client) -> None:
    for number in range(5):
        new(scim, f"page-{number}", externalId=f"p{number}", displayName=f"Page {number}", active=number % 2 == 0)

    def names(**query: Any) -> list[str]:
        return [one["userName"] for one in scim.get("Users", params=query).json().get("Resources", [])]

    assert names(filter='userName eq "PAGE-3"') == ["page-3"]
    assert names(filter='externalId eq "p4"') == ["page-4"]
    assert names(filter='userName sw "page-" and active eq false', sortBy="userName") == ["page-1", "page-3"]
    assert names(filter='userName sw "page-" and not (displayName co "4")', sortBy="userName", startIndex=2, count=2) == [
        "page-1", "page-2",
    ]  # fmt: skip
    assert names(filter='userName sw "page-" and title pr') == []


def test_what_was_done_is_in_the_ledger_with_who_and_why(running: Deployment, scim: httpx.Client) -> None:
    made = new(scim, "una")
    scim.delete(f"Users/{made['id']}")
    wired = Wired(running.directory)
    found = [wired.ledger.open_exchange(one.id, wired.ring) for one in wired.ledger.recent(20)]
    acts = [entry["content"] for one in found if one for entry in one["entries"]]
    (gone,) = (one for one in acts if one["action"] == "provision.remove" and one["details"]["name"] == "una")
    assert gone["details"]["by"] == "scim-corp"
    assert gone["details"]["why"] == "the source has removed them"
    assert gone["actor"] == person(running, "scim-corp").subject
