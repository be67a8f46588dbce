"""What runs goes by the files of its start: the posture says which of them are others by now."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.models.admitting import Standing
from wardstead.bootstrap.processes import condition, starting
from wardstead.cli.main import app
from wardstead.isolation.posture import Check, State


@pytest.fixture
def dictionary(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a deployment that runs, with this process as its worker."""
    monkeypatch.setattr(condition, "running", lambda _: {"pid": os.getpid(), "port": 1, "isolation": "bubblewrap"})
    folder = deployment.places.policies / "dictionaries"
    folder.mkdir()
    path = folder / "site-name.txt"
    path.write_text("Old Quarry\n")
    deployment.places.run.mkdir(exist_ok=True)
    starting.note(deployment, starting.files(deployment))
    return path


def checks(deployment: Deployment) -> dict[str, Check]:
    found = (condition.detectors_check(deployment), *condition._start_checks(deployment))
    return {one.id: one for one in found}


def test_what_has_changed_since_the_start_is_named(deployment: Deployment, dictionary: Path) -> None:
    assert checks(deployment)["detectors.start"].state is State.GREEN
    dictionary.with_name("more.txt").write_text("Nordhafen\n")
    dictionary.write_text("Old Quarry\nNew Quarry\n")
    (deployment.places.policies / "thresholds.yaml").symlink_to("/dev/null")
    found = checks(deployment)["detectors.start"]
    assert found.state is State.AMBER
    for said in ("site-name.txt (changed)", "more.txt (new)", "thresholds.yaml (new)"):
        assert said in found.evidence
    dictionary.unlink()
    assert "site-name.txt (gone)" in checks(deployment)["detectors.start"].evidence


def test_what_keeps_it_from_starting_again_is_red_while_it_runs(deployment: Deployment, dictionary: Path) -> None:
    dictionary.write_bytes(b"a \xff\n")
    found = checks(deployment)["detectors"]
    assert found.state is State.RED
    assert "it would not start" in found.evidence
    assert "site-name.txt" in found.evidence


def test_the_note_of_a_worker_that_is_gone_does_not_count(deployment: Deployment, dictionary: Path) -> None:
    own = deployment.places.run / f"started.{os.getpid()}"
    own.rename(own.with_name("started.999999999"))
    dictionary.unlink()
    assert starting.changed(deployment) == []


def test_doctor_tells_everything_where_something_does_not_answer(
    deployment: Deployment, dictionary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SimpleNamespace(running=lambda _: {"pid": os.getpid(), "port": 1, "isolation": "bubblewrap"})
    monkeypatch.setattr("wardstead.bootstrap.processes.doctor.running", asked)
    monkeypatch.setattr("wardstead.bootstrap.processes.doctor.standing", lambda _, model: Standing(model.name, ""))
    dictionary.write_text("x\n")  # too short a term: nothing could start with it
    result = CliRunner().invoke(app, ["-C", str(deployment.places.directory), "doctor", "--json"])
    assert result.exit_code == 1, result.output
    said = json.loads(result.stdout)
    assert [(one["id"], one["state"]) for one in said["faults"]] == [("isolation.smollm2", "red"), ("detectors", "red")]
    assert "does not answer" in said["faults"][0]["evidence"]
    assert {"admission", "backup", "transit"} <= said.keys()
