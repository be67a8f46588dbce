"""Activations while exchanges are decided: none by a mixture of versions, none by one that its commit finds stale, none lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from tests.bootstrap.worlds import inspector

from wardstead.adapters.store.tables.ledger import entry
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.policy import policies
from wardstead.bootstrap.processes.worker import assembled

CLIENTS, ACTIVATIONS = 32, 8
MODELS = "version: 1\nserver: {per_person: 64}\nmodels:\n  - {name: mock, upstream: {kind: openai, url: 'unix:%s'}}\n"
ANSWER = json.dumps(
    {
        "id": "x", "object": "chat.completion", "created": 0, "model": "mock",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()  # fmt: skip
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


@asynccontextmanager
async def mock_model(path: str) -> AsyncIterator[list[int]]:
    """A model server that always says the same; how often it was asked."""
    asked = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
                await reader.readexactly(int(lines[b"content-length"]))
                asked[0] += 1
                writer.write(REPLY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_unix_server(serve, path)
    async with server:
        yield asked


def marker(number: int) -> str:
    """A policy that permits in even versions and forbids in odd ones, and says which version it is of."""
    effect = "forbid" if number % 2 else "permit"
    return f'@id("marker-{number}") @reason("version {number}") {effect} (principal, action == Action::"infer", resource);'


def classification(number: int) -> str:
    """A policy that masks a card's number in versions that permit, and blocks it in those that forbid."""
    word = "block" if number % 2 else "mask"
    label = "{level: restricted, compartments: [payment]}"
    rule = f"{{type: payment-card, label: {label}, prompt: {word}, answer: {word}}}"
    return f"version: {number + 1}\nextends: general\nrules: [{rule}]\n"


def write(deployment: Deployment, number: int) -> None:
    (deployment.places.policies / "90.cedar").write_text(marker(number))
    (deployment.places.policies / "classification.yaml").write_text(classification(number))


async def test_every_exchange_is_decided_by_the_version_that_is_in_force_when_its_intent_is_committed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardstead.bootstrap.processes.worker.inspector_of", lambda _deployment, **_: made)
    made = inspector()
    socket = str(deployment.places.run / "mock.sock")
    deployment.places.config.write_text(MODELS % socket)
    serving, operating = Deployment(deployment.places.directory, {}), Deployment(deployment.places.directory, {})
    key = people.create_key(serving, "ann", ["user"], [], None).key
    write(serving, 0)
    statuses: list[int] = []
    done = asyncio.Event()

    async def client(http: httpx.AsyncClient) -> None:
        body = {"model": "mock", "messages": [{"role": "user", "content": "Charge 4111 1111 1111 1111."}]}
        while not done.is_set():
            answer = await http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})
            statuses.append(answer.status_code)

    async with mock_model(socket) as asked, assembled(serving) as gateway:
        transport = httpx.ASGITransport(app=gateway)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost:8443") as http:
            clients = [asyncio.create_task(client(http)) for _ in range(CLIENTS)]
            for number in range(1, ACTIVATIONS + 1):
                await asyncio.sleep(0.25)
                write(operating, number)
                await asyncio.to_thread(policies.activate, operating, f"version {number}")
            await asyncio.sleep(0.25)
            done.set()
            await asyncio.gather(*clients)
    decided = intents(serving, operating.policy_store.activations()[-1].version)
    assert set(statuses) == {200, 403}, "nothing else happened to anybody"
    assert len(decided) == len(statuses), "each is recorded once"
    assert [one["verdict"] for one in decided].count("allow") == statuses.count(200) == asked[0]
    for one in decided:
        assert one["version"] == one["in_force"], "no intent was committed under a version that was in force no more"
        (number,) = {int(name.removeprefix("marker-")) for name in one["policies"] if name.startswith("marker-")}
        assert number == one["number"], "and what decided is of that version"
        assert one["verdict"] == ("deny" if number % 2 else "allow")
        assert one["inspection"].startswith(f"{number + 1}:"), "the same version says what happens to data"
        assert one["actions"] == {"block" if number % 2 else "mask"}
    assert {one["number"] for one in decided} == set(range(ACTIVATIONS + 1))
    operating.engine.dispose()


def intents(deployment: Deployment, first: str) -> list[dict[str, Any]]:
    """Every intent in the order of its commit, with the version that was in force then."""
    with deployment.engine.connect() as connection:
        rows = connection.execute(entry.select().order_by(entry.c.id)).mappings().all()
    found: list[dict[str, Any]] = []
    in_force, number = first, 0
    for row in rows:
        if row["kind"] not in {"intent", "admin"}:
            continue
        opened = deployment.ledger.open_exchange(row["exchange"], deployment.ring)
        assert opened is not None
        content = opened["entries"][0]["content"]
        if row["kind"] == "admin":
            if content["action"] == "policy.activate" and content["details"]["before"]:
                in_force, number = content["details"]["after"], number + 1
            continue
        decision = content["decision"]
        found.append(
            {
                "version": content["versions"]["policy"], "in_force": in_force, "number": number,
                "inspection": content["versions"]["inspection"], "actions": {found["action"] for found in content["findings"]},
                "policies": decision["policies"], "verdict": "allow" if decision["verdict"] == "allow" else "deny",
            }
        )  # fmt: skip
    return found
