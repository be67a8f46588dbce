"""What the command line does with people and keys."""

from __future__ import annotations

import pytest

from wardstead.access.asking import Asked
from wardstead.access.ports import UNBOUND, Bounds, Credential, CredentialKind, Identity
from wardstead.adapters.store.directory.directory import UnknownPerson
from wardstead.adapters.store.tables.ledger import entry
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks.key_desk import DeploymentKeyDesk
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.identity.people import BadValue, LastAdministrator
from wardstead.bootstrap.policy import asking
from wardstead.console.key_desk import Wanted
from wardstead.kernel.ids import CredentialId


def test_the_last_active_administrator_is_kept_unless_forced(deployment: Deployment) -> None:
    directory = deployment.directory
    with pytest.raises(LastAdministrator, match="--force"):
        people.disable(deployment, "admin")
    with pytest.raises(LastAdministrator):
        people.set_roles(deployment, "admin", ["user"])
    people.set_roles(deployment, "admin", ["admin", "data-steward"])
    people.add(deployment, "ann", ["admin"], "public", [])
    people.disable(deployment, "admin")
    with pytest.raises(LastAdministrator):
        people.disable(deployment, "ann")
    people.disable(deployment, "admin")  # nothing is lost by it
    people.disable(deployment, "ann", force=True)
    assert not any(one.active for one in directory.list_principals())
    people.set_roles(deployment, "ann", ["user"])


def test_a_key_gives_nobody_more_rights(deployment: Deployment) -> None:
    people.create_key(deployment, "bob", ["user", "auditor"], [], None)
    people.create_key(deployment, "bob", ["auditor"], [], None)
    with pytest.raises(BadValue, match="set-roles"):
        people.create_key(deployment, "bob", ["admin"], [], None)
    assert deployment.directory.find("bob").roles == {"user", "auditor"}
    assert len(deployment.directory.list_keys()) == 2


def test_a_compartment_that_no_rule_gives_is_refused(deployment: Deployment) -> None:
    with pytest.raises(BadValue, match="credentials, finance, health, legal, payment, personal"):
        people.add(deployment, "bob", ["user"], "internal", ["payments"])
    people.add(deployment, "bob", ["user"], "internal", ["payment"])
    with pytest.raises(BadValue, match="'nonsense'"):
        people.clear(deployment, "bob", "restricted", ["personal", "nonsense"])
    assert str(people.clear(deployment, "bob", "confidential", ["personal"])) == "confidential; personal"
    assert str(deployment.directory.find("bob").clearance) == "confidential; personal"


def test_what_a_key_is_for_is_kept_with_it_and_reaches_the_snapshot(deployment: Deployment) -> None:
    bounds = Bounds(frozenset({"support"}), frozenset({"10.0.0.0/8", "192.0.2.7"}), frozenset({"smollm2"}))
    made = people.create_key(deployment, "bob", [], [], None, bounds=bounds)
    kept = Bounds(bounds.purposes, frozenset({"10.0.0.0/8", "192.0.2.7/32"}), bounds.models)
    assert deployment.directory.find_api_key(made.prefix).bounds == kept
    assert [one.bounds for one in deployment.directory.load().credentials.values() if one.id == made.id] == [kept]
    free = people.create_key(deployment, "bob", [], [], None)
    assert deployment.directory.find_api_key(free.prefix).bounds == UNBOUND


@pytest.mark.parametrize(
    ("bounds", "where", "words"),
    [
        (Bounds(purposes=frozenset({"suport"})), "--purpose", "did you mean 'support'"),
        (Bounds(models=frozenset({"smollm3"})), "--model", "did you mean 'smollm2'"),
        (Bounds(networks=frozenset({"offices"})), "--network", "declared are"),
        (Bounds(networks=frozenset({"10.0.0.1/8"})), "--network", "host bits set"),
    ],
)
def test_an_unknown_bound_is_refused_with_its_place(deployment: Deployment, bounds: Bounds, where: str, words: str) -> None:
    with pytest.raises(BadValue, match=words) as refused:
        people.create_key(deployment, "bob", [], [], None, bounds=bounds)
    assert refused.value.where == where


def test_an_answer_can_be_explained_for_a_key(deployment: Deployment) -> None:
    bounds = Bounds(frozenset({"support"}), frozenset({"10.0.0.0/8"}))
    key = people.create_key(deployment, "bob", [], [], None, bounds=bounds)
    policies = deployment.policies()

    def explained(**said: str) -> tuple[bool, str]:
        decision = asking.explain(deployment, Asked("bob", "infer", "smollm2", key=key.prefix, **said), policies).decision
        return decision.allow, decision.code

    assert explained(network="10.1.2.3") == (True, "allow")
    assert explained(network="192.0.2.1") == (False, "access.key_bounds")
    with pytest.raises(BadValue, match="is not 'admin'"):
        asking.explain(deployment, Asked("admin", "infer", "smollm2", key=key.prefix), policies)
    with pytest.raises(BadValue, match="no age"):
        explained(signed_in="5m")


def test_the_console_makes_and_revokes_keys_in_the_name_of_whoever_is_signed_in(deployment: Deployment) -> None:
    root = deployment.directory.find("admin")
    who = Identity(root, Credential(CredentialId("c"), CredentialKind.SESSION, b"", root.id))
    desk = DeploymentKeyDesk(deployment)
    people.add(deployment, "bob", ["user"], "internal", [])
    assert desk.choices().people == ("admin", "bob")
    assert desk.create(Wanted("bob", Bounds(purposes=frozenset({"support"})), "90d"), who).startswith("ws_")
    (made,) = desk.keys()
    assert (made.person, made.bounds.purposes, made.expires_ms is not None) == ("bob", {"support"}, True)
    for wanted in (Wanted("bob", Bounds(models=frozenset({"x"})), ""), Wanted("bob", UNBOUND, "yesterday")):
        with pytest.raises(BadValue):
            desk.create(wanted, who)
    with pytest.raises(UnknownPerson):
        desk.create(Wanted("nobody", UNBOUND, ""), who)
    desk.revoke(made.id, who)
    assert desk.keys() == []
    with deployment.engine.connect() as connection:
        rows = connection.execute(entry.select().where(entry.c.kind == "admin").order_by(entry.c.id)).mappings().all()
    opened = [deployment.ledger.open_exchange(row["exchange"], deployment.ring) for row in rows[-2:]]
    acts = [one["entries"][0]["content"] for one in opened if one is not None]
    assert [(act["action"], act["details"]["by"]) for act in acts] == [("key.create", "admin"), ("key.revoke", "admin")]
