"""No file of a deployment takes mandatory access control away."""

from __future__ import annotations

import pytest

from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Identity, Principal, Resource
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.shipped import lacking_actions
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


def older(deployment: Deployment) -> None:
    """Policies and schema of before there were conversations and replays."""
    schema, roles = (deployment.places.policies / name for name in ("schema.cedarschema", "10-roles.cedar"))
    lines = schema.read_text().replace('entity Conversation = {\n  "owner"?: User,\n};', "").splitlines()
    schema.write_text("\n".join(line for line in lines if "Conversation" not in line and "replayPolicy" not in line))
    roles.write_text(roles.read_text().partition('@id("data-stewards-declassify")')[0])


@pytest.mark.parametrize(("action", "resource"), [("declassify", "Conversation"), ("replayPolicy", "Console")])
def test_a_deployment_of_before_an_action_starts_and_says_what_it_lacks(
    deployment: Deployment, action: str, resource: str
) -> None:
    older(deployment)
    point = deployment.decision_point()
    assert point.unknown_actions == {"declassify", "replayPolicy"}
    assert action in point.unpermitted
    who = Identity(
        Principal(PrincipalId("p"), "p", frozenset({"data-steward", "admin"}), CONFIDENTIAL),
        Credential(CredentialId("c"), CredentialKind.SESSION, b"", PrincipalId("p")),
    )
    decision = point.decide(AccessRequest(who, action, Resource(resource, "c"), CONFIDENTIAL))
    assert (decision.allow, decision.code) == (False, "access.unknown_to_schema")
    assert f"does not know the action '{action}'" in decision.reason
    assert "config check" in decision.reason


def test_what_is_said_to_be_lacking_is_all_that_is_lacking(deployment: Deployment) -> None:
    assert lacking_actions(deployment, deployment.decision_point()) == []
    older(deployment)
    declassify, replay = lacking_actions(deployment, deployment.decision_point())
    assert declassify.endswith("10-roles.cedar: data-stewards-declassify")
    assert replay.endswith("10-roles.cedar: administrators-replay-policies, auditors-replay-policies")
    schema = deployment.places.policies / "schema.cedarschema"
    for said in (declassify, replay):
        schema.write_text(schema.read_text() + "\n" + said.partition("schema.cedarschema: ")[2].partition("; copy to ")[0])
    point = deployment.decision_point()
    assert point.unknown_actions == frozenset()
    assert lacking_actions(deployment, point) == []
