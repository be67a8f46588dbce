"""No file of a deployment takes mandatory access control away."""

from __future__ import annotations

import pytest

from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Identity, Principal, Resource
from wardstead.bootstrap.deployment import Deployment
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


def test_a_deployment_of_before_declassification_starts_and_permits_it_to_nobody(deployment: Deployment) -> None:
    schema, roles = (deployment.places.policies / name for name in ("schema.cedarschema", "10-roles.cedar"))
    lines = schema.read_text().replace('entity Conversation = {\n  "owner"?: User,\n};', "").splitlines()
    schema.write_text("\n".join(line for line in lines if "Conversation" not in line))
    roles.write_text(roles.read_text().partition('@id("data-stewards-declassify")')[0])
    point = deployment.decision_point()
    assert "declassify" in point.unpermitted
    who = Identity(
        Principal(PrincipalId("p"), "p", frozenset({"data-steward"}), CONFIDENTIAL),
        Credential(CredentialId("c"), CredentialKind.SESSION, b"", PrincipalId("p")),
    )
    assert not point.decide(AccessRequest(who, "declassify", Resource("Conversation", "c"), CONFIDENTIAL)).allow
