"""What the command line does with people and keys."""

from __future__ import annotations

import pytest

from wardstead.bootstrap import people
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.people import BadValue, LastAdministrator


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
