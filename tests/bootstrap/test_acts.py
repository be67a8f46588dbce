"""What an act of administration says in the record: who, what there was before, and what there is after."""

from __future__ import annotations

from typing import Any

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.keys import root_keys
from wardstead.kernel.labels import PUBLIC, label


def acts(deployment: Deployment, action: str) -> list[dict[str, Any]]:
    """The details of each act of that name, the oldest first."""
    found = []
    for one in deployment.ledger.recent(100):
        opened = deployment.ledger.open_exchange(one.id, deployment.ring)
        content = opened["entries"][0]["content"] if opened else {}
        if content.get("action") == action:
            found.append(content["details"])
    return found[::-1]


def test_what_changes_is_recorded_with_what_it_was_before(deployment: Deployment) -> None:
    deployment.directory.create_principal("ann", roles=("user",), clearance=PUBLIC)
    for values in (["a"], ["b", "c"]):
        deployment.entitlements.set_attribute("ann", "training", values, expires_ms=None, source="course")
    deployment.directory.set_roles("ann", ["user", "reviewer"])
    deployment.directory.set_clearance("ann", label("confidential"))
    root_keys.rotate(deployment, root=False)
    first, second = acts(deployment, "principal.attribute")
    assert [(one["before"], one["values"]) for one in (first, second)] == [([], ["a"]), (["a"], ["b", "c"])]
    changed = {"roles": (["user"], ["reviewer", "user"]), "clearance": ("public", "confidential")}
    for what, (before, after) in changed.items():
        (told,) = acts(deployment, f"principal.{what}")
        assert (told["before"], told["after"], told["by"]) == (before, after, "command line")
    (rotated,) = acts(deployment, "keys.rotate")
    assert (rotated["before"], rotated["after"]) == (1, 2)
    assert deployment.subject_keys.current_kek().epoch == 2
