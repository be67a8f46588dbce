"""``keys rotate``, as its command carries it out: recorded, interrupted, ended by whoever says it again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cuts import Cut, cut_after

from wardstead.adapters.keys import folder
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.keys import root_keys
from wardstead.kernel.errors import BackendError, ConfigurationError


def again(deployment: Deployment) -> Deployment:
    """As the next command finds it."""
    return Deployment(deployment.places.directory, {})


def test_a_new_root_key_opens_all_that_was_recorded(deployment: Deployment) -> None:
    before = deployment.keys.root
    opened = deployment.ledger.verify_contents(deployment.ring).opened
    epoch, subjects = root_keys.rotate(deployment, root=True)
    found = again(deployment)
    assert (epoch, subjects > 0) == (2, True)
    assert found.keys.root != before
    held = found.ledger.verify_contents(found.ring)
    assert (held.problems, held.opened) == ([], opened + 1)


@pytest.mark.parametrize("at", range(4))
def test_an_interrupted_rotation_refuses_everything_else_and_is_ended_by_saying_it_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = deployment.keys.root
    deployment.ring.to_seal("alice")
    counted = cut_after(at)
    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_durably", counted(folder.write_durably))
        patch.setattr(SubjectKeys, "rewrap_root", counted(SubjectKeys.rewrap_root))
        patch.setattr(Path, "replace", counted(Path.replace))
        if at < 3:
            with pytest.raises(Cut):
                root_keys.rotate(deployment, root=True)
        else:
            root_keys.rotate(deployment, root=True)
    if again(deployment).keys.rotating:
        with pytest.raises(ConfigurationError, match="interrupted"):
            root_keys.rotate(again(deployment), root=False)
    if at < 3:
        root_keys.rotate(again(deployment), root=True)
    found = again(deployment)
    assert found.keys.root != before
    assert found.ring.to_open("alice")
    assert found.ledger.verify_contents(found.ring).problems == []


def test_what_cannot_be_recorded_is_not_carried_out(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    before = deployment.keys.root

    def refuse(*_: object) -> None:
        raise BackendError("the act cannot be recorded")

    monkeypatch.setattr(type(deployment.admin_record), "record_admin", refuse)
    with pytest.raises(BackendError):
        root_keys.rotate(deployment, root=True)
    assert again(deployment).keys.root == before


def test_it_is_told_how_many_keys_are_wrapped_anew(deployment: Deployment) -> None:
    for number in range(300):
        deployment.ring.to_seal(f"subject-{number}")
    told: list[tuple[int, int]] = []
    _, subjects = root_keys.rotate(deployment, root=False, progress=lambda done, total: told.append((done, total)))
    done, totals = [one for one, _ in told], {total for _, total in told}
    assert totals == {done[-1]}, "the last is the end"
    assert done == sorted(set(done))
    assert done[-1] >= subjects >= 300
