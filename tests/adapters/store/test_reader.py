"""Reading: content for its key, lists without content, one file to hand on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, update
from tests.adapters.store.deployment import Deployment, now_ms

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.ledger.admin_record import AdminRecord
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.ledger.exported import LedgerExport
from wardstead.adapters.store.tables.ledger import entry
from wardstead.crypto.keyring import KeyGone, KeyRing, KeyUnknown
from wardstead.crypto.roots import only
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import PUBLIC, label
from wardstead.ledger.entry import Header
from wardstead.ledger.ports import EntryKind


def test_an_exchange_opens_with_its_subjects_key(deployment: Deployment) -> None:
    journal = deployment.journal()
    exchange = deployment.exchange(journal)
    opened = deployment.reader.open_exchange(exchange, deployment.ring)
    assert opened is not None
    assert [one["content"] for one in opened["entries"]] == [{"question": 1}, {"answer": 2}]
    assert (opened["subject"], opened["erased"], opened["entries"][1]["outcome"]) == ("alice", False, "answered")
    assert deployment.reader.open_exchange("nothing", deployment.ring) is None
    journal.close()


def test_after_an_erasure_the_content_is_gone_the_proofs_hold_and_others_are_as_they_were(deployment: Deployment) -> None:
    journal = deployment.journal()
    gone, kept = deployment.exchange(journal, "alice"), deployment.exchange(journal, "bob")
    deployment.record()
    assert deployment.keys.erase("alice") == 2
    deployment.ring.evict()
    erased = deployment.reader.open_exchange(gone, deployment.ring)
    assert erased is not None
    assert erased["erased"]
    assert [one["content"] for one in erased["entries"]] == [None, None]
    other = deployment.reader.open_exchange(kept, deployment.ring)
    assert other is not None
    assert other["entries"][0]["content"] == {"question": 1}
    assert deployment.verify() == []
    with pytest.raises(KeyGone):
        deployment.sealer.begin("alice", gone)
    journal.close()


def test_an_entry_given_to_another_subject_does_not_open(deployment: Deployment) -> None:
    journal = deployment.journal()
    exchange = deployment.exchange(journal)
    deployment.ring.to_seal("bob")
    with deployment.engine.begin() as connection:
        connection.execute(update(entry).values(subject="bob"))
    with pytest.raises(IntegrityError):
        deployment.reader.open_exchange(exchange, deployment.ring)
    journal.close()


@pytest.mark.parametrize("erased", [True, False])
def test_a_subject_that_nobody_knows_is_no_erased_one(deployment: Deployment, erased: bool) -> None:
    """Entries of version 1 do not commit to their subject: of them, only the key store can tell."""
    exchange, header = "old", Header(EntryKind.INTENT, ExchangeId("old"), 1, bytes(32), bytes(12), bytes(60))
    row = {"exchange": exchange, "kind": "intent", "header": header.encode(), "body": b"sealed", "time_ms": 60_000}
    with deployment.engine.begin() as connection:
        connection.execute(insert(entry).values(subject="zzz", **row))
    if erased:
        deployment.keys.erase("zzz")
        opened = deployment.reader.open_exchange(exchange, deployment.ring)
        assert opened is not None
        assert opened["erased"]
    else:
        with pytest.raises(KeyUnknown):
            deployment.reader.open_exchange(exchange, deployment.ring)


def test_lists_are_newest_first_and_in_pages(deployment: Deployment) -> None:
    journal = deployment.journal()
    made = [deployment.exchange(journal) for _ in range(5)]
    first = deployment.reader.recent(3)
    second = deployment.reader.recent(3, before=first[-1].entry_id)
    assert [one.id for one in [*first, *second]] == made[::-1]
    journal.close()


def test_acts_of_administration_are_recorded_and_sealed(deployment: Deployment) -> None:
    turn = Turn(deployment.folder / "run" / "ledger.turn")
    record = AdminRecord(deployment.engine, deployment.sealer, turn, clock=now_ms, entropy=lambda n: bytes(range(n)))
    act = record.record_admin("admin", "user.create", {"name": "bob"})
    deployment.record()
    opened = deployment.reader.open_exchange(act, deployment.ring)
    assert opened is not None
    assert opened["entries"][0]["content"] == {"actor": "admin", "action": "user.create", "details": {"name": "bob"}}
    receipt = deployment.reader.receipt(act)
    assert receipt is not None
    assert receipt["status"] == "complete"
    assert deployment.verify() == []
    turn.close()


def exporting(deployment: Deployment) -> LedgerExport:
    return LedgerExport(deployment.engine, deployment.ledger_key.verifying)


def test_the_export_is_one_file_with_everything_in_it(deployment: Deployment, tmp_path: Path) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    deployment.record()
    assert exporting(deployment).write(tmp_path / "export.jsonl").count == 2
    first, note, *leaves = map(json.loads, (tmp_path / "export.jsonl").read_text().splitlines())
    assert first["verifier_key"] == deployment.ledger_key.verifying.text()
    assert note["checkpoint"] == deployment.reader.checkpoint()
    assert [one["index"] for one in leaves] == [0, 1]
    journal.close()


def test_what_is_exported_ends_at_its_newest_checkpoint_and_is_counted(deployment: Deployment, tmp_path: Path) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)
    deployment.record()
    deployment.exchange(journal)
    recorder = deployment.recorder()
    recorder.open()
    assert recorder._sequence()  # in the tree, and not signed yet
    recorder._election.resign()
    assert exporting(deployment).write(tmp_path / "export.jsonl").count == 2
    lines = [json.loads(line) for line in (tmp_path / "export.jsonl").read_text().splitlines()]
    assert [one["size"] for one in lines if "checkpoint" in one] == [2]
    assert [one["index"] for one in lines if "index" in one] == [0, 1]
    deployment.record()
    deployment.exchange(journal)
    assert exporting(deployment).write(tmp_path / "export.jsonl").count == 4
    journal.close()


def test_a_second_process_sees_the_same_keys(deployment: Deployment) -> None:
    sealed = deployment.ring.to_seal("alice").encrypt(bytes(12), b"text", None)
    ring = KeyRing(only(deployment.root), deployment.keys, bytes)
    assert ring.to_open("alice").decrypt(bytes(12), sealed, None) == b"text"


def test_every_entry_opens_under_the_label_that_it_commits_to_and_older_ones_without(deployment: Deployment) -> None:
    journal = deployment.journal()
    deployment.exchange(journal)  # as those of before there were labels
    journal.close()
    labelled = label("confidential", ["personal"])
    for number, one in enumerate((labelled, labelled, PUBLIC)):
        exchange = ExchangeId(f"labelled-{number}")
        draft = deployment.sealer.begin("alice", exchange).intent(b'{"question": 1}', now_ms(), one)
        with deployment.engine.begin() as connection:
            connection.execute(insert(entry), entry_values(draft))
    found = deployment.reader.verify_contents(deployment.ring)
    assert (found.opened, found.erased, found.problems) == (5, 0, [])
    assert found.labels == {"confidential; personal": 2, "public": 1}
    opened = deployment.reader.open_exchange("labelled-0", deployment.ring)
    assert opened is not None
    assert opened["label"] == labelled
    with deployment.engine.begin() as connection:
        moved = connection.execute(select(entry.c.body).where(entry.c.exchange == "labelled-2")).scalar_one()
        connection.execute(update(entry).where(entry.c.exchange == "labelled-0").values(body=moved))
    (problem,) = deployment.reader.verify_contents(deployment.ring).problems
    assert problem.code == "content-altered"
    deployment.keys.erase("alice")
    deployment.ring.evict()
    assert deployment.reader.verify_contents(deployment.ring).erased == 5


@pytest.mark.sqlite
def test_what_was_held_is_looked_for_among_what_was_held(deployment: Deployment) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(deployment.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_more: object) -> None:
        asked.append((statement, values))

    assert deployment.reader.held_of("alice") == []
    with deployment.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1]).all()
    assert any("USING INDEX ix_entry_outcome" in row[-1] for row in plan), plan
    assert not any("ix_entry_subject" in row[-1] for row in plan), plan
