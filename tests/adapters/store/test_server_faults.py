"""A server that is killed in the middle of writing: nothing acknowledged is lost, nothing is there twice, and it goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from tests import postgres
from tests.adapters.store.deployment import commit, conclude, deploy

from wardstead.adapters.store.ledger import journal as journals
from wardstead.adapters.store.tables.ledger import entry

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not postgres.INSTALLED, reason="PostgreSQL is not installed"),
]
KILLS, WRITERS = 3, 8


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """One that syncs its disk, as servers do."""
    made = postgres.Server()
    yield made
    made.close()


def test_what_was_acknowledged_is_there_after_the_server_was_killed(
    server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_RETRY_S", 0.05)
    deployment = deploy(tmp_path, server.database())
    journal = deployment.journal(reserve=deployment.reserve(64 << 20))
    acknowledged: list[tuple[str, str]] = []
    ending = threading.Event()

    def write() -> None:
        while not ending.is_set():
            exchange, seal = deployment.seal()
            if commit(journal, seal, b"{}") is None:
                acknowledged.append((exchange, "intent"))
                if conclude(journal, seal, b"{}") is None:
                    acknowledged.append((exchange, "outcome"))

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for one in writers:
        one.start()
    for _ in range(KILLS):
        before = len(acknowledged)
        postgres.wait_until(lambda before=before: len(acknowledged) > before + 50)
        server.stop()
        server.start()
    before = len(acknowledged)
    postgres.wait_until(lambda: len(acknowledged) > before)
    ending.set()
    for one in writers:
        one.join(30)
    postgres.wait_until(lambda: not journal._owed)
    journal.close()
    with deployment.engine.connect() as connection:
        stored = [(row.exchange, row.kind) for row in connection.execute(select(entry.c.exchange, entry.c.kind))]
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
    deployment.record()
    assert deployment.verify() == []
    intents = {exchange for exchange, kind in stored if kind == "intent"}
    assert intents == {exchange for exchange, kind in stored if kind == "outcome"}, "who was told no is owed an outcome"


def test_a_client_that_stands_still_in_its_turn_holds_nobody_up_for_long(server: postgres.Server, tmp_path: Path) -> None:
    deployment = deploy(tmp_path, server.database())
    journal = deployment.journal()
    deployment.exchange(journal)
    still = deployment.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    still.execute(text("SET idle_in_transaction_session_timeout = 500"))
    still.exec_driver_sql("BEGIN")
    still.execute(text("SELECT pg_advisory_xact_lock(22355, 1)"))
    assert commit(journal, deployment.seal()[1], b"{}") is None, "the server ended that session"
    still.invalidate()
    still.close()
    journal.close()
