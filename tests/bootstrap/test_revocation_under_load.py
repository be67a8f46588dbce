"""Keys revoked, roles taken and policies activated while exchanges are decided: nothing is committed by what is gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from tests.bootstrap.test_policy_activation_under_load import MODELS, mock_model
from tests.bootstrap.worlds import inspector

from wardstead.adapters.store.tables.ledger import entry
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.policy import policies
from wardstead.bootstrap.processes.worker import assembled

PEOPLE = 8
POLICY = '@id("night-%d") @reason("x") forbid (principal, action == Action::"embed", resource);'


@dataclass
class Client:
    """Somebody who asks until it is over; ``statuses`` in order."""

    name: str
    key: str
    statuses: list[int] = field(default_factory=list)

    async def ask(self, http: httpx.AsyncClient, done: asyncio.Event) -> None:
        body = {"model": "mock", "messages": [{"role": "user", "content": "Good morning."}]}
        while not done.is_set():
            answer = await http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {self.key}"})
            self.statuses.append(answer.status_code)


async def test_nothing_is_committed_by_a_key_or_a_role_that_is_gone(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = inspector()
    monkeypatch.setattr("wardstead.bootstrap.processes.worker.inspector_of", lambda _deployment, **_: made)
    socket = str(deployment.places.run / "mock.sock")
    deployment.places.config.write_text(MODELS % socket)
    serving, operating = Deployment(deployment.places.directory, {}), Deployment(deployment.places.directory, {})
    keys = {f"p{number}": people.create_key(serving, f"p{number}", ["user"], [], None) for number in range(PEOPLE)}
    # Of each person there are two clients with one key: they are in different steps when it is revoked.
    clients = [Client(name, one.key) for name, one in keys.items() for _ in range(2)]
    done = asyncio.Event()
    async with mock_model(socket) as asked, assembled(serving) as gateway:
        transport = httpx.ASGITransport(app=gateway)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost:8443", timeout=60) as http:
            running = [asyncio.create_task(one.ask(http, done)) for one in clients]
            for number, (name, key) in enumerate(keys.items()):
                await asyncio.sleep(0.2)
                if number % 2:
                    await asyncio.to_thread(operating.directory.set_roles, name, ["auditor"])
                else:
                    await asyncio.to_thread(operating.directory.revoke_api_key, key.id)
                (operating.places.policies / "90.cedar").write_text(POLICY % number)
                await asyncio.to_thread(policies.activate, operating, f"version {number}")
            await asyncio.sleep(0.3)
            done.set()
            await asyncio.gather(*running)
    answered = sum(status in {200, 403} for one in clients for status in one.statuses)
    decided = intents(serving, {one.id: name for name, one in keys.items()})
    assert len(decided) == answered, "each that was decided is recorded once"
    assert sum(one["allowed"] for one in decided) == sum(one.statuses.count(200) for one in clients) == asked[0]
    for one in decided:
        assert not one["revoked"], "no intent of a key that was revoked before it"
        assert one["allowed"] is not one["demoted"], "nor one permitted by a role that was taken before it"
    for number, name in enumerate(keys):
        gone = 403 if number % 2 else 401
        for one in clients:
            if one.name == name:
                first = one.statuses.index(gone)
                assert set(one.statuses[:first]) == {200}
                assert set(one.statuses[first:]) == {gone}, "and it stays gone"
    operating.engine.dispose()


def intents(deployment: Deployment, names: dict[Any, str]) -> list[dict[str, bool]]:
    """Every intent in the order of its commit: what was gone by then, and whether it was permitted."""
    with deployment.engine.connect() as connection:
        rows = connection.execute(entry.select().order_by(entry.c.id)).mappings().all()
    found, revoked, demoted = [], set[str](), set[str]()
    for row in rows:
        if row["kind"] not in {"intent", "admin"}:
            continue
        opened = deployment.ledger.open_exchange(row["exchange"], deployment.ring)
        assert opened is not None
        content = opened["entries"][0]["content"]
        if row["kind"] == "intent":
            credential, name = content["credential"], content["principal"]["name"]
            assert names[credential] == name
            allowed = content["decision"]["verdict"] == "allow"
            found.append({"revoked": credential in revoked, "demoted": name in demoted, "allowed": allowed})
        elif content["action"] == "key.revoke":
            revoked.add(content["details"]["id"])
        elif content["action"] == "principal.roles":
            demoted.add(content["details"]["name"])
    return found
