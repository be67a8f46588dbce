"""No file of a deployment takes mandatory access control away."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardstead.access.ports import AccessRequest, Attribute, Credential, CredentialKind, Identity, Principal, Resource
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policy.shipped import lacking_actions
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.ids import CredentialId, PrincipalId
from wardstead.kernel.labels import label

ANYTHING = "permit (principal, action, resource);"
CONFIDENTIAL = label("confidential", ["personal"])


def ask(deployment: Deployment, *scopes: str, active: bool = True, action: str = "infer") -> str:
    person = Principal(PrincipalId("p"), "p", clearance=CONFIDENTIAL, active=active)
    credential = Credential(CredentialId("c"), CredentialKind.API_KEY, b"", person.id, scopes=frozenset(scopes))
    what = Resource("Console", "c") if action == "viewConsole" else Resource("Model", "m", clearance=label("public"))
    return deployment.decision_point().decide(AccessRequest(Identity(person, credential), action, what, CONFIDENTIAL)).code


def test_a_deployment_can_add_to_the_mandatory_policies_and_take_nothing_away(deployment: Deployment) -> None:
    for path in deployment.places.policies.glob("*.cedar"):
        path.unlink()
    (deployment.places.policies / "all.cedar").write_text(ANYTHING)
    assert ask(deployment) == "access.forbidden"
    assert ask(deployment, "embed", action="viewConsole") == "access.forbidden"
    assert ask(deployment, active=False, action="viewConsole") != "allow"
    assert ask(deployment, action="viewConsole") == "allow"


def test_no_policies_at_all_is_a_mistake(deployment: Deployment) -> None:
    for path in deployment.places.policies.glob("*.cedar"):
        path.unlink()
    with pytest.raises(ConfigurationError, match="no policies"):
        deployment.decision_point()


OLDER = Path(__file__).with_name("older")
"""Policies and schema as they shipped before there were shares and elevation."""


def older(deployment: Deployment, *, before_conversations: bool = False) -> None:
    """The files of an older deployment; those of before there were conversations and replays as well."""
    for name in ("schema.cedarschema", "10-roles.cedar"):
        (deployment.places.policies / name).write_text((OLDER / name).read_text())
    if before_conversations:
        schema, roles = (deployment.places.policies / name for name in ("schema.cedarschema", "10-roles.cedar"))
        lines = schema.read_text().replace('entity Conversation = {\n  "owner"?: User,\n};', "").splitlines()
        schema.write_text("\n".join(line for line in lines if "Conversation" not in line and "replayPolicy" not in line))
        roles.write_text(roles.read_text().partition('@id("data-stewards-declassify")')[0])


@pytest.mark.parametrize(("action", "resource"), [("declassify", "Conversation"), ("replayPolicy", "Console")])
def test_a_deployment_of_before_an_action_starts_and_says_what_it_lacks(
    deployment: Deployment, action: str, resource: str
) -> None:
    older(deployment, before_conversations=True)
    point = deployment.decision_point()
    assert {"declassify", "replayPolicy"} < point.unknown_actions
    assert action in point.unpermitted
    who = Identity(
        Principal(PrincipalId("p"), "p", frozenset({"data-steward", "admin"}), CONFIDENTIAL),
        Credential(CredentialId("c"), CredentialKind.SESSION, b"", PrincipalId("p")),
    )
    decision = point.decide(AccessRequest(who, action, Resource(resource, "c"), CONFIDENTIAL))
    assert (decision.allow, decision.code) == (False, "access.unknown_to_schema")
    assert f"does not know the action '{action}'" in decision.reason
    assert "config check" in decision.reason


@pytest.mark.parametrize("before_conversations", [False, True])
def test_what_is_said_to_be_lacking_is_all_that_is_lacking(deployment: Deployment, before_conversations: bool) -> None:
    assert lacking_actions(deployment, deployment.decision_point()) == []
    older(deployment, before_conversations=before_conversations)
    lacking = lacking_actions(deployment, deployment.decision_point())
    assert any("people-share-what-they-may-share" in one for one in lacking)
    assert any("data-stewards-declassify" in one for one in lacking) is before_conversations
    shipped = lacking[0].partition("put ")[2].partition(" in the place of")[0]
    (deployment.places.policies / "schema.cedarschema").write_text(Path(shipped).read_text())
    point = deployment.decision_point()
    assert point.unknown_actions == frozenset()
    assert lacking_actions(deployment, point) == []


def test_an_older_schema_decides_as_it_did(deployment: Deployment) -> None:
    older(deployment)
    point = deployment.decision_point()
    assert point.unknown_actions == {
        "shareData",
        "revokeShare",
        "requestRole",
        "approveRole",
        "exportData",
        "proposePolicies",
        "activatePolicies",
        "reviewHeld",
        "readHeld",
        "evaluateAccess",
        "createData",
        "readData",
        "useData",
        "changeData",
        "provision",
        "addModel",
        "approveModel",
        "overrideModel",
    }
    who = Identity(
        Principal(PrincipalId("p"), "p", frozenset({"user"}), CONFIDENTIAL, groups=frozenset({"g"}),
                  attributes=(Attribute("department", "sales"),)),
        Credential(CredentialId("c"), CredentialKind.SESSION, b"", PrincipalId("p")),
    )  # fmt: skip
    model = Resource("Model", "m", clearance=CONFIDENTIAL)
    assert point.decide(AccessRequest(who, "infer", model, CONFIDENTIAL)).allow
    above = AccessRequest(who, "infer", model, label("restricted", ["personal"]))
    assert point.decide(above).code == "access.forbidden"
    own, others = Resource("Exchange", "e", owner=PrincipalId("p")), Resource("Exchange", "e", rights=frozenset({"read"}))
    assert point.decide(AccessRequest(who, "viewExchange", own, CONFIDENTIAL)).allow
    assert not point.decide(AccessRequest(who, "viewExchange", others)).allow
