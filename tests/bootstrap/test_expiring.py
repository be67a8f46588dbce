"""What the classification policy keeps for some days is destroyed after them: nobody reads it again, and every proof holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from sqlalchemy import event
from tests.bootstrap.test_erasing import ORDER, contents, raw
from tests.bootstrap.test_witnessing import grow

from wardstead.access.ports import Principal
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.tables.ledger import entry, mention
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.backup.backups import erased_note, open_erased
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.forgetting import erasing
from wardstead.bootstrap.forgetting.erasing import certificates, finish_erasures
from wardstead.bootstrap.forgetting.expiring import Amount, amount, due, expire, retention_check
from wardstead.bootstrap.forgetting.retention import within_retention
from wardstead.bootstrap.ledger.verifying import verify
from wardstead.gateway.pipeline.record import last_day
from wardstead.inspection.ports import Keeping
from wardstead.isolation.posture import State
from wardstead.kernel.clock import DAY_MS
from wardstead.kernel.errors import BackendError
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.kernel.labels import PUBLIC
from wardstead.ledger.certificate import open_certificate

NOON = 1_790_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2
HOUR = 3_600_000


@pytest.fixture
def made(deployment: Deployment) -> Iterator[Deployment]:
    """With two people."""
    for name in ("ann", "bob"):
        deployment.directory.create_principal(name, roles=("user",), clearance=PUBLIC)
    yield deployment
    deployment.subject_keys.close()


def say(deployment: Deployment, name: str, asked: int | None, answered: int | None, at: int = NOON) -> str:
    """An exchange that begins at noon; for so many days question and answer are kept."""
    who: Principal = deployment.directory.find(name)
    exchange = ExchangeId(uuid7(at, os.urandom(10)))
    seal = deployment.sealer.begin(who.subject, exchange)
    keys = [deployment.sealer.mention(who.subject, last_day(Keeping(days), at)) for days in (asked, answered)]
    drafts = [
        seal.intent(json.dumps({"q": "hello", "retention_days": asked}).encode(), at, PUBLIC, keys[0]),
        seal.outcome(json.dumps({"a": "hello", "retention_days": answered}).encode(), "completed", at + 5, PUBLIC, keys[1]),
    ]
    taken = [{"mark": mark, "exchange": one.exchange, "kind": one.kind.value} for one in drafts for mark in one.mentions]
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(entry.insert(), [entry_values(one) for one in drafts])
        if taken:
            connection.execute(mention.insert(), taken)
    return str(exchange)


def gone(deployment: Deployment, exchange: str) -> list[bool]:
    return [one is None for one in contents(deployment, exchange)]


def test_each_record_is_destroyed_when_its_own_days_are_over_and_not_before(made: Deployment) -> None:
    thirty, mixed, ever = say(made, "ann", 30, 30), say(made, "bob", 90, 30), say(made, "ann", None, None)
    end_of_day = NOON + 30 * DAY_MS + DAY_MS // 2
    assert expire(made, end_of_day + HOUR - 1) == ""
    said = open_certificate(expire(made, end_of_day + HOUR), made.ledger.keys)
    assert said["retention"] == {
        "keys": 2, "days_of_people": 2, "entries_unreadable": 3, "exchanges": 2, "kept_under_legal_hold": 0,
    }  # fmt: skip
    assert [gone(made, one) for one in (thirty, mixed, ever)] == [[True, True], [False, True], [False, False]]
    opened = made.ledger.open_exchange(mixed, made.ring)
    assert opened is not None
    assert (opened["erased"], opened["mentioned"], opened["expired"]) == (False, False, True)
    shown = within_retention(opened, NOON)
    assert "hello" not in json.dumps(shown["entries"]), "what is left of an exchange is shown to nobody"
    assert expire(made, end_of_day + HOUR) == ""
    expire(made, NOON + 91 * DAY_MS)
    assert gone(made, mixed) == [True, True]
    grow(made)
    assert verify(made, made.ledger).ok
    assert made.ledger.verify_contents(made.ring).problems == []
    assert made.ledger.receipt(mixed)["status"] == "complete"  # type: ignore[index]


def test_no_file_holds_what_would_open_it(made: Deployment) -> None:
    say(made, "ann", 1, 1)
    (key,) = due(made, NOON + 3 * DAY_MS).keys
    (row,) = made.subject_keys.mentions([key])
    wanted = [row.wrapped, row.token]
    assert all(any(one in data for data in raw(made).values()) for one in wanted), "the search finds what is there"
    epoch = made.subject_keys.current_kek()
    expire(made, NOON + 3 * DAY_MS)
    assert {path for path, data in raw(made).items() for one in [*wanted, epoch.wrapped] if one in data} == set()
    assert f"retention:{key.hex()}" in open_erased(erased_note(made), made.ledger.keys)["subjects"], "a restore does it again"


def test_a_legal_hold_outranks_it_and_what_it_keeps_can_be_read(made: Deployment) -> None:
    kept, other, late = say(made, "ann", 1, 1), say(made, "bob", 1, 1), NOON + 30 * DAY_MS
    who = made.directory.find("ann")
    erasing.hold(made, "ann", ORDER)
    said = open_certificate(expire(made, late), made.ledger.keys)
    assert (said["retention"]["keys"], said["retention"]["kept_under_legal_hold"]) == (1, 2)
    assert (gone(made, kept), gone(made, other)) == ([False, False], [True, True])
    opened = made.ledger.open_exchange(kept, made.ring)
    assert opened is not None
    assert within_retention(opened, late, held=made.erasures.held())["expired"] is False
    assert within_retention(opened, late)["expired"] is True
    check = retention_check(made)
    assert (check.state, "legal hold" in check.evidence) == (State.GREEN, True)
    assert amount(made, due(made, late).held) == Amount(1, 2, 1)
    erasing.release(made, who.name, ORDER)
    assert retention_check(made).state is State.RED
    expire(made, late)
    assert gone(made, kept) == [True, True]
    assert retention_check(made).state is State.GREEN


@pytest.mark.parametrize("step", ["erase", "scrub", "finish"])
def test_what_is_broken_off_is_gone_on_with(made: Deployment, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    exchange, late = say(made, "ann", 1, 1), NOON + 30 * DAY_MS

    def killed(*_args: object, **_options: object) -> None:
        raise BackendError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(made.subject_keys if step == "erase" else made.erasures, step, killed)
        with pytest.raises(BackendError):
            expire(made, late)
    assert finish_erasures(made, alone=True) == 1
    assert gone(made, exchange) == [True, True]
    (said,) = certificates(made)
    assert said["retention"]["entries_unreadable"] == 2
    assert made.ledger.verify_contents(made.ring).problems == []


def test_it_is_recorded_with_counts_alone(made: Deployment) -> None:
    say(made, "ann", 1, 1)
    expire(made, NOON + 30 * DAY_MS)
    reader = made.ledger
    opened = [reader.open_exchange(one.id, made.ring) for one in reader.recent(20) if one.kind == "admin"]
    acts = {one["entries"][0]["content"]["action"]: one["entries"][0]["content"]["details"] for one in opened if one}
    assert acts["retention.end"] == acts["retention.end"] | {"days_of_people": 1, "kept_under_legal_hold": 0}
    assert "ann" not in json.dumps(acts["retention.end"])


def test_where_the_days_begin_is_found_without_reading_what_was_said(made: Deployment) -> None:
    say(made, "ann", 1, 1, at=NOON + 5 * DAY_MS)
    say(made, "bob", 1, 1)  # the clock was put right
    asked: list[str] = []

    @event.listens_for(made.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    assert len(due(made, NOON + 30 * DAY_MS).keys) == 2
    statement = next(one for one in asked if "FROM entry" in one)
    with made.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.replace('?', '1')}", ()).all()
    assert all("USING INDEX" in row[-1] for row in plan), plan
