"""The posture rests on what its launcher says of a model, where the model server cannot write."""

from __future__ import annotations

import threading
import time

import pytest
from tests.bootstrap.worlds import Worlds, inspector

from wardstead.adapters.store.engine.reserve import Reserve
from wardstead.adapters.store.keys.subject_keys import Usage
from wardstead.bootstrap.clock import Ratchet
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.processes import condition, time_keeping
from wardstead.bootstrap.processes.supervising import _require_room
from wardstead.inspection.scoring.model import BadModel
from wardstead.isolation.posture import Check, State
from wardstead.isolation.probes import CATALOGUE, ProbeResult, results
from wardstead.kernel.clock import KnownTime
from wardstead.kernel.errors import BackendError

MODEL = "smollm2"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that says of everything that it is closed."""
    said = [{"id": name, "open": False, "detail": ""} for name in CATALOGUE]

    def probes(_deployment: Deployment, _model: str) -> tuple[ProbeResult, ...]:
        return results(said)

    monkeypatch.setattr(condition, "probes", probes)


def isolation(deployment: Deployment) -> State:
    (found,) = [one.state for one in condition.posture(deployment) if one.id == f"isolation.{MODEL}"]
    return found


@pytest.mark.parametrize("forged", [b"copy", b"\xff\xfe"])
def test_what_lies_in_the_sandbox_s_folder_says_nothing_of_the_weights(
    deployment: Deployment, closed: None, forged: bytes
) -> None:
    folder = deployment.places.sockets(MODEL)
    folder.mkdir(parents=True)
    (folder / "sealed").write_bytes(forged)
    assert isolation(deployment) is State.AMBER


@pytest.mark.parametrize("said", [b"copy", b"verity", b"hashed there is none", b"yes", b"\xff", b"", b"copy\n", b"copying"])
def test_only_what_the_launcher_says_keeps_the_weights(deployment: Deployment, closed: None, said: bytes) -> None:
    path = deployment.places.attestation(MODEL)
    path.parent.mkdir()
    path.write_bytes(said)
    assert isolation(deployment) is (State.GREEN if said in {b"copy", b"verity"} else State.AMBER)


def test_the_attestation_is_in_no_folder_that_a_sandbox_has(deployment: Deployment) -> None:
    places = deployment.places
    for model in (MODEL, "sealed", "models", "a/b"):
        assert places.sockets(MODEL) not in places.attestation(model).parents
        assert places.attestation(model).parent != places.sockets(model)


def test_a_sandbox_that_takes_its_time_holds_up_no_more_than_one(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    looks = []

    def posture(_deployment: Deployment) -> list[Check]:
        looks.append(1)
        if len(looks) > 1:
            go_on.wait(10)
        return [Check("keys", "", State.GREEN, f"look {len(looks)}")]

    monkeypatch.setattr(condition, "posture", posture)
    monkeypatch.setattr("wardstead.bootstrap.desks.console._POSTURE_S", 0.0)
    console = Console(deployment, Worlds(inspector()))  # type: ignore[arg-type]  # of a world, its inspector is asked
    console.posture()
    slow = threading.Thread(target=console.posture)
    slow.start()
    while len(looks) < 2:
        time.sleep(0.001)
    began = time.monotonic()
    assert console.posture().checks[0].evidence == "look 1"
    assert time.monotonic() - began < 5
    go_on.set()
    slow.join()


@pytest.mark.parametrize(
    ("said", "state"),
    [({"ledger": True}, State.GREEN), ({"ledger": False}, State.RED), ({}, State.GREEN), (None, State.GREEN)],
)
def test_a_gateway_that_refuses_exchanges_is_red(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, said: dict[str, bool] | None, state: State
) -> None:
    monkeypatch.setattr(condition, "health", lambda _deployment: said)
    assert recording(deployment) == (State.GREEN, False), "nobody runs it"
    monkeypatch.setattr(condition, "running", lambda _deployment: {})
    (deployment.places.run / "supervisor.pid").touch()
    assert recording(deployment) == (state, state is State.GREEN)


def test_a_disk_without_room_for_the_reserve_is_red(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    (deployment.places.run / "supervisor.pid").touch()
    monkeypatch.setattr(condition, "running", lambda _deployment: {})
    monkeypatch.setattr(condition, "health", lambda _deployment: None)
    assert recording(deployment) == (State.GREEN, True)
    monkeypatch.setattr(Reserve, "within_reach", lambda _reserve: False)
    assert recording(deployment) == (State.RED, False)
    with pytest.raises(BackendError, match="no room for the ledger"):
        _require_room(deployment)


def recording(deployment: Deployment) -> tuple[State, bool]:
    """The posture's word on recording, and the status's."""
    said = condition.status(deployment)
    (found,) = [one["state"] for one in said["posture"]["checks"] if one["id"] == "ledger"]
    return State(found), said["ledger"]


@pytest.mark.parametrize(
    ("failures", "says"),
    [
        (
            "{public: flag, above: block}",
            "exchanges above public that need it are refused, public ones let through without it, and flagged",
        ),
        ("{public: hold, above: hold}", "exchanges above public that need it are held for review, public ones held for review"),
    ],
)
def test_what_a_detector_s_absence_means_is_said(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, failures: str, says: str
) -> None:
    policy = deployment.places.directory / deployment.settings.inspection.policy
    policy.write_text(f"version: 1\nextends: general\nfailures: {failures}\n")
    monkeypatch.setattr(condition, "lacking", lambda _detectors: {"names": "its model is missing"})
    (found,) = [one for one in condition.status(deployment)["posture"]["checks"] if one["id"] == "detectors"]
    assert found["state"] == State.RED
    assert found["evidence"] == f"names: its model is missing; {says}"


def write_policy(deployment: Deployment, text: str) -> None:
    (deployment.places.directory / deployment.settings.inspection.policy).write_text(text)


@pytest.mark.parametrize(
    ("policy", "says", "next_step"),
    [
        ("version: 1\nrules: [{category: payment, label: {level: public}, prompt: allow, answer: allow}]\n",
         "no rule covers", "wardstead classify use general"),
        ("version: 1\nextends: general\nrules: [{type: no-such-type, label: {level: public}, prompt: allow, answer: allow}]\n",
         "no-such-type, which no detector finds", "'wardstead classify detectors' lists"),
    ],
)  # fmt: skip
def test_a_policy_with_which_it_would_not_start_is_red(deployment: Deployment, policy: str, says: str, next_step: str) -> None:
    write_policy(deployment, policy)
    found = condition.detectors_check(deployment)
    assert found.state is State.RED
    assert "it would not start" in found.evidence
    assert says in found.evidence
    assert next_step in found.next_step


def test_weights_that_were_altered_are_red_and_raise_nothing(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(_deployment: Deployment) -> None:
        raise BadModel("the weights were altered", where="harm.bin", why="their digest differs", next_step="reinstall wardstead")

    monkeypatch.setattr(condition, "text_detectors", altered)
    found = condition.detectors_check(deployment)
    assert (found.state, found.next_step) == (State.RED, "reinstall wardstead")
    assert found.evidence == "it would not start: harm.bin: the weights were altered; their digest differs"


def test_a_sound_deployment_at_rest_is_not_red(deployment: Deployment) -> None:
    assert condition.detectors_check(deployment).state in {State.GREEN, State.AMBER}, "amber where no names are looked for"


def test_a_clock_that_is_behind_what_is_recorded_is_red(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    late = now_ms() + 3_600_000
    deployment.known_time.keep(KnownTime(late))
    for behind_ms, state in ((0, State.GREEN), (60_000, State.GREEN), (60_001, State.RED)):
        clock = Ratchet(lambda behind_ms=behind_ms: late - behind_ms, lambda: 0)
        monkeypatch.setattr(condition, "CLOCK", clock)
        monkeypatch.setattr(time_keeping, "CLOCK", clock)
        assert condition._clock_check(deployment).state is state


@pytest.mark.parametrize(
    ("used", "state", "command"),
    [
        (Usage(1 << 31, 10, 10), State.GREEN, ""),
        (Usage(0, 1 << 31, 10), State.AMBER, "keys rotate'"),
        (Usage(0, 1 << 32, 10), State.RED, "keys rotate'"),
        (Usage(0, 10, 1 << 31), State.AMBER, "keys rotate --root"),
    ],
)
def test_keys_that_come_near_their_bound_are_named(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, used: Usage, state: State, command: str
) -> None:
    monkeypatch.setattr(deployment.subject_keys, "usage", lambda: used)
    (found,) = [one for one in condition.posture(deployment) if one.id == "key-use"]
    assert (found.state, command in found.next_step) == (state, True)
