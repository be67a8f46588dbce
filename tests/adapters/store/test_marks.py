"""Marks in the journal: compared, raised and written in one transaction, by any number of workers."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert
from tests.adapters.store.deployment import VERSION, Answer, Deployment, deploy, now_ms

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.content.conversations import DAY_MS, ConversationStore, MarkRose, NotLower, UnknownConversation
from wardstead.adapters.store.engine.dialect import driver_of
from wardstead.adapters.store.ledger.journal import OUTCOME_ROOM_BYTES, Journal
from wardstead.adapters.store.row_seals import RowsAltered, RowSeals, seal_with
from wardstead.adapters.store.tables import conversations as conversation_tables  # noqa: F401 -- the tables register themselves
from wardstead.adapters.store.tables.conversations import conversation
from wardstead.adapters.store.transactions import write_transaction
from wardstead.kernel.labels import PUBLIC, Levels, label
from wardstead.ledger.ports import Claim, Fingerprint, Passage, Refusal

PERSONAL = label("confidential", {"personal"})
PAYMENT = label("restricted", {"payment"})
TEXT, STOCK = Fingerprint(b"t" * 32, long=True), Fingerprint(b"s" * 32)


def store(deployment: Deployment, clock: object = now_ms, **options: object) -> ConversationStore:
    return ConversationStore(deployment.engine, Turn(deployment.folder / "run" / "ledger.turn"), clock=clock, **options)  # type: ignore[arg-type]


def intend(deployment: Deployment, journal: Journal, passage: Passage, version: int = VERSION) -> Refusal | None:
    answer = Answer()
    _, seal = deployment.seal()
    journal.commit_intent(seal.intent(b"{}", now_ms()), directory_version=version, done=answer, passage=passage)
    return answer.wait()


def conclude(deployment: Deployment, journal: Journal, passage: Passage) -> None:
    for entry in ("intent", "outcome"):
        answer = Answer()
        if entry == "intent":
            _, seal = deployment.seal()
            journal.commit_intent(seal.intent(b"{}", now_ms()), directory_version=VERSION, done=answer)
        else:
            journal.commit_outcome(seal.outcome(b"{}", "completed", now_ms()), done=answer, passage=passage)
        assert answer.wait() is None


def test_a_mark_rises_with_the_intent_and_is_there_for_every_worker_and_after_a_restart(deployment: Deployment) -> None:
    journal = deployment.journal()
    assert intend(deployment, journal, Passage("alice", "c", PERSONAL)) is None
    journal.close()
    seen = store(deployment).look(Claim("alice", "c"))
    assert seen.mark == PERSONAL
    other = deployment.journal("worker-2")
    assert intend(deployment, other, Passage("alice", "c", PAYMENT, seen.version)) is None
    assert store(deployment).look(Claim("alice", "c")).mark == PERSONAL.join(PAYMENT)
    other.close()


def test_a_decision_on_an_older_mark_is_stale_and_nothing_of_it_is_kept(deployment: Deployment) -> None:
    journal = deployment.journal()
    assert intend(deployment, journal, Passage("alice", "c", PERSONAL)) is None
    assert intend(deployment, journal, Passage("alice", "c", PAYMENT, version=0)) is Refusal.STALE
    assert store(deployment).look(Claim("alice", "c")).mark == PERSONAL
    seen = store(deployment).look(Claim("alice", "c"))
    assert intend(deployment, journal, Passage("alice", "c", PAYMENT, seen.version), version=VERSION - 1) is Refusal.STALE
    assert store(deployment).look(Claim("alice", "c")) == seen, "an intent that the directory refuses raises nothing"
    journal.close()


def test_two_workers_that_race_to_raise_a_mark_are_decided_one_after_the_other(deployment: Deployment) -> None:
    room = deployment.reserve(64 * OUTCOME_ROOM_BYTES)
    journals = [deployment.journal(f"worker-{number}", reserve=room) for number in range(2)]
    barrier = threading.Barrier(2)
    refusals: list[int] = []

    def work(number: int) -> None:
        memory = store(deployment)
        for turn in range(30):
            barrier.wait()
            for attempt in range(100):
                seen = memory.look(Claim("alice", f"c{turn}"))
                passing = Passage("alice", f"c{turn}", seen.mark.join((PERSONAL, PAYMENT)[number]), seen.version)
                if intend(deployment, journals[number], passing) is None:
                    break
                refusals.append(attempt)
            else:
                raise AssertionError("refused for ever")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for journal in journals:
        journal.close()
    marks = {store(deployment).look(Claim("alice", f"c{turn}")).mark for turn in range(30)}
    assert marks == {PERSONAL.join(PAYMENT)}
    assert deployment.verify(known=False) == []


RACERS, RACES = 8, 6


def test_processes_that_race_never_lower_a_mark(deployment: Deployment) -> None:
    """Each knows a compartment of its own: at the end of a race all of them are in the mark, whoever was first."""
    context = multiprocessing.get_context("spawn")
    racers = [
        context.Process(target=_race, args=(str(deployment.folder), str(deployment.engine.url), number))
        for number in range(RACERS)
    ]
    for one in racers:
        one.start()
    for one in racers:
        one.join(120)
    assert [one.exitcode for one in racers] == [0] * RACERS
    every = label("confidential", {f"k{number}" for number in range(RACERS)})
    assert {store(deployment).look(Claim("alice", f"c{turn}")).mark for turn in range(RACES)} == {every}
    assert deployment.verify(known=False) == []


def _race(folder: str, url: str, number: int) -> None:
    """A worker: in each conversation it raises the mark by what it knows, and what it has seen stays in it."""
    mine = deploy(Path(folder), url)
    journal, memory = mine.journal(f"worker-{number}", reserve=mine.reserve(RACERS * 8 * OUTCOME_ROOM_BYTES)), store(mine)
    own = label("confidential", {f"k{number}"})
    for turn in range(RACES):
        claim, seen = Claim("alice", f"c{turn}"), None
        for _ in range(400):
            found = memory.look(claim)
            if seen is not None and not found.mark.dominates(seen):
                raise SystemExit(f"the mark fell from {seen} to {found.mark}")
            seen = found.mark
            if seen.dominates(own):
                break
            intend(mine, journal, Passage("alice", claim.conversation, seen.join(own), found.version))
        else:
            raise SystemExit("refused for ever")
    journal.close()
    mine.keys.close()


def test_a_public_conversation_leaves_nothing_behind(deployment: Deployment) -> None:
    journal = deployment.journal()
    assert intend(deployment, journal, Passage("alice", "c")) is None
    assert store(deployment).list() == []
    journal.close()


def test_an_exchange_is_found_by_its_conversation_and_by_no_other(deployment: Deployment) -> None:
    """Also where nothing is remembered of it."""
    journal = deployment.journal()
    made = [
        _said(deployment, journal, owner, name) for owner, name in (("alice", "c"), ("alice", "d"), ("bob", "e"), ("bob", ""))
    ]
    stale = Answer()
    draft = deployment.seal()[1].intent(b"{}", now_ms())
    journal.commit_intent(draft, directory_version=VERSION + 1, done=stale, passage=Passage("alice", "c", PUBLIC))
    assert stale.wait() is Refusal.STALE
    reader = deployment.reader
    assert [one.conversation for one in reader.recent()] == ["", "e", "d", "c"]
    assert (reader.conversation_owner("c"), reader.conversation_owner("x")) == (reader.subject(made[0]), None)
    journal.close()


def _said(deployment: Deployment, journal: Journal, owner: str, conversation: str) -> str:
    answer = Answer()
    exchange, seal = deployment.seal()
    passage = Passage(owner, conversation, PUBLIC) if conversation else None
    journal.commit_intent(seal.intent(b"{}", now_ms()), directory_version=VERSION, done=answer, passage=passage)
    assert answer.wait() is None
    return exchange


def test_a_text_is_known_under_its_label_to_its_owner_and_a_long_one_to_everybody(deployment: Deployment) -> None:
    journal = deployment.journal()
    conclude(deployment, journal, Passage("alice", "c", PERSONAL, made=((TEXT, PERSONAL), (STOCK, PERSONAL))))
    memory = store(deployment)
    assert memory.known(Claim("bob", cited=(TEXT.mark,))).cited == PUBLIC, "this worker has not looked yet"
    assert intend(deployment, journal, Passage("bob", cited=(TEXT.mark,))) is Refusal.STALE
    assert memory.look(Claim("bob", cited=(TEXT.mark, STOCK.mark))).cited == PERSONAL
    assert memory.known(Claim("bob", cited=(TEXT.mark,))).cited == PERSONAL
    assert intend(deployment, journal, Passage("bob", cited=(TEXT.mark,), cited_label=PERSONAL)) is None
    assert memory.look(Claim("bob", cited=(STOCK.mark,))).cited == PUBLIC
    assert memory.look(Claim("alice", cited=(STOCK.mark,))).cited == PERSONAL
    assert intend(deployment, journal, Passage("bob", cited=(STOCK.mark,))) is None
    journal.close()


def test_somebody_else_s_conversation_is_as_good_as_absent(deployment: Deployment) -> None:
    journal = deployment.journal()
    intend(deployment, journal, Passage("alice", "c", PERSONAL))
    journal.close()
    assert store(deployment).look(Claim("bob", "c")) == store(deployment).look(Claim("bob", "none"))


def test_a_declassification_is_recorded_and_lowers_texts_too(deployment: Deployment) -> None:
    acts: list[tuple[str, str, Mapping[str, object]]] = []

    def audit(_: Connection, actor: str, action: str, details: Mapping[str, object]) -> None:
        acts.append((actor, action, details))

    journal = deployment.journal()
    conclude(deployment, journal, Passage("alice", "c", PAYMENT, made=((TEXT, PAYMENT),)))
    memory = store(deployment, audit=audit)
    before = memory.look(Claim("alice", "c", (TEXT.mark,)))
    internal = label("internal")
    with pytest.raises(MarkRose, match="rose to restricted; payment"):  # decided before it rose, or for another compartment
        memory.declassify("c", internal, decided=label("restricted"), actor="system", details={})
    assert acts == []
    assert memory.look(Claim("alice", "c")).mark == PAYMENT
    assert memory.declassify("c", internal, decided=PAYMENT, actor="system", details={"reason": "published"}) == PAYMENT
    after = memory.look(Claim("alice", "c", (TEXT.mark,)))
    assert (after.mark, after.cited) == (internal, internal)
    assert acts == [
        ("system", "conversation.declassify",
         {"conversation": "c", "before": "restricted; payment", "after": "internal", "reason": "published"}),
    ]  # fmt: skip
    # A decision from before would raise the mark again: it is stale.
    assert intend(deployment, journal, Passage("alice", "c", PAYMENT, before.version)) is Refusal.STALE
    with pytest.raises(NotLower):
        memory.declassify("c", PERSONAL, decided=PAYMENT, actor="system", details={})
    with pytest.raises(UnknownConversation):
        memory.declassify("none", PUBLIC, decided=PAYMENT, actor="system", details={})
    memory.declassify("c", PUBLIC, decided=PAYMENT, actor="system", details={})
    assert memory.look(Claim("alice", "c", (TEXT.mark,))).cited == PUBLIC
    journal.close()


def test_old_fingerprints_and_stand_ins_go_and_marks_stay(deployment: Deployment) -> None:
    moment = [now_ms()]
    journal = deployment.journal()
    conclude(deployment, journal, Passage("alice", "c", PAYMENT, made=((TEXT, PAYMENT),)))
    conclude(deployment, journal, Passage("alice", "d", PUBLIC, vault=b"sealed"))
    journal.close()
    memory = store(deployment, clock=lambda: moment[0])
    assert memory.prune(fingerprint_days=90, stand_in_days=30) == 0
    moment[0] += 91 * DAY_MS
    assert memory.prune(fingerprint_days=90, stand_in_days=30) == 2
    seen = memory.look(Claim("alice", "c", (TEXT.mark,)))
    assert (seen.mark, seen.cited) == (PAYMENT, PUBLIC)
    assert [one.id for one in memory.list()] == ["c"]


def test_a_level_that_nobody_knows_is_above_all(deployment: Deployment) -> None:
    values = {"id": "c", "owner": "alice", "level": "secret", "compartments": "", "version": 1, "created_ms": 1, "changed_ms": 1}
    with deployment.engine.begin() as connection:
        connection.execute(insert(conversation).values(values))
    mark = store(deployment).look(Claim("alice", "c")).mark
    assert not label("restricted").dominates(mark)
    assert str(mark) == "secret", "another order of levels may know it again"
    wider = Levels(("public", "secret", "more"))
    assert store(deployment, levels=lambda: wider).look(Claim("alice", "c")).mark == wider.label("secret")


def test_an_altered_mark_is_relied_on_by_nobody_and_others_go_on(migrated: str, deployment: Deployment, tmp_path: Path) -> None:
    """Neither when it is asked for, nor by an intent; a row that two intents of one batch raise is no alteration."""
    deployment.engine.dispose()
    deployment.engine = open_engine(migrated)
    with deployment.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE directory_epoch SET version = {VERSION}")
    seals = RowSeals(lambda: bytes(32))
    seal_with(deployment.engine, seals)
    with write_transaction(deployment.engine, Turn(tmp_path / "turn")) as connection:
        seals.seal_all(driver_of(connection))
    journal = deployment.journal()
    assert intend(deployment, journal, Passage("alice", "c", PERSONAL)) is None
    assert intend(deployment, journal, Passage("alice", "d", PERSONAL)) is None
    seen = store(deployment).look(Claim("alice", "c"))
    with deployment.engine.begin() as connection:
        connection.execute(conversation.update().where(conversation.c.id == "c").values(level="public", compartments=""))
    with pytest.raises(RowsAltered, match="level, compartments"):
        store(deployment).look(Claim("alice", "c"))
    assert intend(deployment, journal, Passage("alice", "c", PAYMENT, seen.version)) is Refusal.FAILED
    other = store(deployment).look(Claim("alice", "d"))
    assert intend(deployment, journal, Passage("alice", "d", PAYMENT, other.version)) is None
    journal.close()
