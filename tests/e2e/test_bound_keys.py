"""A key for a purpose, a network or a model: each bound refuses alone, with a reason to act on, through the real client."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from tests.e2e.deployment import Deployment, create
from tests.e2e.test_four_models import ask, denied

pytestmark = pytest.mark.e2e
WORD = "Say one word."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = create(tmp_path_factory.mktemp("bound") / "deployment")
    rules = made.directory / "policies" / "access.yaml"
    rules.write_text(rules.read_text() + '\nnetworks:\n  here: [127.0.0.0/8, "::1/128"]\n  office: [198.51.100.0/24]\n')
    second = made.directory / "wardstead.yaml"
    second.write_text(second.read_text().replace("models:\n", MODEL, 1))
    made.up()
    try:
        yield made
    finally:
        made.down()


MODEL = """models:
  - name: other
    clearance: {level: public}
    upstream: {kind: openai, url: "http://127.0.0.1:9"}
"""


def key(made: Deployment, *bounds: str) -> str:
    return str(made.json("key", "create", "--user", "bot", *bounds)["key"])


def test_a_key_within_its_bounds_is_answered(made: Deployment) -> None:
    bound = key(made, "--purpose", "support", "--network", "here", "--model", made.model, "--expires", "1d")
    status, error, receipt = ask(made, bound, WORD)
    assert status == 200, error
    entries = made.json("ledger", "receipt", receipt)["entries"]
    assert [entry["kind"] for entry in entries] == ["intent", "outcome"]
    assert ask(made, bound, WORD, **{"wardstead-purpose": "support"})[0] == 200


def test_each_bound_refuses_alone(made: Deployment) -> None:
    assert ask(made, key(made), WORD)[0] == 200
    denied(made, key(made, "--network", "office"), WORD, "works from the network office alone", "connect from there")
    denied(made, key(made, "--network", "198.51.100.0/24"), WORD, "works from the network 198.51.100.0/24 alone")
    denied(made, key(made, "--model", "other"), WORD, "is for the model other")
    for_support = key(made, "--purpose", "support")
    denied(made, for_support, WORD, "is for the purpose support", **{"wardstead-purpose": "drafting"})
    for_both = key(made, "--purpose", "support", "--purpose", "drafting")
    denied(made, for_both, WORD, "say which in the header wardstead-purpose")
    assert ask(made, for_both, WORD, **{"wardstead-purpose": "drafting"})[0] == 200


def test_a_bound_key_sees_only_its_models(made: Deployment) -> None:
    def names(bound: str) -> list[str]:
        answer = httpx.get(f"{made.url}/v1/models", verify=made.tls, headers={"authorization": f"Bearer {bound}"})
        return [one["id"] for one in answer.json()["data"]]

    assert names(key(made)) == ["other", made.model]
    assert names(key(made, "--model", made.model)) == [made.model]
    assert names(key(made, "--network", "office")) == []


def test_it_is_told_what_a_key_is_for_and_when_it_was_used(made: Deployment) -> None:
    bound = key(made, "--purpose", "support", "--network", "127.0.0.1")
    shown = made.json("key", "show", bound[:11])
    assert (shown["purposes"], shown["networks"], shown["models"]) == (["support"], ["127.0.0.1/32"], [])
    assert shown["last_used_ms"] is None
    assert ask(made, bound, WORD)[0] == 200
    began = time.monotonic()
    while made.json("key", "show", bound[:11])["last_used_ms"] is None:  # it is written down every ten seconds
        assert time.monotonic() - began < 60
    explained = made.json("access", "explain", "bot", "infer", made.model, "--key", bound[:11], "--network", "office")
    assert (explained["decision"], explained["policies"]) == ("deny", ["keys-stay-in-their-networks"])
