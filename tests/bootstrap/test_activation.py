"""Policies that two people put in force: what one proposed, another activates, and nobody alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.bootstrap.test_policy_versions import NOBODY, add, few_detectors, load_of
from typer.testing import CliRunner

from wardstead.adapters.store.policies import ActivatedMeanwhile, ProposalClosed, UnknownProposal
from wardstead.bootstrap.acting import Acting, at_the_command_line, at_the_console
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity.entitlements import MayNot
from wardstead.bootstrap.policy import activation, policies
from wardstead.bootstrap.policy.activation import NeedsTwo
from wardstead.cli.main import app
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.labels import PUBLIC

__all__ = ["few_detectors"]


def two(deployment: Deployment) -> None:
    path = deployment.places.policies / "access.yaml"
    path.write_text(path.read_text().replace("# activation: {people: 2}", "activation: {people: 2}"))


def by(deployment: Deployment, name: str) -> Acting:
    return at_the_command_line(deployment.directory.find(name))


@pytest.fixture
def ruled(deployment: Deployment) -> Deployment:
    """Two people are needed; there are two administrators, and a user."""
    for name, role in (("ann", "admin"), ("bob", "admin"), ("cem", "user")):
        deployment.directory.create_principal(name, roles=[role], clearance=PUBLIC)
    load_of(deployment)()
    two(deployment)
    policies.activate(deployment, "two people from now on")
    return deployment


def acts(deployment: Deployment, action: str) -> list[dict[str, Any]]:
    found = []
    for one in deployment.ledger.recent(50):
        opened = deployment.ledger.open_exchange(one.id, deployment.ring)
        assert opened is not None
        if opened["entries"][0]["content"].get("action") == action:
            found.append(opened["entries"][0]["content"]["details"])
    return found


def test_nobody_activates_alone_and_two_do_and_the_record_names_both(ruled: Deployment) -> None:
    load = load_of(ruled)
    add(ruled)
    with pytest.raises(NeedsTwo):
        policies.activate(ruled)
    made = activation.propose(ruled, by(ruled, "ann"), "a holiday")
    add(ruled, "permit (principal, action, resource);", "91-slipped-in.cedar")
    for name, why in (("ann", "somebody else must"), ("cem", "no policy permits")):
        with pytest.raises(MayNot) as refused:
            activation.activate_proposed(ruled, by(ruled, name), made.id)
        assert why in refused.value.why
    session = at_the_console(by(ruled, "bob").identity)
    done = activation.activate_proposed(ruled, session, made.id[-12:], "it is one")
    assert (done.version, load().decisions.version) == (made.version, made.version)
    assert policies.policy_state(ruled).edited == ("91-slipped-in.cedar",), "what was proposed, not what stands there by now"
    (proposed,), activated = acts(ruled, "policy.propose"), acts(ruled, "policy.activate")[0]
    assert (proposed["ordered_by"], proposed["version"], proposed["reason"]) == ("ann", made.version, "a holiday")
    assert (activated["by"], activated["proposed_by"]) == ("bob", made.proposed_by)
    assert (activated["reason"], activated["proposed_why"], activated["files"]) == ("it is one", "a holiday", ["90.cedar"])
    assert ruled.policy_store.activations()[0].by == "bob"
    with pytest.raises(ProposalClosed):
        activation.activate_proposed(ruled, by(ruled, "bob"), made.id)


def test_the_rule_is_taken_away_by_two_and_not_by_going_back(ruled: Deployment) -> None:
    with pytest.raises(NeedsTwo):
        policies.roll_back(ruled)
    add(ruled)
    made = activation.propose(ruled, by(ruled, "ann"))
    activation.activate_proposed(ruled, by(ruled, "bob"), made.id)
    assert policies.roll_back(ruled).changed, "what asks for two as well was put in force by two"
    first = ruled.policy_store.activations()[-1].version
    back = activation.propose(ruled, by(ruled, "bob"), version=first)
    assert activation.activate_proposed(ruled, by(ruled, "ann"), back.id).version == first
    assert policies.activate(ruled).changed, "one is enough again"


def test_a_proposal_for_what_is_not_in_force_any_more_is_closed(ruled: Deployment) -> None:
    add(ruled)
    one = activation.propose(ruled, by(ruled, "ann"))
    add(ruled, NOBODY.replace("nobody-asks", "nobody-asks-2"), "91.cedar")
    other = activation.propose(ruled, by(ruled, "bob"))
    activation.activate_proposed(ruled, by(ruled, "ann"), other.id)
    with pytest.raises(ProposalClosed, match="since"):
        activation.activate_proposed(ruled, by(ruled, "bob"), one.id)
    assert ruled.policy_store.proposal(one.id).state == "open", "it was not used up"
    activation.withdraw(ruled, by(ruled, "ann"), one.id)
    with pytest.raises(ProposalClosed, match="already"):
        activation.withdraw(ruled, by(ruled, "ann"), one.id)
    with pytest.raises(UnknownProposal):
        ruled.policy_store.proposal("nothing")
    with pytest.raises(CallerError, match="already"):
        activation.propose(ruled, by(ruled, "ann"))


def test_two_people_are_asked_for_where_there_are_two(deployment: Deployment) -> None:
    load_of(deployment)()
    assert sum("admin" in one.roles for one in deployment.directory.list_principals()) == 1
    two(deployment)
    with pytest.raises(ConfigurationError, match="no two who may"):
        policies.activate(deployment)
    deployment.directory.create_principal("bob", roles=["admin"], clearance=PUBLIC)
    assert policies.activate(deployment).changed


def test_what_was_looked_at_before_another_activation_is_not_put_in_force(deployment: Deployment) -> None:
    load_of(deployment)()
    add(deployment)
    with pytest.raises(ActivatedMeanwhile):
        deployment.policy_store.activate(deployment.folder_policies(), by="x", reason="", over="another")


def test_the_command_line_proposes_lists_activates_and_withdraws(ruled: Deployment) -> None:
    def run(*words: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["-C", str(ruled.places.directory), "access", *words, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    add(ruled)
    assert run("activate", code=2)["error"]["code"] == "needs_two_people"
    made = run("propose", "--by", "ann", "--reason", "a holiday")
    assert run("activate", made["id"], code=2)["error"]["code"] == "bad_value"
    assert run("activate", made["id"], "--by", "ann", code=2)["error"]["code"] == "access_denied"
    (listed,) = run("proposals")["proposals"]
    assert (listed["by"], listed["state"], listed["reason"]) == ("ann", "open", "a holiday")
    assert run("activate", made["id"], "--by", "bob")["version"] == made["version"]
    add(ruled, NOBODY.replace("nobody-asks", "nobody-asks-2"), "91.cedar")
    again = run("propose", "--by", "bob")
    assert run("withdraw", again["id"], "--by", "bob")["state"] == "withdrawn"
    assert [one["state"] for one in run("proposals")["proposals"]] == ["withdrawn", "activated"]
