"""The journal: durable before it answers, in one transaction for all who wait, and never silent."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import event, select
from tests.adapters.store.deployment import VERSION, Answer, Deployment, commit, conclude, now_ms

from wardstead.adapters.store.base import directory_epoch, open_engine
from wardstead.adapters.store.ledger import journal as journals
from wardstead.adapters.store.ledger.journal import OUTCOME_ROOM_BYTES
from wardstead.adapters.store.tables.ledger import entry
from wardstead.ledger.ports import Done, Refusal


def stored(deployment: Deployment) -> set[tuple[str, str]]:
    """(exchange, kind) as another process would see them."""
    engine = open_engine(deployment.engine.url)
    with engine.connect() as connection:
        rows = {(row.exchange, row.kind) for row in connection.execute(select(entry.c.exchange, entry.c.kind))}
    engine.dispose()
    return rows


def test_an_entry_is_there_for_others_when_done_is_called(deployment: Deployment) -> None:
    journal = deployment.journal()
    seen: list[bool] = []
    answer = Answer()
    exchange, seal = deployment.seal()

    def done(refusal: Refusal | None) -> None:
        seen.append((exchange, "intent") in stored(deployment))
        answer(refusal)

    journal.commit_intent(seal.intent(b"{}", now_ms()), directory_version=VERSION, done=done)
    assert answer.wait() is None
    assert seen == [True]
    journal.close()


def test_all_who_wait_share_one_transaction_and_one_delivery(deployment: Deployment) -> None:
    batches: list[int] = []
    gate, entered, all_done = threading.Event(), threading.Event(), threading.Event()

    def deliver(results: list[tuple[Done, Refusal | None]]) -> None:
        batches.append(len(results))
        entered.set()
        gate.wait(10)
        for done, refusal in results:
            done(refusal)

    journal = deployment.journal(deliver=deliver, reserve=deployment.reserve(64 * OUTCOME_ROOM_BYTES))
    results: list[Refusal | None] = []

    def done(refusal: Refusal | None) -> None:
        results.append(refusal)
        if len(results) == 41:
            all_done.set()

    def send() -> None:
        journal.commit_intent(deployment.seal()[1].intent(b"{}", now_ms()), directory_version=VERSION, done=done)

    send()
    assert entered.wait(10)
    for _ in range(40):
        send()
    gate.set()
    assert all_done.wait(10)
    assert batches == [1, 40]
    assert set(results) == {None}
    journal.close()


def test_a_stale_intent_is_refused_and_its_neighbours_are_not(deployment: Deployment) -> None:
    gate, entered = threading.Event(), threading.Event()

    def deliver(results: list[tuple[Done, Refusal | None]]) -> None:
        entered.set()
        gate.wait(10)
        for done, refusal in results:
            done(refusal)

    journal = deployment.journal(deliver=deliver, reserve=deployment.reserve(64 * OUTCOME_ROOM_BYTES))
    answers = [Answer() for _ in range(5)]
    for version, answer in zip((VERSION, VERSION, VERSION - 1, VERSION, VERSION + 1), answers, strict=True):
        journal.commit_intent(deployment.seal()[1].intent(b"{}", now_ms()), directory_version=version, done=answer)
        if answer is answers[0]:
            assert entered.wait(10)  # the other four are one batch
    gate.set()
    assert [answer.wait() for answer in answers] == [None, None, Refusal.STALE, None, Refusal.STALE]
    assert len(stored(deployment)) == 3
    journal.close()


def test_a_change_of_the_directory_makes_decisions_stale_but_not_outcomes(deployment: Deployment) -> None:
    journal = deployment.journal()
    _, seal = deployment.seal()
    assert commit(journal, seal, b"{}") is None
    with deployment.engine.begin() as connection:
        connection.execute(directory_epoch.update().values(version=VERSION + 1))
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.STALE
    assert commit(journal, deployment.seal()[1], b"{}", VERSION + 1) is None
    assert conclude(journal, seal, b"{}") is None
    journal.close()


def test_without_a_directory_every_intent_is_stale(deployment: Deployment) -> None:
    with deployment.engine.begin() as connection:
        connection.execute(directory_epoch.delete())
    journal = deployment.journal()
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.STALE
    journal.close()


def test_the_same_intent_twice_is_refused_and_its_batch_is_not(deployment: Deployment) -> None:
    journal = deployment.journal()
    draft = deployment.seal()[1].intent(b"{}", now_ms())
    answers = [Answer(), Answer(), Answer()]
    journal.commit_intent(draft, directory_version=VERSION, done=answers[0])
    journal.commit_intent(draft, directory_version=VERSION, done=answers[1])
    journal.commit_intent(deployment.seal()[1].intent(b"{}", now_ms()), directory_version=VERSION, done=answers[2])
    assert [answer.wait() for answer in answers] == [None, Refusal.FAILED, None]
    journal.close()


def test_no_more_intents_than_there_is_room_for_outcomes(deployment: Deployment) -> None:
    journal = deployment.journal(reserve=deployment.reserve(2 * OUTCOME_ROOM_BYTES))
    seals = [deployment.seal()[1] for _ in range(3)]
    assert [commit(journal, seal, b"{}") for seal in seals] == [None, None, Refusal.FULL]
    assert conclude(journal, seals[0], b"{}") is None
    assert commit(journal, deployment.seal()[1], b"{}") is None
    journal.close()


def test_it_says_beforehand_whether_it_would_accept(deployment: Deployment) -> None:
    reserve = deployment.reserve(2 * OUTCOME_ROOM_BYTES)
    journal = deployment.journal(reserve=reserve)
    assert journal.accepts()
    seals = [deployment.seal()[1] for _ in range(2)]
    assert commit(journal, seals[0], b"{}") is None
    assert journal.accepts()
    assert commit(journal, seals[1], b"{}") is None
    assert not journal.accepts(), "there is no room left"
    assert conclude(journal, seals[0], b"{}") is None
    assert journal.accepts()
    journal.close()
    assert not journal.accepts()


def test_what_others_took_of_the_disk_is_seen_without_an_exchange(deployment: Deployment) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    reserve = deployment.reserve(1 << 62)
    assert not reserve.within_reach()
    journal._reserve = reserve
    assert not journal.accepts()
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.FULL
    journal._reserve = deployment.reserve()
    assert journal.accepts()
    journal.close()


@pytest.mark.sqlite
def test_a_database_that_refused_is_tried_until_it_takes_writes_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody asking for anything meanwhile."""
    monkeypatch.setattr(journals, "_RETRY_S", 0.02)
    journal = deployment.journal()
    deployment.exchange(journal)
    holder = sqlite3.connect(deployment.folder / "state" / "wardstead.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    journal._connection.execute("PRAGMA busy_timeout=1")
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.FAILED
    assert not journal.accepts()
    entries = stored(deployment)
    holder.execute("ROLLBACK")
    until(journal.accepts)
    assert stored(deployment) == entries, "it was tried by writing"
    holder.close()
    deployment.exchange(journal)
    journal.close()


def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not come to pass")


def test_exchanges_that_end_without_an_outcome_give_their_room_back(deployment: Deployment) -> None:
    journal = deployment.journal(reserve=deployment.reserve(2 * OUTCOME_ROOM_BYTES))
    left = []
    for _ in range(7):
        exchange, seal = deployment.seal()
        assert commit(journal, seal, b"{}") is None
        journal.abandon(exchange, "alice")
        left.append(exchange)
        until(lambda one=exchange: (one, "outcome") in stored(deployment))
    assert {one.id: one.outcome for one in deployment.reader.recent()} == dict.fromkeys(left, "unknown")
    deployment.record()
    assert deployment.verify() == []
    journal.close()


def test_abandoning_in_doubt_changes_nothing_that_was_given(deployment: Deployment) -> None:
    journal = deployment.journal()
    (concluded, seal), (refused, stale), (late, third) = (deployment.seal() for _ in range(3))
    answers = [Answer() for _ in range(4)]
    journal.commit_intent(seal.intent(b"{}", now_ms()), directory_version=VERSION, done=answers[0])
    journal.commit_outcome(seal.outcome(b"{}", "answered", now_ms()), done=answers[1])
    journal.abandon(concluded, "alice")
    journal.commit_intent(stale.intent(b"{}", now_ms()), directory_version=VERSION - 1, done=answers[2])
    journal.abandon(refused, "alice")
    journal.commit_intent(third.intent(b"{}", now_ms()), directory_version=VERSION, done=answers[3])
    journal.abandon(late, "alice")  # its intent is still on its way
    assert [answer.wait() for answer in answers] == [None, None, Refusal.STALE, None]
    until(lambda: (late, "outcome") in stored(deployment))
    assert conclude(journal, third, b"{}") is Refusal.FAILED
    journal.close()
    journal.abandon(concluded, "alice")
    assert {one.id: one.outcome for one in deployment.reader.recent()} == {concluded: "answered", late: "unknown"}


def test_while_the_reserve_is_overboard_outcomes_are_taken_and_intents_are_not(deployment: Deployment) -> None:
    reserve = deployment.reserve()
    journal = deployment.journal(reserve=reserve)
    seals = [deployment.seal()[1] for _ in range(2)]
    assert [commit(journal, seal, b"{}") for seal in seals] == [None, None]
    reserve.release()
    reserve._retry_at_s = float("inf")
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.FULL
    assert conclude(journal, seals[0], b"{}") is None
    reserve._retry_at_s = 0.0
    assert commit(journal, deployment.seal()[1], b"{}") is None
    journal.close()


def test_close_commits_what_waits_and_then_refuses(deployment: Deployment) -> None:
    journal = deployment.journal()
    answers = [Answer(), Answer()]
    for answer in answers:
        journal.commit_intent(deployment.seal()[1].intent(b"{}", now_ms()), directory_version=VERSION, done=answer)
    journal.close()
    assert [answer.wait() for answer in answers] == [None, None]
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.FAILED
    journal.close()


@pytest.mark.sqlite
def test_a_connection_that_breaks_is_opened_again(deployment: Deployment) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    journal._connection._connection.interrupt()
    journal._connection.execute("PRAGMA query_only=ON")
    assert commit(journal, deployment.seal()[1], b"{}") is Refusal.FULL
    answer: Refusal | None = Refusal.FULL
    while answer is Refusal.FULL:  # until the ballast is taken on again
        answer = commit(journal, deployment.seal()[1], b"{}")
    assert answer is None
    journal.close()


@pytest.mark.sqlite
def test_an_outcome_that_could_not_be_written_is_recorded_as_unknown(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = deployment.journal()
    exchange, seal = deployment.seal()
    assert commit(journal, seal, b"{}") is None
    connect = journal._connect

    def refused() -> sqlite3.Connection:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    monkeypatch.setattr(journal, "_connect", refused)
    assert conclude(journal, seal, b"{}") is Refusal.FULL
    monkeypatch.setattr(journal, "_connect", connect)
    for _ in range(300):
        if (exchange, "outcome") in stored(deployment):
            break
        threading.Event().wait(0.01)
    assert [one.outcome for one in deployment.reader.recent()] == ["unknown"]
    journal.close()


@pytest.mark.sqlite
def test_every_commit_is_synced(deployment: Deployment) -> None:
    pragmas: list[int] = []
    event.listen(deployment.engine, "connect", lambda c, _: pragmas.append(c.execute("PRAGMA synchronous").fetchone()[0]))
    deployment.engine.dispose()
    journal = deployment.journal()
    deployment.exchange(journal)
    assert pragmas == [2]
    journal.close()
