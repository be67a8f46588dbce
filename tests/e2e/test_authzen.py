"""Another application asks a running deployment what people may do, over AuthZEN."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def application(deployment: Deployment) -> str:
    """The key of an application that may ask."""
    return deployment.key("portal", "--role", "application")


def asked(deployment: Deployment, key: str, body: object, path: str = "/access/v1/evaluation") -> httpx.Response:
    with httpx.Client(verify=deployment.tls, base_url=deployment.url, timeout=30) as client:
        return client.post(path, json=body, headers={"authorization": f"Bearer {key}"})


def question(subject: str, action: str, kind: str, resource: str, **context: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": subject},
        "action": {"name": action},
        "resource": {"type": kind, "id": resource},
        "context": context,
    }


def test_what_somebody_may_do_with_a_model_depends_on_the_label(deployment: Deployment, key: str, application: str) -> None:
    assert key
    may = asked(deployment, application, question("alice", "infer", "Model", deployment.model, label="confidential; personal"))
    assert may.status_code == 200, may.text
    assert may.json()["decision"] is True
    assert may.json()["context"]["policies"] == ["users-ask-models"]
    above = asked(deployment, application, question("alice", "infer", "Model", deployment.model, label="restricted"))
    assert above.json()["decision"] is False
    assert "people-see-only-what-they-are-cleared-for" in above.json()["context"]["policies"]


def test_somebody_s_exchange_is_theirs(deployment: Deployment, key: str, application: str) -> None:
    with httpx.Client(verify=deployment.tls, base_url=deployment.url, timeout=120) as client:
        chat = {"model": deployment.model, "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 5}
        answer = client.post("/v1/chat/completions", json=chat, headers={"authorization": f"Bearer {key}"})
        receipt = answer.headers["wardstead-receipt"]
    deployment.key("bob", "--role", "user")
    subjects = [{"subject": {"type": "user", "id": name}} for name in ("alice", "bob", "nobody")]
    batch = {**question("-", "viewExchange", "Exchange", receipt), "evaluations": subjects}
    found = asked(deployment, application, batch, "/access/v1/evaluations").json()["evaluations"]
    assert [one["decision"] for one in found] == [True, False, False]
    assert found[2]["context"]["code"] == "access.unknown_subject"


@pytest.mark.parametrize(
    "asks", [("alice", "infer", "Model", "none"), ("alice", "fly", "Model", "smollm2"), ("alice", "viewConsole", "Moon", "x")]
)
def test_what_nobody_knows_is_not_allowed(deployment: Deployment, key: str, application: str, asks: tuple[str, ...]) -> None:
    assert key
    found = asked(deployment, application, question(*asks)).json()
    assert found["decision"] is False
    assert found["context"]["reason"]


def test_who_may_not_ask_learns_nothing(deployment: Deployment, key: str) -> None:
    answer = asked(deployment, key, question("admin", "administer", "Console", "wardstead"))
    assert answer.status_code == 403
    assert "decision" not in answer.json()
    assert asked(deployment, "ws_no", question("admin", "administer", "Console", "wardstead")).status_code == 401


def test_bad_questions_and_methods(deployment: Deployment, application: str) -> None:
    assert asked(deployment, application, {"subject": 1}).status_code == 400
    assert asked(deployment, application, {"x": "y" * (1 << 20)}).status_code == 413
    with httpx.Client(verify=deployment.tls, base_url=deployment.url) as client:
        assert client.get("/access/v1/evaluation").status_code == 405
        assert client.get("/access/v1/search").status_code == 404
        published = client.get("/.well-known/authzen-configuration").json()
    assert published["access_evaluation_endpoint"] == f"{published['policy_decision_point']}/access/v1/evaluation"


def search(deployment: Deployment, key: str, what: str, **body: Any) -> dict[str, Any]:
    said = asked(deployment, key, body, f"/access/v1/search/{what}")
    assert said.status_code == 200, said.text
    found: dict[str, Any] = said.json()
    return found


def test_searches_find_what_single_questions_permit(deployment: Deployment, key: str, application: str) -> None:
    assert key
    metadata = httpx.get(f"{deployment.url}/.well-known/authzen-configuration", verify=deployment.tls).json()
    assert metadata["search_subject_endpoint"] == f"{deployment.url}/access/v1/search/subject"
    model, user = {"type": "Model", "id": deployment.model}, {"type": "user"}
    # Who may: by pages of one, and each of them as a question by itself.
    names, token = [], ""
    while True:
        page = search(
            deployment, application, "subject", subject=user, action={"name": "infer"}, resource=model,
            context={"label": "confidential"}, page={"limit": 1, "token": token},
        )  # fmt: skip
        names += [one["id"] for one in page["results"]]
        token = page["page"]["next_token"]
        if not token:
            break
    everybody = [one["user"] for one in deployment.json("user", "list")["users"]]
    ask = [question(name, "infer", "Model", deployment.model, label="confidential") for name in everybody]
    decisions = asked(deployment, application, {"evaluations": ask}, "/access/v1/evaluations").json()["evaluations"]
    may = {name for name, one in zip(everybody, decisions, strict=True) if one["decision"]}
    assert set(names) == may
    assert "alice" in may
    assert len(names) == len(set(names))
    # What they may do, and to what.
    alice = {"type": "user", "id": "alice"}
    actions = search(deployment, application, "action", subject=alice, resource=model)["results"]
    assert {one["name"] for one in actions} == {"infer", "embed", "listModels"}
    models = search(deployment, application, "resource", subject=alice, action={"name": "infer"}, resource={"type": "Model"})
    assert models["results"] == [model]
    with httpx.Client(verify=deployment.tls, base_url=deployment.url, timeout=60) as client:
        bearer = {"authorization": f"Bearer {key}"}
        kept = [
            client.post("/v1/files", files={"file": (f"{one}.txt", b"plain")}, headers=bearer).json()["id"] for one in range(3)
        ]
    documents = {"subject": alice, "action": {"name": "readData"}, "resource": {"type": "Document"}}
    found = search(deployment, application, "resource", **documents, page={"limit": 2})
    rest = search(deployment, application, "resource", **documents, page={"token": found["page"]["next_token"]})
    assert [one["id"] for one in found["results"] + rest["results"]] == kept
    nothing = search(deployment, application, "resource", **{**documents, "subject": {"type": "user", "id": "nobody"}})
    assert nothing == {"results": [], "page": {"next_token": "", "count": 0}}


def test_only_an_application_searches(deployment: Deployment, key: str) -> None:
    for what in ("subject", "resource", "action"):
        assert asked(deployment, key, {}, f"/access/v1/search/{what}").status_code == 403
