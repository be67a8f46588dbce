"""Asking a deployment's policies, from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from wardstead.access.asking import Asked
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks.policy_desk import DeploymentPolicyDesk
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.policy import policies
from wardstead.cli.main import app

FORBID = """
@id("not-at-night")
@reason("models rest outside office hours")
forbid (principal, action == Action::"infer", resource) unless { context.windows.contains("office") };
"""
WINDOWS = 'windows: {office: {zone: UTC, days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00"}}\n'


NETWORKS = "networks: {site: [10.0.0.0/8]}\n"


class Said:
    """Runs commands against one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    def __call__(self, *command: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["-C", str(self.deployment.places.directory), "access", *command, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)


@pytest.fixture
def said(deployment: Deployment) -> Said:
    """With ``bob``, who asks models, and windows that are declared and not used yet."""
    people.add(deployment, "bob", ["user"], "confidential", ["personal"])
    path = deployment.places.policies / "access.yaml"
    path.write_text(path.read_text() + WINDOWS + NETWORKS)
    policies.activate(deployment, "start")
    return Said(deployment)


def test_an_answer_is_explained(said: Said) -> None:
    answer = said("explain", "bob", "infer", "Model::smollm2")
    assert (answer["decision"], answer["policies"]) == ("allow", ["users-ask-models"])
    assert answer["reason"] == "people with the role user may ask models"
    assert answer["version"] == said.deployment.policies().version
    assert said("explain", "bob", "infer", "smollm2")["decision"] == "allow", "a model by its name alone"
    denied = said("explain", "bob", "administer", "Console")
    assert (denied["decision"], denied["policies"]) == ("deny", [])
    assert "people with one of these roles may: admin" in denied["reason"]
    labelled = said("explain", "bob", "infer", 'Model::"smollm2"', "--label", "restricted; personal, health")
    assert labelled["policies"] == ["people-see-only-what-they-are-cleared-for"]
    assert said("explain", "bob", "viewExchange", "Exchange::x", "--owner", "bob")["decision"] == "allow"
    assert said("explain", "bob", "viewExchange", "Exchange::x", "--owner", "admin")["decision"] == "deny"


def test_an_answer_depends_on_when_and_from_where_it_is_asked(said: Said) -> None:
    (said.deployment.places.policies / "90.cedar").write_text(FORBID)
    policies.activate(said.deployment)
    day = said("explain", "bob", "infer", "smollm2", "--at", "2026-11-25T12:00:00Z", "--network", "site", "--signed-in", "5m")
    assert (day["decision"], day["windows"], day["networks"]) == ("allow", ["office"], ["site"])
    assert day["until"] == "2026-11-25T17:59:59.999Z"
    night = said("explain", "bob", "infer", "smollm2", "--at", "2026-11-25T20:00:00Z")
    assert (night["decision"], night["policies"], night["reason"]) == (
        "deny", ["not-at-night"], "models rest outside office hours",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["nobody", "infer", "smollm2"], "bad_value"),
        (["bob", "fly", "smollm2"], "unknown_action"),
        (["bob", "infer", "Console"], "unknown_resource"),
        (["bob", "infer", "Model::other"], "unknown_resource"),
        (["bob", "viewExchange", "Exchange::nothing"], "unknown_exchange"),
        (["bob", "infer", "smollm2", "--at", "soon"], "bad_value"),
        (["bob", "infer", "smollm2", "--purpose", "war"], "unknown_purpose"),
        (["bob", "infer", "smollm2", "--network", "moon"], "unknown_network"),
        (["bob", "infer", "smollm2", "--label", "top"], "bad_value"),
        (["bob", "infer", "smollm2", "--signed-in", "soon"], "bad_value"),
        (["bob", "infer", "smollm2", "--policies", "zz"], "unknown_policy_version"),
    ],
)
def test_a_question_about_what_is_not_there_is_refused(said: Said, command: list[str], error: str) -> None:
    assert said("explain", *command, code=2)["error"]["code"] == error


def test_everybody_who_may_is_named(said: Said) -> None:
    found = said("who-can", "infer", "smollm2")["people"]
    assert [(one["user"], one["policies"]) for one in found] == [
        ("admin", ["administrators-ask-models", "users-ask-models"]), ("bob", ["users-ask-models"]),
    ]  # fmt: skip
    assert said("who-can", "declassify", "Conversation", "--owner", "bob")["people"] == []


def test_a_change_is_seen_before_it_is_in_force(said: Said) -> None:
    assert said("diff")["changes"] == []
    (said.deployment.places.policies / "90.cedar").write_text(FORBID)
    found = said("diff", code=1)
    assert found["complete"] is True
    assert {(*one["users"], one["action"], one["resource"]) for one in found["changes"]} == {
        ("admin", "infer", "Model::smollm2"), ("bob", "infer", "Model::smollm2"),
    }  # fmt: skip
    assert all(one["after"]["policies"] == ["not-at-night"] for one in found["changes"])
    back = said("diff", "folder", "active", code=1)
    assert {one["after"]["decision"] for one in back["changes"]} == {"allow"}


def test_the_folder_is_checked_and_its_examples_are_held_against_it(said: Said) -> None:
    assert said("check")["ok"] is True
    assert said("test")["ok"] is True
    own = said.deployment.places.policies / "90.cedar"
    own.write_text(FORBID.replace("office", "ofice"))
    checked = said("check", code=1)
    (mistake,) = [one for one in checked["findings"] if one["mistake"]]
    assert (mistake["code"], mistake["where"]) == ("undeclared-window", "90.cedar:2")
    assert said("check", "--policies", "active")["ok"] is True
    failed = [one for one in said("test", code=1)["examples"] if not one["ok"]]
    assert "a user asks a model" in [one["name"] for one in failed]
    own.write_text("permit (")
    assert said("check", code=3)["error"]["where"] == "90.cedar:1"
    (said.deployment.places.policies / "access.examples.yaml").unlink()
    own.unlink()
    assert said("test", code=3)["error"]["what"] == "there are no examples"


def test_people_read_it_in_words(said: Said) -> None:
    where = ["-C", str(said.deployment.places.directory), "access"]
    for command, word in [
        (["explain", "bob", "infer", "smollm2"], "users-ask-models"),
        (["who-can", "infer", "smollm2"], "bob"),
        (["check"], "no policy speaks of the window 'office'"),
        (["test"], "a user asks a model"),
        (["diff"], "0 changes"),
    ]:
        result = CliRunner().invoke(app, [*where, *command])
        assert word in result.output, result.output


def test_the_console_asks_about_nobody_s_existing_conversation(said: Said) -> None:
    desk = DeploymentPolicyDesk(said.deployment)
    for given in ("Exchange::nothing", "Exchange::0193a5b0-0000-7000-8000-0000000a11ce"):
        asked = Asked("bob", "viewExchange", given)
        assert desk.explain(asked, "active").decision.allow, "of what would be their own"
        assert not desk.explain(replace(asked, owner="admin"), "active").decision.allow
    assert desk.who_can(Asked("", "administer", "anything"), "active") == ["admin"]
    assert desk.explain(Asked("bob", "infer", "Model::smollm2"), "folder").decision.allow


def test_the_console_knows_what_is_in_force_and_what_waits(said: Said) -> None:
    desk = DeploymentPolicyDesk(said.deployment)
    assert [one.reason for one in desk.standing().history] == ["start"]
    (said.deployment.places.policies / "90.cedar").write_text(FORBID)
    assert desk.standing().edited == ("90.cedar",)
    assert {one.action for one in desk.difference("folder").changes} == {"infer"}
    assert not any(one.mistake for one in desk.findings())
    assert desk.people() == ["admin", "bob"]
    assert "support" in desk.purposes()
