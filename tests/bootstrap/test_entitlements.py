"""Attributes, groups and roles that end, as an administrator gives them: declared, separated, approved by somebody else."""

from __future__ import annotations

import pytest

from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Identity, Resource
from wardstead.access.rules import BadAttribute
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity import entitlements, people
from wardstead.bootstrap.identity.entitlements import HOUR_MS, MayNot, moment
from wardstead.bootstrap.identity.people import BadValue, RolesConflict
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import CredentialId

ON_CALL = """
  on-call:
    inherits: [admin]
    elevation: {max_hours: 8, approved_by: [auditor]}
"""


def elevating(deployment: Deployment) -> Deployment:
    path = deployment.places.policies / "access.yaml"
    path.write_text(path.read_text().replace("roles:\n", f"roles:{ON_CALL}", 1))
    for name, role in (("ann", "user"), ("aud", "auditor"), ("bob", "user")):
        people.add(deployment, name, [role], "internal", [])
    return deployment


def may(deployment: Deployment, name: str, action: str, now: int) -> bool:
    who = deployment.directory.find(name)
    identity = Identity(who, Credential(CredentialId("c"), CredentialKind.SESSION, b"", who.id))
    request = AccessRequest(identity, action, Resource("Console", "c"), now_ms=now)
    return deployment.decision_point().decide(request).allow


def test_a_role_is_asked_for_approved_by_another_who_may_and_ends(deployment: Deployment) -> None:
    elevating(deployment)
    asked = entitlements.request_role(deployment, "ann", "on-call", 2, "an incident")
    assert not may(deployment, "ann", "administer", now_ms())
    for by in ("ann", "bob"):
        with pytest.raises(MayNot):
            entitlements.decide_role(deployment, asked.id, by, approve=True)
    assert entitlements.decide_role(deployment, asked.id, "aud", approve=True).state == "approved"
    assert may(deployment, "ann", "administer", now_ms())
    assert not may(deployment, "ann", "administer", now_ms() + 2 * HOUR_MS)
    shown = entitlements.requests(deployment)
    assert [(one.person, one.decided_by, one.request.state) for one in shown] == [("ann", "aud", "approved")]


def test_nobody_approves_their_own_role_whatever_other_roles_they_have(deployment: Deployment) -> None:
    elevating(deployment)
    people.add(deployment, "both", ["auditor"], "internal", [])
    asked = entitlements.request_role(deployment, "both", "on-call", 1, "why not")
    with pytest.raises(MayNot) as refused:
        entitlements.decide_role(deployment, asked.id, "both", approve=True)
    assert "nobody approves a role for themselves" in refused.value.why
    with pytest.raises(RolesConflict):
        entitlements.decide_role(deployment, asked.id, "aud", approve=True)
    assert entitlements.decide_role(deployment, asked.id, "aud", approve=False).state == "refused"


@pytest.mark.parametrize(
    ("role", "hours", "reason"), [("on-call", 9, "x"), ("on-call", 0, "x"), ("user", 1, "x"), ("on-call", 1, " ")]
)
def test_what_is_not_declared_is_not_asked_for(deployment: Deployment, role: str, hours: float, reason: str) -> None:
    elevating(deployment)
    with pytest.raises(CallerError):
        entitlements.request_role(deployment, "ann", role, hours, reason)


def test_an_attribute_is_declared_and_the_schema_knows_it(deployment: Deployment) -> None:
    people.add(deployment, "ann", ["user"], "internal", [])

    def give(name: str, *values: str, add: bool = False) -> None:
        entitlements.set_attribute(deployment, "ann", name, values, until="1h", add=add, source="t")

    give("device", "managed")
    give("training", "privacy")
    give("training", "safety", add=True)
    give("signal", "risk")
    found = {(one.name, one.value) for one in deployment.directory.find("ann").attributes}
    assert found == {("device", "managed"), ("training", "privacy"), ("training", "safety"), ("signal", "risk")}
    for name, values in (("shoes", ["red"]), ("device", ["tin"]), ("device", ["managed", "attested"]), ("signal", ["fog"])):
        with pytest.raises((BadAttribute, BadValue)):
            give(name, *values)
    with pytest.raises(BadValue):
        give("device", "managed", add=True)
    path = deployment.places.policies / "access.yaml"
    path.write_text(path.read_text().replace("attributes:\n", "attributes:\n  team: {type: string}\n", 1))
    with pytest.raises(BadValue) as refused:
        give("team", "blue")
    assert refused.value.where == "schema.cedarschema"


def test_separated_roles_are_refused_when_they_are_given(deployment: Deployment) -> None:
    with pytest.raises(RolesConflict):
        people.add(deployment, "ann", ["admin", "auditor"], "internal", [])
    people.add(deployment, "ann", ["admin"], "internal", [])
    people.add(deployment, "second", ["admin"], "internal", [])
    with pytest.raises(RolesConflict):
        entitlements.give_role(deployment, "ann", "auditor", begin=None, until="1h")
    people.set_roles(deployment, "ann", ["user"])
    entitlements.give_role(deployment, "ann", "auditor", begin=None, until="1h")
    with pytest.raises(RolesConflict):
        people.set_roles(deployment, "ann", ["admin"])
    with pytest.raises(BadValue):
        entitlements.give_role(deployment, "ann", "auditor", begin=None, until=None)


def test_times_are_read_as_people_write_them() -> None:
    assert moment("8h", 0) == 8 * HOUR_MS
    assert moment("2027-03-01", 0) == moment("2027-03-01T00:00:00Z", 0) == moment("2027-03-01T01:00:00+01:00", 0)
    for wrong in ("", "soon", "2027-03-01T12:00", "0h", "-1d", "99999999999d", "2027-13-01"):
        with pytest.raises(BadValue):
            moment(wrong, 0)


def test_a_group_has_a_name_that_can_be_written(deployment: Deployment) -> None:
    entitlements.create_group(deployment, "care-team")
    for wrong in ("", "a b", "-x", "x" * 65, "a,b"):
        with pytest.raises(BadValue):
            entitlements.create_group(deployment, wrong)
    assert deployment.entitlements.groups() == {"care-team": []}


def test_what_changed_since_a_role_was_asked_for_counts_when_it_is_approved(deployment: Deployment) -> None:
    elevating(deployment)
    asked = entitlements.request_role(deployment, "ann", "on-call", 8, "an incident")
    deployment.directory.set_active("ann", active=False)
    with pytest.raises(MayNot) as refused:
        entitlements.decide_role(deployment, asked.id, "aud", approve=True)
    assert "switched off" in refused.value.why
    deployment.directory.set_active("ann", active=True)
    path = deployment.places.policies / "access.yaml"
    path.write_text(path.read_text().replace("max_hours: 8", "max_hours: 1"))
    assert entitlements.decide_role(deployment, asked.id, "aud", approve=True).state == "approved"
    (given,) = deployment.directory.find("ann").timed_roles
    assert given.from_ms is not None
    assert given.until_ms == given.from_ms + HOUR_MS
    left = entitlements.request_role(deployment, "bob", "on-call", 1, "another")
    deployment.directory.set_active("bob", active=False)
    assert entitlements.decide_role(deployment, left.id, "aud", approve=False).state == "refused"


@pytest.mark.parametrize("hours", [float("nan"), float("inf"), float("-inf"), 0, -1, 1e-8, 1e300, 8.1])
def test_what_is_no_number_of_hours_is_refused(deployment: Deployment, hours: float) -> None:
    elevating(deployment)
    with pytest.raises(BadValue):
        entitlements.request_role(deployment, "ann", "on-call", hours, "an incident")
