"""Policies put in force and keys revoked under load, on two workers: nobody waits for a model, nothing is lost or mixed up."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import pytest
from sqlalchemy import select
from tests.e2e.deployment import Deployment
from tests.e2e.echo import Echo, before, serving

from wardstead.adapters.store.tables.ledger import entry
from wardstead.bootstrap.deployment import Deployment as Opened
from wardstead.bootstrap.identity import people

pytestmark = pytest.mark.e2e
CLIENTS, WORKERS = 4, 2
SAID = "Good morning from Anna Schmidt of Hamburg."
NAMES = "version: 7\nextends: general\nslow_detectors: {names: always}\nrules: [{type: person, label: {level: internal}}]\n"
UNKNOWN = "version: 9\nextends: general\nrules: [{type: payment-kard, label: {level: internal}}]\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Deployment]:
    models = {"cleared": {"level": "restricted", "compartments": ["personal"]}}
    server, inspection = {"workers": WORKERS, "per_person": 64}, {"names": {"enabled": True}}
    folder = tmp_path_factory.mktemp("activation") / "deployment"
    with serving(before(echo, folder, models, server=server, inspection=inspection)) as made:
        yield made


@dataclass
class Client:
    """Asks with a key of its own until it is over, or the key is revoked."""

    made: Deployment
    id: str
    secret: str
    statuses: list[int] = field(default_factory=list)

    def ask(self, done: threading.Event) -> None:
        body = {"model": "cleared", "messages": [{"role": "user", "content": SAID}]}
        headers = {"authorization": f"Bearer {self.secret}", "connection": "close"}  # so that both workers are asked
        with httpx.Client(base_url=self.made.url, verify=self.made.tls, timeout=120, headers=headers) as http:
            while not done.wait(0.05) and 401 not in self.statuses:
                self.statuses.append(http.post("/v1/chat/completions", json=body).status_code)


@contextmanager
def asking(clients: list[Client]) -> Iterator[None]:
    done = threading.Event()
    threads = [threading.Thread(target=one.ask, args=(done,)) for one in clients]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        done.set()
        for one in threads:
            one.join()


class Watch:
    """When each entry was first seen in the database."""

    def __init__(self, opened: Opened, after: int) -> None:
        self.seen: list[tuple[float, int, str, str]] = []
        self._opened, self._after, self._done = opened, after, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        what = select(entry.c.id, entry.c.kind, entry.c.worker).order_by(entry.c.id)
        while not self._done.wait(0.005):
            with self._opened.engine.connect() as connection:
                found = connection.execute(what.where(entry.c.id > self._after)).all()
            self.seen += [(time.monotonic(), row.id, row.kind, row.worker or "") for row in found]
            self._after = self.seen[-1][1] if self.seen else self._after

    def first_intents(self, after: int) -> list[float]:
        """Seconds from an entry to each worker's first intent behind it."""
        began = next(at for at, number, _, _ in self.seen if number == after)
        workers = {worker for _, _, _, worker in self.seen if worker}
        return [
            min(at for at, number, kind, by in self.seen if number > after and kind == "intent" and by == worker) - began
            for worker in workers
        ]


def last_act(opened: Opened) -> int:
    with opened.engine.connect() as connection:
        rows = connection.execute(entry.select().where(entry.c.kind == "admin").order_by(entry.c.id)).mappings().all()
    return int(rows[-1]["id"])


def test_versions_and_revocations_under_load_are_whole(made: Deployment) -> None:
    opened = Opened(made.directory, {})
    keys = [people.create_key(opened, "ann", ["user"], [], None) for _ in range(CLIENTS)]
    clients = [Client(made, one.id, one.key) for one in keys]
    policy = made.directory / "policies" / "classification.yaml"
    began = last_act(opened)
    activated: list[int] = []
    with Watch(opened, began) as watch, asking(clients):
        policy.write_text(NAMES)
        made.run("access", "activate")
        activated.append(last_act(opened))
        made.run("key", "revoke", clients[0].id, "--yes")
        policy.write_text(UNKNOWN)
        refused = made.json("access", "activate", check=False)["error"]
        assert "classification.yaml:3: rules[0]" in refused["where"]
        made.run("access", "rollback", "--yes")
        activated.append(last_act(opened))
    gaps = [gap for one in activated for gap in watch.first_intents(one)]
    print(f"first intents of {len(gaps)}: median {statistics.median(gaps) * 1000:.0f} ms, most {max(gaps) * 1000:.0f} ms")
    statuses = [status for one in clients for status in one.statuses]
    assert set(statuses) == {200, 401}, "nobody is told anything else"
    assert [one.statuses[-1] for one in clients] == [401, *[200] * (CLIENTS - 1)]
    decided = list(intents(opened, began))
    assert len(decided) == statuses.count(200), "each is recorded once, and none is lost"
    assert {one["worker"] for one in decided} == {one["worker"] for one in decided if one["named"]}, "by every worker"
    for one in decided:
        assert one["version"] == one["in_force"], "none by a version that was in force no more at its commit"
        assert one["inspection"] == one["classified"], "nor by people and data of two versions"
        assert one["named"] == one["inspection"].startswith("7:"), "what looks at texts is of the same version"
        assert not one["revoked"]
    opened.engine.dispose()


def intents(opened: Opened, after: int) -> Iterator[dict[str, Any]]:
    """Every intent in the order of its commit, with what was in force then."""
    revoked, classified = set[str](), dict[str, str]()
    in_force = opened.policy_store.activations()[-1].version
    with opened.engine.connect() as connection:
        rows = connection.execute(entry.select().where(entry.c.id > after).order_by(entry.c.id)).mappings().all()
    for row in rows:
        if row["kind"] not in {"intent", "admin"}:
            continue
        found = opened.ledger.open_exchange(row["exchange"], opened.ring)
        assert found is not None
        content = found["entries"][0]["content"]
        if row["kind"] == "intent":
            if in_force not in classified:
                classified[in_force] = opened.classification(opened.policies_of(in_force)).version
            yield {
                "worker": row["worker"], "version": content["versions"]["policy"], "in_force": in_force,
                "inspection": content["versions"]["inspection"].partition("/")[0], "classified": classified[in_force],
                "named": bool({one["type"] for one in content["findings"]} & {"person", "detector-failed"}),
                "revoked": content["credential"] in revoked,
            }  # fmt: skip
        elif content["action"] == "policy.activate":
            in_force = content["details"]["after"]
        elif content["action"] == "key.revoke":
            revoked.add(content["details"]["id"])
