"""What a model's page tells of its life: every act about it, by whom or by what, as the ledger has it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import delete
from tests.bootstrap.test_acts import acts
from tests.bootstrap.test_admissions import DATA, PLAIN, TENSORS, admit, by, gguf, nothing, section, served

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.adapters.store.tables.admissions import model_act
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks import model_history
from wardstead.bootstrap.desks.model_desk import DeploymentModelDesk
from wardstead.bootstrap.identity.people import add as add_person
from wardstead.bootstrap.models import admissions, guarding, rescanning
from wardstead.console.model_desk import History


@pytest.fixture
def file(tmp_path: Path, deployment: Deployment) -> Path:
    for name in ("ben", "cleo"):
        add_person(deployment, name, ["model-approver"], "confidential", [])
    made = tmp_path / "tiny.gguf"
    made.write_bytes(gguf(PLAIN, TENSORS, DATA))
    return made


def history(deployment: Deployment, before: int | None = None) -> History:
    current = SimpleNamespace(decisions=MemoisedDecisionPoint(deployment.decision_point(), deployment.directory.load()))
    desk = DeploymentModelDesk(deployment, SimpleNamespace(current=current))  # type: ignore[arg-type]
    shown = desk.model("tiny", by(deployment, "admin").identity, before)
    assert shown is not None
    return shown.history


def told(found: History) -> list[tuple[str, str]]:
    """What, and by whom or by what; the oldest first, without who ran the command."""
    return [(one.what, one.who.partition(" (")[0]) for one in reversed(found.lines)]


def test_a_model_s_life_is_told_whole_with_who_or_what_and_each_act_s_entry(
    deployment: Deployment, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    admissions.take_out(deployment, "tiny", by(deployment, "admin"), "a rumour", for_good=False)
    admissions.resume(deployment, "tiny", by(deployment, "ben"), "it was none")
    rescanning.rescan(deployment, done, nothing, scheduled=True)
    kept = deployment.places.directory / done.candidate.files[0].path
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    guarding.Guard(deployment).look()
    found = history(deployment)
    assert told(found)[2:] == [
        ("Reviewed", "ben"), ("Approved", "ben"), ("Approved", "cleo"), (told(found)[5][0], "admin"), ("Suspended", "admin"),
        ("Resumed", "ben"), ("Scanned anew: clean", "the scheduled scan"), ("Suspended", "the watch over its files"),
    ]  # fmt: skip
    assert told(found)[0] == ("Added", "admin")
    assert told(found)[1][0] == "Scanned: clean"
    assert told(found)[5][0].startswith("Admitted: up to restricted, until 20")
    why = f"{done.candidate.files[0].path} is not the file that was admitted"
    assert [one.why for one in found.lines[:3]] == [why, "", "it was none"]
    for one in found.lines:
        assert deployment.ledger.summary(one.act) is not None
        assert one.at
    assert found.older is None


def test_an_act_at_the_command_line_is_recorded_in_the_name_of_whoever_ordered_it(deployment: Deployment, file: Path) -> None:
    admit(deployment, file)
    (reviewed,) = acts(deployment, "model.review")
    assert (reviewed["by"], reviewed["ordered_by"]) == ("command line", "ben")
    assert [one["ordered_by"] for one in acts(deployment, "model.approve")] == ["ben", "cleo"]


def test_its_life_goes_on_over_pages(deployment: Deployment, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admit(deployment, file)
    whole = history(deployment)
    monkeypatch.setattr(model_history, "PAGE", 2)
    found = [history(deployment)]
    while (older := found[-1].older) is not None:
        found.append(history(deployment, older))
    assert [len(one.lines) for one in found] == [2, 2, 2]
    assert tuple(line for one in found for line in one.lines) == whole.lines


def test_what_is_from_before_acts_were_kept_is_told_from_the_admission_itself(
    deployment: Deployment, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_history, "_SAME_ACT_S", 0.0)
    admit(deployment, file)
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(delete(model_act))
    admissions.take_out(deployment, "tiny", by(deployment, "admin"), "a rumour", for_good=False)
    found = history(deployment)
    assert [one[0] for one in told(found)] == [
        "Added",
        "Scanned: clean",
        "Reviewed",
        "Approved",
        "Approved",
        "Admitted",
        "Suspended",
    ]
    assert [bool(one.act) for one in found.lines] == [True, *[False] * 6]
