"""Before a version comes into force every worker that lives is ready for it; where one cannot be, the version before stays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from tests.bootstrap.test_classification_versions import load_of, write
from tests.bootstrap.worlds import inspector

from wardstead.adapters.store.ledger.lives import LockFiles
from wardstead.adapters.store.readiness import Refused
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policy import policies
from wardstead.bootstrap.policy.readiness import NotReady, require_ready
from wardstead.bootstrap.processes.worker import assembled
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.kernel.errors import DetectorFailed

NAMES = "version: 2\nextends: general\nslow_detectors: {names: always}\nrules: [{type: person, label: {level: internal}}]\n"
AGAIN = NAMES.replace("version: 2", "version: 3")


@dataclass
class Names:
    """A model that the policy of the start does without; it says which version was in force whenever it was asked."""

    deployment: Deployment
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    waits: threading.Event | None = None
    id = "names"
    version = "1"
    marks = False
    slow = True
    cuts = False
    origins = frozenset(Origin)
    directions = frozenset(Direction)
    types: Mapping[str, str] = field(default_factory=lambda: {"person": "personal"})

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        active = self.deployment.policy_store.active()
        self.asked.append(active.version if active is not None else "")
        if self.waits is not None:
            self.waits.wait()
        if self.broken:
            raise DetectorFailed("a detector failed", where=self.id)
        return [[] for _ in texts]


@pytest.fixture
def names(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names(deployment)
    monkeypatch.setattr("wardstead.bootstrap.processes.worker.inspector_of", lambda _deployment, **_: inspector(NAMELESS, made))
    load_of(deployment)()
    return made


NAMELESS = "version: 1\nextends: general\n"


def worker(deployment: Deployment) -> Deployment:
    return Deployment(deployment.places.directory, {})


async def test_a_model_is_loaded_in_each_worker_before_the_version_that_asks_it_is_in_force(
    deployment: Deployment, names: Names
) -> None:
    before = deployment.policies().version
    write(deployment, NAMES)
    async with assembled(worker(deployment)) as one, assembled(worker(deployment)) as other:
        done = await asyncio.to_thread(policies.activate, deployment)
        assert names.asked == [before, before], "by both, while the version before served"
        for gateway in (one, other):
            world = await gateway._services.worlds.refresh()
            assert world.decisions.version == done.version
            assert world.inspector.version.startswith("2:")
    assert deployment.readiness.living() == set()
    assert policies.roll_back(deployment).version == before, "where nobody runs, nobody is waited for"


async def test_a_version_whose_model_cannot_be_loaded_is_not_put_in_force(deployment: Deployment, names: Names) -> None:
    before = deployment.policies().version
    names.broken = True
    write(deployment, NAMES)
    async with assembled(worker(deployment)) as gateway:
        with pytest.raises(NotReady, match="version before stays") as caught:
            await asyncio.to_thread(policies.activate, deployment)
        assert caught.value.why == "detectors fail that it needs: names"
        assert (await gateway._services.worlds.refresh()).decisions.version == before
    assert deployment.policies().version == before
    assert len(deployment.policy_store.activations()) == 1


async def test_what_fails_already_keeps_no_other_version_out(deployment: Deployment, names: Names) -> None:
    write(deployment, NAMES)
    policies.activate(deployment)
    async with assembled(worker(deployment)):
        names.broken = True
        write(deployment, AGAIN)
        assert (await asyncio.to_thread(policies.activate, deployment)).changed


async def test_a_worker_that_says_nothing_keeps_the_version_before_in_force(deployment: Deployment, names: Names) -> None:
    write(deployment, NAMES)
    names.waits = threading.Event()
    async with assembled(worker(deployment)):
        with pytest.raises(NotReady, match="in time") as caught:
            await asyncio.to_thread(require_ready, deployment, deployment.folder_policies(), wait_s=0.5)
        assert caught.value.where in deployment.readiness.living()
        names.waits.set()


def test_an_answer_says_of_an_error_what_whoever_asked_needs(deployment: Deployment, names: Names) -> None:
    readiness = deployment.readiness
    asked = readiness.ask(deployment.policies())
    assert readiness.unanswered("w1") == [(asked, deployment.policies().version)]
    readiness.answer(asked, "w1", NotReady("not now", why="a reason", next_step="wait"))
    readiness.answer(asked, "w2", None)
    assert readiness.answers(asked) == {"w1": Refused("not_ready", "not now", "", "a reason", "wait"), "w2": Refused()}
    assert readiness.unanswered("w1") == []
    readiness.take_back(asked)
    assert (readiness.unanswered("w3"), readiness.answers(asked)) == ([], {})


def test_a_worker_that_has_not_registered_yet_has_to_be_ready_too(deployment: Deployment) -> None:
    starting = LockFiles(deployment.places.run)
    starting.begin("0123456789abcdef")
    try:
        assert deployment.readiness.living() == {"0123456789abcdef"}
    finally:
        starting.end()
    assert deployment.readiness.living() == set()
