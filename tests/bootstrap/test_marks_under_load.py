"""Thirty-two requests of one conversation at the same time, through two workers: its mark only rises."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import httpx
import pytest
from tests.bootstrap.test_policy_activation_under_load import MODELS, mock_model
from tests.bootstrap.worlds import inspector

from wardstead.adapters.store.tables.ledger import entry
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.processes.worker import assembled
from wardstead.kernel.labels import PUBLIC, Label, join_all, label

TOGETHER, ROUNDS = 32, 4
POLICY = """
version: 2
extends: general
rules:
  - {type: payment-card, label: {level: confidential, compartments: [payment]}, prompt: flag}
  - {type: us-bank-routing-number, label: {level: internal, compartments: [finance]}, prompt: flag}
"""
CARD, ACCOUNT = label("confidential", {"payment"}), label("internal", {"finance"})
SAID = (
    ("Pay with the card 4111 1111 1111 1111.", CARD),
    ("Good morning.", PUBLIC),
    ("The routing number 021300019 is ours.", ACCOUNT),
    ("How are you?", PUBLIC),
)
CLEARED = "clearance: {level: restricted, compartments: [payment, finance]}, "


async def test_requests_that_race_never_lower_a_mark(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    made = inspector(POLICY)
    monkeypatch.setattr("wardstead.bootstrap.processes.worker.inspector_of", lambda _deployment, **_: made)
    socket = str(deployment.places.run / "mock.sock")
    models = MODELS.replace("upstream:", CLEARED + "upstream:").replace("version: 1", "version: 1", 1)
    deployment.places.config.write_text(models % socket)
    deployment.classification_file.write_text(POLICY)
    workers = [Deployment(deployment.places.directory, {}) for _ in range(2)]
    people.add(workers[0], "ann", ["user"], "restricted", ["payment", "finance"])
    key = people.create_key(workers[0], "ann", [], [], None).key
    async with (
        mock_model(socket) as asked,
        assembled(workers[0]) as first, assembled(workers[1]) as second,
        _client(first, key) as one, _client(second, key) as other,
    ):  # fmt: skip
        for turn in range(ROUNDS):
            said = [_ask((one, other)[number % 2], f"c{turn}", SAID[number % len(SAID)][0]) for number in range(TOGETHER)]
            answers = await asyncio.gather(*said)
            assert [answer.status_code for answer in answers] == [200] * TOGETHER
            for answer, number in zip(answers, range(TOGETHER), strict=True):
                assert _read(answer.headers["wardstead-label"]).dominates(SAID[number % len(SAID)][1])
    assert asked[0] == ROUNDS * TOGETHER, "each went to the model once"
    for turn in range(ROUNDS):
        marks = _marks(deployment, f"c{turn}")
        assert len(marks) == TOGETHER
        assert all(after.dominates(before) for before, after in pairwise(marks)), "in the order of the commits"
        assert marks[-1] == CARD.join(ACCOUNT)
    assert {one.mark for one in deployment.conversations.list()} == {join_all([CARD, ACCOUNT])}
    for worker in workers:
        worker.engine.dispose()


def _client(app: Any, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="https://localhost:8443", headers=headers, timeout=60
    )


async def _ask(http: httpx.AsyncClient, conversation: str, text: str) -> httpx.Response:
    body = {"model": "mock", "messages": [{"role": "user", "content": text}]}
    return await http.post("/v1/chat/completions", json=body, headers={"wardstead-conversation": conversation})


def _read(said: str) -> Label:
    level, _, compartments = said.partition("; ")
    return label(level, {one.strip() for one in compartments.split(",") if one.strip()})


def _marks(deployment: Deployment, conversation: str) -> list[Label]:
    """The mark that each intent of a conversation was decided on, in the order of their commits."""
    with deployment.engine.connect() as connection:
        rows = connection.execute(entry.select().where(entry.c.kind == "intent").order_by(entry.c.id)).mappings().all()
    found = []
    for row in rows:
        opened = deployment.ledger.open_exchange(row["exchange"], deployment.ring)
        assert opened is not None
        content = opened["entries"][0]["content"]
        if content["context"].get("conversation") == conversation:
            said = content["label"]
            found.append(label(said["level"], said["compartments"]))
    return found
