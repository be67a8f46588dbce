"""Each of the four models refuses alone: with a reason that the person can act on, and an entry that an officer can follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from tests.e2e.deployment import Deployment, create
from tests.e2e.test_sharing import until

pytestmark = pytest.mark.e2e
ADDRESS = "anna.example@example.org"
CONTRACTORS = """
@id("contractors-ask-from-the-office")
@reason("contractors may ask models from the office network alone; connect from there")
forbid (principal, action == Action::"infer", resource)
when { principal has department && principal.department == "contractors" }
unless { context.networks.contains("office") };
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = create(tmp_path_factory.mktemp("four") / "deployment")
    policies = made.directory / "policies"
    (policies / "50-contractors.cedar").write_text(CONTRACTORS)
    rules = policies / "access.yaml"
    rules.write_text(rules.read_text() + "\nnetworks:\n  office: [198.51.100.0/24]\n")
    made.up()
    try:
        yield made
    finally:
        made.down()


def ask(made: Deployment, key: str, text: str, **headers: str) -> tuple[int, dict[str, Any], str]:
    """Status, body and receipt, through the real client."""
    http = httpx.Client(verify=made.tls, timeout=120)
    client = openai.OpenAI(base_url=f"{made.url}/v1", api_key=key, http_client=http, max_retries=0)
    said = [{"role": "user", "content": text}]
    try:
        raw = client.chat.completions.with_raw_response.create(
            model=made.model, messages=said, max_tokens=8, extra_headers=headers,  # type: ignore[arg-type]
        )  # fmt: skip
    except openai.APIStatusError as error:
        return error.status_code, error.response.json()["error"], error.response.headers.get("wardstead-receipt", "")
    return raw.status_code, {}, str(raw.headers["wardstead-receipt"])


def denied(made: Deployment, key: str, text: str, *words: str, **headers: str) -> None:
    """It is refused with these words, and the denial is in the ledger under its receipt."""
    status, error, receipt = ask(made, key, text, **headers)
    assert status == 403, error
    assert all(word in error["message"] for word in words), error
    kinds = [entry["kind"] for entry in made.json("ledger", "receipt", receipt)["entries"]]
    assert kinds == ["intent", "outcome"]


def person(made: Deployment, name: str, role: str = "user", level: str = "confidential") -> str:
    made.run("user", "add", name, "--role", role, "--level", level)
    return made.key(name)


def test_whoever_has_all_of_it_is_answered(made: Deployment) -> None:
    key = person(made, "ann")
    assert ask(made, key, "Say one word.")[0] == 200
    assert ask(made, key, "Say one word.", **{"wardstead-purpose": "support"})[0] == 200


def test_roles_refuse_alone(made: Deployment) -> None:
    denied(made, person(made, "aud", role="auditor"), "Say one word.", "people with one of these roles may: admin, user")


def test_labels_refuse_alone(made: Deployment) -> None:
    key = person(made, "low", level="internal")
    assert ask(made, key, "Say one word.")[0] == 200
    denied(made, key, f"Write to {ADDRESS}, please.", "above your clearance")


def test_attributes_and_circumstances_refuse_alone(made: Deployment) -> None:
    key = person(made, "con")
    assert ask(made, key, "Say one word.")[0] == 200
    made.run("user", "set-attribute", "con", "department", "contractors")
    denied(made, key, "Say one word.", "from the office network alone")
    made.run("user", "set-attribute", "con", "department")
    assert ask(made, key, "Say one word.")[0] == 200
    status, error, _ = ask(made, key, "Say one word.", **{"wardstead-purpose": "leisure"})
    assert (status, error["code"]) == (400, "unknown_purpose")


def test_owners_refuse_alone(made: Deployment) -> None:
    owner, reader = person(made, "own"), person(made, "oth")
    receipt = ask(made, owner, "Say one word.")[2]

    def seen(key: str) -> int:
        bearer = {"authorization": f"Bearer {key}"}
        return httpx.get(f"{made.url}/ledger/receipt/{receipt}", verify=made.tls, headers=bearer).status_code

    assert (seen(owner), seen(reader)) == (200, 404)
    refused = made.json("share", "give", "--exchange", receipt, "--by", "oth", "--with", "oth", check=False)["error"]
    assert refused["code"] == "access_denied"
    made.run("share", "give", "--exchange", receipt, "--by", "own", "--with", "oth")
    until(lambda: seen(reader) == 200)
