"""A deployment whose classification policy has five levels of its own, from ``init`` to the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml
from tests.e2e.deployment import Deployment
from tests.e2e.echo import ADDRESS, DEVICE, IBAN, Echo, ask, before, serving

pytestmark = pytest.mark.e2e

LEVELS = "levels: [public, internal, official, secret, top-secret]\n"
ALIASES = "level_aliases: {confidential: official, restricted: secret}\n"
RULES = """\
version: 2
extends: general
rules:
  - {type: email, label: {level: secret, compartments: [personal]}, prompt: allow, answer: allow}
  - {type: iban, label: {level: top-secret, compartments: [finance]}, prompt: allow, answer: allow}
"""
COMPARTMENTS = ["personal", "finance"]


def policy_of(made: Deployment) -> Path:
    return made.directory / "policies" / "classification.yaml"


def warnings_of(made: Deployment) -> list[str]:
    found: list[str] = made.json("config", "check")["warnings"]
    return [one for one in found if "level" in one]


def refused(made: Deployment, *arguments: str, code: int) -> dict[str, str]:
    done = made.run(*arguments, "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    error: dict[str, str] = json.loads(done.stdout or done.stderr)["error"]
    return error


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Deployment]:
    levels = ("internal", "official", "secret", "top-secret")
    models = {level: {"level": level, "compartments": COMPARTMENTS} for level in levels}
    made = before(echo, tmp_path_factory.mktemp("levels") / "deployment", models)
    policy_of(made).write_text(RULES.replace("rules:", f"{LEVELS}{ALIASES}rules:"))
    with serving(made):
        yield made


def client_of(made: Deployment, name: str, level: str) -> openai.OpenAI:
    made.run("user", "add", name, "--level", level, "--compartment", "personal", "--compartment", "finance", "--json")
    http = httpx.Client(verify=made.tls, timeout=60)
    return openai.OpenAI(base_url=f"{made.url}/v1", api_key=made.key(name), http_client=http, max_retries=0)


@pytest.fixture(scope="module")
def sally(made: Deployment) -> openai.OpenAI:
    """Cleared for the fourth of five levels."""
    return client_of(made, "sally", "secret")


@pytest.fixture(scope="module")
def tom(made: Deployment) -> openai.OpenAI:
    """Cleared for the highest."""
    return client_of(made, "tom", "top-secret")


def receipt(made: Deployment, raw: Any) -> dict[str, Any]:
    found: dict[str, Any] = made.json("ledger", "receipt", raw.headers["wardstead-receipt"])
    return found


def test_what_was_there_before_the_levels_reads_by_its_alias(made: Deployment) -> None:
    assert warnings_of(made) == []
    (admin,) = made.json("user", "list")["users"]
    assert admin["clearance"]["level"] == "secret"


def test_a_label_of_the_own_levels_decides(made: Deployment, sally: openai.OpenAI, tom: openai.OpenAI, echo: Echo) -> None:
    raw = ask(sally, f"Write to {ADDRESS}, please.", "secret")
    assert raw.headers["wardstead-label"] == "secret; personal"
    with pytest.raises(openai.PermissionDeniedError):
        ask(sally, f"Write to {ADDRESS}, please.", "official")
    before = len(echo.requests)
    with pytest.raises(openai.PermissionDeniedError):
        ask(sally, f"Pay to {IBAN} now.", "top-secret")
    with pytest.raises(openai.PermissionDeniedError):
        ask(tom, f"Pay to {IBAN} now.", "secret")
    assert len(echo.requests) == before
    assert ask(tom, f"Pay to {IBAN} now.", "top-secret").headers["wardstead-label"] == "top-secret; finance, personal"


def test_a_label_of_the_extended_policy_reads_by_its_alias(sally: openai.OpenAI) -> None:
    assert ask(sally, f"My laptop is {DEVICE}.", "official").headers["wardstead-label"] == "official; personal"
    with pytest.raises(openai.PermissionDeniedError):
        ask(sally, f"My laptop is {DEVICE}.", "internal")


def test_the_ledger_and_the_list_show_names(made: Deployment, sally: openai.OpenAI, tom: openai.OpenAI) -> None:
    raw = ask(tom, f"Pay to {IBAN} now.", "top-secret", "bills")
    assert receipt(made, raw)["status"] == "complete"  # a proof: what was said, and its label, are sealed
    (bills,) = made.json("conversation", "list", "--user", "tom")["conversations"]
    assert bills["label"] == {"level": "top-secret", "compartments": ["finance", "personal"]}
    report = made.json("ledger", "verify", "--contents")
    assert report["ok"]
    assert any(name.startswith("top-secret") for name in report["contents"]["labels"]), report["contents"]["labels"]
    assert not any(name.startswith(("confidential", "restricted")) for name in report["contents"]["labels"])


def test_it_stays_so_over_a_level_in_the_middle(made: Deployment, tom: openai.OpenAI) -> None:
    ask(tom, f"Pay to {IBAN} now.", "top-secret", "kept")
    policy = policy_of(made)
    text = policy.read_text()
    policy.write_text(text.replace("secret, top-secret]", "secret, most-secret, top-secret]"))
    error = refused(made, "access", "activate", code=3)
    assert error["code"] == "other_levels"
    assert "wardstead down" in error["next_step"]
    made.down()
    try:
        made.run("access", "activate")
        made.up()
        assert warnings_of(made) == []
        raw = ask(tom, "hello", "top-secret", "kept")
        assert raw.headers["wardstead-label"] == "top-secret; finance, personal"
        with pytest.raises(openai.PermissionDeniedError):
            ask(tom, "hello", "secret", "kept")
    finally:
        made.down()
        policy.write_text(text)
        made.run("access", "activate")
        made.up()


def test_who_is_new_needs_a_level_that_there_is(made: Deployment) -> None:
    policy = policy_of(made)
    text = policy.read_text()
    made.run("user", "add", "usual", "--json")
    found = {one["user"]: one["clearance"] for one in made.json("user", "list")["users"]}
    assert found["usual"] == {"level": "official", "compartments": ["personal"]}
    error = refused(made, "user", "add", "wrong", "--level", "restrictive", code=2)
    assert "top-secret" in error["why"]
    made.down()
    try:
        # What it extends has its own levels, so it needs no aliases.
        policy.write_text(text.replace(ALIASES, "").replace("extends: general\n", "extends: own.yaml\n"))
        (policy.parent / "own.yaml").write_text(ready(made))
        made.run("access", "activate")
        for wrong in (("user", "add", "new"), ("key", "create", "--user", "new")):
            error = refused(made, *wrong, code=2)
            assert error["code"] == "bad_value"
            assert "'confidential'" in error["what"]
            assert "--level" in error["next_step"]
        warnings = " ".join(warnings_of(made))
        assert "1 people have the level 'restricted'" in warnings
    finally:
        policy.write_text(text)
        made.run("access", "activate")
        made.up()


def ready(made: Deployment) -> str:
    """The general policy, as an organisation would write it in its own levels."""
    text = (files("wardstead.catalogues") / "classification" / "general.yaml").read_text("utf-8")
    own = text.replace("level: confidential", "level: official").replace("level: restricted", "level: secret")
    return own.replace("version: 2\n", f"version: 2\n{LEVELS}", 1)


def test_config_check_names_the_place_of_a_level_that_there_is_not(made: Deployment) -> None:
    path = made.directory / "wardstead.yaml"
    text = path.read_text()
    config = yaml.safe_load(text)
    group = {"group": "staff", "roles": ["user"], "clearance": {"level": "hidden"}}
    provider = {"id": "work", "issuer": "https://id.example", "client_id": "x", "groups": [group]}
    try:
        model = {**config["models"][0], "name": "odd", "clearance": {"level": "hidden"}}
        path.write_text(yaml.safe_dump({**config, "models": [*config["models"], model]}))
        error = refused(made, "config", "check", code=3)
        assert error["what"] == "unknown level 'hidden'"
        assert "models: odd: clearance" in error["where"]
        path.write_text(yaml.safe_dump({**config, "identity": {"providers": [provider]}}))
        error = refused(made, "config", "check", code=3)
        assert error["what"] == "unknown level 'hidden'"
        assert "identity.providers: work: groups: staff" in error["where"]
        group["clearance"] = {"level": "secret", "compartments": ["nowhere"]}
        path.write_text(yaml.safe_dump({**config, "identity": {"providers": [provider]}}))
        assert "'nowhere'" in refused(made, "config", "check", code=3)["what"]
    finally:
        path.write_text(text)
    assert warnings_of(made) == []
