"""The classification policy as a part of the version: activated with the others, in force without a restart, gone back to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.bootstrap.worlds import inspector

from wardstead.access.policyset import CLASSIFICATION, PolicyFiles
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.policy import classified, policies
from wardstead.bootstrap.policy.activation import propose
from wardstead.bootstrap.policy.readiness import OtherDetectors, OtherLevels
from wardstead.bootstrap.processes.worker import KeyUses, assembled, inspectors_of, worlds_of
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.ports import PROMPT
from wardstead.kernel.errors import ConfigurationError

CARD = "Charge it to 4111 1111 1111 1111, please."
REDACTED, MASKED = "Charge it to [redacted:payment-card], please.", "Charge it to **** **** **** 1111, please."
MASK = """\
version: 3
extends: general
rules:
  - {type: payment-card, label: {level: restricted, compartments: [payment]}, prompt: mask, answer: mask}
"""
LEVELS = """\
version: 4
extends: general
levels: [public, internal, official, secret]
level_aliases: {confidential: official, restricted: secret}
"""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> PolicyInspector:
    """What the workers here look for: payment data alone."""
    made = inspector()
    monkeypatch.setattr("wardstead.bootstrap.processes.worker.inspector_of", lambda _deployment, **_: made)
    return made


@pytest.fixture
def load(deployment: Deployment, few: PolicyInspector) -> Callable[[], World]:
    return load_of(deployment)


def load_of(deployment: Deployment) -> Callable[[], World]:
    return worlds_of(deployment, KeyUses(deployment.directory.touch), inspectors_of(deployment))


def becomes(world: World) -> str:
    return world.inspector.inspect(CARD, PROMPT).text


def write(deployment: Deployment, text: str = MASK, name: str = "classification.yaml") -> None:
    (deployment.places.policies / name).write_text(text)


def acts(deployment: Deployment, action: str) -> list[dict[str, object]]:
    found = []
    for one in deployment.ledger.recent(20, None):
        opened = deployment.ledger.open_exchange(one.id, deployment.ring)
        assert opened is not None
        content = opened["entries"][0]["content"]
        if content.get("action") == action:
            found.append(content["details"])
    return found


def test_an_activation_changes_what_happens_to_data_and_going_back_restores_it(
    deployment: Deployment, load: Callable[[], World]
) -> None:
    first = load()
    assert becomes(first) == REDACTED
    write(deployment)
    assert policies.policy_state(deployment).edited == (CLASSIFICATION,)
    assert becomes(load()) == REDACTED, "an edited file is not in force"
    assert becomes(load_of(deployment)()) == REDACTED, "nor after a restart"
    done = policies.activate(deployment, "cards are masked")
    second = load()
    assert (becomes(second), becomes(first)) == (MASKED, REDACTED), "whoever has the old world finishes with it"
    assert second.directory.version > first.directory.version, "what was decided by it is stale at its commit"
    assert second.inspector.version.startswith("3:")
    assert (done.changed, policies.policy_state(deployment).edited) == (True, ())
    assert deployment.classification().version == deployment.folder_classification().version
    assert next(one["files"] for one in acts(deployment, "policy.activate")) == [CLASSIFICATION]
    back = policies.roll_back(deployment)
    third = load()
    assert (back.version, becomes(third)) == (done.before, REDACTED)
    assert third.inspector.version == first.inspector.version
    assert policies.policy_state(deployment).edited == (CLASSIFICATION,), "the folder stays as it is"


async def test_a_worker_has_it_with_its_next_look_and_its_console_explains_by_it(
    deployment: Deployment, few: PolicyInspector
) -> None:
    holder = WorldHolder(load_of(deployment), deployment.directory.version)
    console = Console(deployment, holder)
    assert console.classify(CARD, PROMPT).inspection.text == REDACTED
    write(deployment)
    assert console.classification().changed
    policies.activate(Deployment(deployment.places.directory, {}))
    world = await holder.refresh()
    assert becomes(world) == MASKED
    tried = console.classify(CARD, PROMPT)
    assert tried.inspection.text == MASKED
    assert [found.prompt.name for found in tried.classification.findings] == ["MASK"], "what explains is of the same version"
    assert (console.classification().policy.version[:2], console.classification().changed) == ("3:", False)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("version: 1\nextends: general\nrules: 3\n", "classification.yaml:3", "array"),
        ("version: 1\nextends: nothing\n", "classification.yaml:2: extends", "there is no policy 'nothing'"),
        ("version: 1\nextends: access.yaml\n", "classification.yaml:2: extends", "another file of a version"),
        (MASK.replace("payment-card", "payment-kard"), "classification.yaml:4: rules[0]", "no detector finds"),
        (
            "version: 1\nrules: [{category: payment, label: {level: public}, prompt: allow, answer: allow}]\n",
            "",
            "no rule covers",
        ),
    ],
)
def test_one_that_is_wrong_is_refused_with_its_place_and_the_one_before_stays(
    deployment: Deployment, load: Callable[[], World], text: str, where: str, what: str
) -> None:
    before = load()
    write(deployment, text)
    with pytest.raises(ConfigurationError, match=what) as caught:
        policies.activate(deployment)
    assert where in caught.value.where
    after = load()
    assert (after.decisions.version, after.inspector.version) == (before.decisions.version, before.inspector.version)


async def test_other_levels_wait_until_nobody_runs(deployment: Deployment, load: Callable[[], World]) -> None:
    load()
    write(deployment, LEVELS)
    async with assembled(Deployment(deployment.places.directory, {})):
        with pytest.raises(OtherLevels, match="levels are not those in force") as caught:
            await asyncio.to_thread(policies.activate, deployment)
    assert "wardstead down" in caught.value.next_step
    policies.activate(deployment)
    with pytest.raises(ConfigurationError, match="levels have changed"):
        load()  # one that ran all the same answers nobody
    assert Deployment(deployment.places.directory, {}).levels.names == ("public", "internal", "official", "secret")


async def test_a_policy_that_what_runs_could_not_go_by_is_refused(deployment: Deployment, load: Callable[[], World]) -> None:
    load()
    dictionaries = deployment.places.policies / "dictionaries"
    dictionaries.mkdir()
    (dictionaries / "code.yaml").write_text("version: 1\ntype: code-name\ncategory: own-data\nterms: [Manta]\n")
    write(deployment, MASK.replace("payment-card", "code-name"))
    async with assembled(Deployment(deployment.places.directory, {})):
        with pytest.raises(OtherDetectors, match="detectors that run") as caught:
            await asyncio.to_thread(policies.activate, deployment)
    assert "code-name" in caught.value.why
    assert policies.activate(deployment).changed, "a worker that is gone is not asked"


def test_what_it_extends_is_a_part_of_the_version(
    deployment: Deployment, few: PolicyInspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(deployment, MASK, "house.yaml")
    write(deployment, "version: 5\nextends: house.yaml\n")
    assert becomes(load_of(deployment)()) == MASKED
    version = deployment.policies().version
    write(deployment, MASK.replace("mask", "block"), "house.yaml")
    assert policies.policy_state(deployment).edited == ("house.yaml",)
    assert becomes(load_of(deployment)()) == MASKED
    policies.export(deployment, version, tmp_path / "out")
    assert (tmp_path / "out" / "house.yaml").read_text() == MASK
    brought = {**classified.ready_made(), "general": f"{classified.ready_made()['general']}\n# another release\n"}
    monkeypatch.setattr(classified, "ready_made", lambda: brought)
    newer = Deployment(deployment.places.directory, {})
    assert newer.compiled(newer.policy_store.files(version), "version").version != version, "ready-made ones as well"


def test_a_database_of_before_goes_on_with_the_folder_s_policy_and_has_it_in_a_version_from_the_next_start_on(
    deployment: Deployment, few: PolicyInspector
) -> None:
    texts = {name: text for name, text in deployment.policy_files().texts.items() if name != CLASSIFICATION}
    older = deployment.compiled(PolicyFiles(texts), "older")
    deployment.policy_store.begin(older, by="start", reason="before")
    write(deployment)
    assert deployment.classification().version == deployment.folder_classification().version
    assert policies.policy_state(deployment).edited == ()
    load = load_of(deployment)
    history = deployment.policy_store.activations()
    assert (history[0].by, history[1].version) == ("start", older.version)
    assert "is part of the version" in history[0].reason
    assert becomes(load()) == MASKED
    assert becomes(load_of(deployment)()) == MASKED
    assert len(deployment.policy_store.activations()) == 2, "once"
    write(deployment, "version: 1\nextends: general\n")
    (deployment.places.policies / "90.cedar").write_text('@id("n") forbid (principal, action, resource);')
    policies.activate(deployment)
    assert becomes(load()) == REDACTED
    policies.roll_back(deployment, older.version)
    assert becomes(load()) == REDACTED, "a version that says nothing of data leaves what is in force"
    assert "90.cedar" not in deployment.policies().files.texts


def test_it_can_be_proposed(deployment: Deployment, load: Callable[[], World]) -> None:
    load()
    write(deployment)
    who = SimpleNamespace(identity=SimpleNamespace(principal=deployment.directory.find("admin")), actor="x", told={})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("wardstead.bootstrap.policy.activation._permitted", lambda *_: {})
        made = propose(deployment, who)  # type: ignore[arg-type]
    assert deployment.policy_store.files(made.version).texts[CLASSIFICATION] == MASK
