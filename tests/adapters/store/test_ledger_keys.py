"""Another key signs the ledger from one entry on: everybody follows it, nobody goes back, and no kill leaves it in between."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update
from tests.adapters.store.deployment import Deployment, now_ms, unguarded
from tests.cuts import Cut

from wardstead.adapters.locks import Turn
from wardstead.adapters.store.ledger import recorder as recorder_module
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.ledger.exported import LedgerExport
from wardstead.adapters.store.ledger.ledger_keys import SigningKeys, reseal
from wardstead.adapters.store.ledger.published import PublishedTree
from wardstead.adapters.store.ledger.tree_store import tile_reader
from wardstead.adapters.store.tables.ledger import checkpoint, entry, leaf, ledger_key
from wardstead.adapters.store.transactions import write_transaction
from wardstead.auditor.verify import SIGNED, Key, Keys, Trust, keys_in, verify_document, verify_file
from wardstead.crypto.merkle import tree_root
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.errors import BackendError, IntegrityError
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.ledger.checkpoint import Checkpoint, open_checkpoint
from wardstead.ledger.proof import verify_receipt
from wardstead.ledger.succession import KeyRetired, LedgerKeys, change_draft, sign_change
from wardstead.ledger.tiles import node_from


def rotate(deployment: Deployment) -> SigningKey:
    """Order a new key. What seals it is for others to test."""
    new = SigningKey("ledger.test", os.urandom(32))
    signing, turn = SigningKeys.of(deployment.ledger_key), Turn(deployment.folder / "run" / "ledger.turn")
    with write_transaction(deployment.engine, turn) as connection:
        signing.order(connection, new, ExchangeId(uuid7(now_ms(), os.urandom(10))), lambda _, secret: secret, now_ms())
    turn.close()
    return new


def grow(deployment: Deployment, count: int = 1) -> list[ExchangeId]:
    journal = deployment.journal()
    made = [deployment.exchange(journal) for _ in range(count)]
    journal.close()
    deployment.record()
    return made


def newest(deployment: Deployment) -> str:
    note = deployment.reader.checkpoint()
    assert note is not None
    return note


def trust(key: SigningKey, history: Keys | None = None) -> Trust:
    return Trust(Key.parse(key.verifying.text(), SIGNED), history=history)


def exported(deployment: Deployment, name: str = "export.jsonl", *cut: int) -> Path:
    path = deployment.folder / name
    LedgerExport(deployment.engine, deployment.ledger_key.verifying).write(path, *cut)
    return path


def succession(deployment: Deployment) -> dict[str, Any]:
    return PublishedTree(deployment.engine, deployment.ledger_key.verifying).succession()


def history(deployment: Deployment) -> Keys:
    path = deployment.folder / "keys.json"
    path.write_text(json.dumps(succession(deployment)))
    return keys_in(path, Key.parse(deployment.ledger_key.verifying.text(), SIGNED))


def forged(deployment: Deployment, key: SigningKey) -> str:
    """The newest checkpoint as another key would sign it."""
    return key.sign_note(newest(deployment).rpartition("\n\n")[0] + "\n")


def test_from_the_entry_on_the_new_key_signs_and_whoever_trusts_either_follows(deployment: Deployment) -> None:
    old, (before,) = deployment.ledger_key, grow(deployment)
    kept, kept_receipt = exported(deployment, "kept.jsonl"), deployment.reader.receipt(before)
    assert kept_receipt is not None
    new = rotate(deployment)
    (after,) = grow(deployment)
    assert deployment.verify() == []
    assert open_checkpoint(newest(deployment), new.verifying).size == 5
    with pytest.raises(IntegrityError):
        open_checkpoint(newest(deployment), old.verifying)
    assert deployment.reader.keys.of(2) == old.verifying
    assert deployment.reader.keys.of(3) == deployment.reader.keys.newest == new.verifying
    for exchange in (before, after):
        receipt = deployment.reader.receipt(exchange)
        assert receipt is not None
        assert verify_receipt(receipt, deployment.reader.keys)
        for known in (old, new):
            assert verify_document(receipt, trust(known)).problems == []
    for cut in ((), (0, 2), (3, 5), (2, 3)):
        for known in (trust(old), trust(new), trust(new, history(deployment)), Trust()):
            report = verify_file(exported(deployment, "slice.jsonl", *cut), known)
            assert report.problems == []
            assert len(report.keys) == 2
    assert verify_file(kept, trust(old)).problems == [], "an old export verifies for ever"
    assert verify_file(kept, trust(new, history(deployment))).problems == []
    assert next(one.code for one in verify_file(kept, trust(new)).problems) == "another-ledger"
    assert verify_document(kept_receipt, trust(old)).problems == []
    proof = PublishedTree(deployment.engine, old.verifying).consistency(2)
    assert verify_document(proof, trust(old)).problems == verify_document(proof, trust(new)).problems == []


def test_what_the_old_key_signs_afterwards_is_refused_by_name(deployment: Deployment) -> None:
    old = deployment.ledger_key
    grow(deployment)
    rotate(deployment)
    grow(deployment)
    known, file = history(deployment), exported(deployment)
    receipt = deployment.reader.receipt(grow(deployment)[0])
    assert receipt is not None
    stolen = forged(deployment, old)
    with pytest.raises(KeyRetired):
        open_checkpoint(stolen, deployment.reader.keys)
    with pytest.raises(KeyRetired):
        verify_receipt({**receipt, "checkpoint": stolen}, deployment.reader.keys)
    said = verify_document({**receipt, "checkpoint": stolen}, trust(old))
    assert [one.code for one in said.problems] == ["key-retired"]
    bare = {name: value for name, value in receipt.items() if name != "keys"}
    alone = {**bare, "checkpoint": stolen, "verifier_key": old.verifying.text()}
    assert verify_document(alone, trust(old)).problems == [], "who never heard of the change believes the old key"
    assert [one.code for one in verify_document(alone, trust(old, known)).problems] == ["key-retired"]
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(_signed_by(old, line) if '"checkpoint"' in line else line for line in lines))
    assert {one.code for one in verify_file(file, trust(old)).problems} == {"key-retired", "checkpoint-missing"}
    size = int(stolen.splitlines()[1])
    with deployment.engine.begin() as connection:
        connection.execute(update(checkpoint).where(checkpoint.c.size == size).values(note=stolen))
    assert deployment.verify() == ["key-retired"]
    with pytest.raises(IntegrityError, match="not what was signed"):
        deployment.record()


def _signed_by(key: SigningKey, line: str) -> str:
    document = json.loads(line)
    document["checkpoint"] = key.sign_note(document["checkpoint"].rpartition("\n\n")[0] + "\n")
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def append(deployment: Deployment, body: bytes, *, known: bool = True) -> None:
    """A change that nobody ordered."""
    draft = change_draft(ExchangeId(uuid7(now_ms(), os.urandom(10))), body, now_ms())
    with deployment.engine.begin() as connection:
        made = connection.execute(insert(entry).returning(entry.c.id), entry_values(draft)).scalar_one()
        if known:
            connection.execute(insert(ledger_key).values(entry_id=made, sealed=b""))


def test_a_forged_change_is_named(deployment: Deployment) -> None:
    old, thief = deployment.ledger_key, SigningKey("ledger.test", os.urandom(32))
    grow(deployment)
    new = rotate(deployment)
    (exchange,) = grow(deployment)
    size = open_checkpoint(newest(deployment), deployment.reader.keys).size
    root = open_checkpoint(newest(deployment), deployment.reader.keys).root
    stranger = SigningKey("ledger.test", os.urandom(32))
    for wrong in (
        sign_change(old, thief, size, root),
        sign_change(stranger, thief, size, root),
        b"wardstead ledger key v1\n{}\n\n",
    ):
        append(deployment, wrong)
        with pytest.raises(IntegrityError):
            deployment.reader.receipt(exchange)
        assert "key-change-forged" in deployment.verify()
        with deployment.engine.begin() as connection:
            last = select(func.max(entry.c.id)).scalar_subquery()
            connection.execute(delete(ledger_key).where(ledger_key.c.entry_id == last))
            connection.execute(delete(entry).where(entry.c.id == last))
    append(deployment, sign_change(new, thief, size, root), known=False)
    deployment.record()
    assert deployment.verify() == ["key-change-forged"], "an entry that no key follows from"
    codes = {one.code for one in verify_file(exported(deployment), trust(old)).problems}
    assert codes == {"key-change-forged"}


def test_a_change_that_was_altered_or_taken_away_is_named(deployment: Deployment) -> None:
    grow(deployment)
    rotate(deployment)
    grow(deployment)
    file = exported(deployment).read_text()
    with deployment.engine.begin() as connection:
        rows = connection.execute(select(entry.c.id, entry.c.body).where(entry.c.kind == "key")).all()
        body = bytes(rows[0].body)
        connection.execute(update(entry).where(entry.c.id == rows[0].id).values(body=body.replace(b'"size":2', b'"size":1')))
    assert {"entry-altered", "key-change-forged", "checkpoint-signature"} <= set(deployment.verify())
    with unguarded(deployment.engine) as connection:
        connection.execute(update(entry).where(entry.c.id == rows[0].id).values(body=body))
        connection.execute(delete(ledger_key))
    assert set(deployment.verify()) == {"key-change-forged", "checkpoint-signature"}
    lines = file.splitlines(keepends=True)
    without = lines[0].replace('"version":3', '"version":2') + "".join(lines[2:])
    cases = {
        "".join([lines[0], *lines[2:]]): "key-change-forged",
        without: "checkpoint-signature",
        file.replace('"key_index":2', '"key_index":1'): "key-change-forged",
        file.replace(
            '"inclusion_proof":["', '"inclusion_proof":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","'
        ): "key-change-forged",
        file.replace('\\"size\\":2', '\\"size\\":1'): "key-change-forged",
        "".join([lines[0], lines[1], lines[1], *lines[2:]]): "key-change-forged",
    }
    for altered, code in cases.items():
        assert altered != file
        path = deployment.folder / "altered.jsonl"
        path.write_text(altered)
        assert code in {one.code for one in verify_file(path, trust(deployment.ledger_key)).problems}


def test_keys_follow_one_another_and_the_replaced_one_is_destroyed(deployment: Deployment) -> None:
    grow(deployment)
    keys = [deployment.ledger_key]
    for _ in range(3):
        keys.append(rotate(deployment))
        with pytest.raises(BackendError, match="not in force yet"):
            rotate(deployment)
        grow(deployment)
    assert deployment.verify() == []
    assert deployment.reader.keys.all == tuple(one.verifying for one in keys)
    with deployment.engine.connect() as connection:
        sealed = connection.execute(select(ledger_key.c.sealed).order_by(ledger_key.c.entry_id)).scalars().all()
    assert [one is not None for one in sealed] == [False, False, True]
    assert [one.partition(" ")[2] for one in history(deployment).told()] == [f"since entry {n}" for n in (0, 2, 5, 8)]
    for key in keys:
        assert verify_file(exported(deployment), trust(key)).problems == []
    with deployment.engine.begin() as connection:
        reseal(connection, lambda name, secret: f"{name}|".encode() + secret)
        moved = connection.execute(select(ledger_key.c.sealed).order_by(ledger_key.c.entry_id)).scalars().all()
    named = f"ledger key {keys[3].verifying.key_id.hex()}|".encode() + keys[3].text().encode()
    assert [one if one is None else bytes(one) for one in moved] == [None, None, named]


STEPS: list[tuple[object, str]] = [
    (recorder_module, "grow"), (recorder_module, "store_note"), (recorder_module, "forget_replaced"),
    (recorder_module, "keep_signed"), (recorder_module, "write_durably"),
]  # fmt: skip


@pytest.mark.parametrize("where", range(len(STEPS)))
@pytest.mark.parametrize("done", [False, True])
def test_a_kill_at_each_write_leaves_the_old_key_or_the_new_one(
    deployment: Deployment, where: int, done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before or after the write itself; whoever starts next ends it."""
    module, name = STEPS[where]
    grow(deployment)
    new = rotate(deployment)
    real: Callable[..., object] = getattr(module, name)

    def cut(*arguments: object, **named: object) -> object:
        if done:
            real(*arguments, **named)
        raise Cut

    recorder = deployment.recorder()
    recorder.open()
    with monkeypatch.context() as patch:
        patch.setattr(module, name, cut)
        with pytest.raises(Cut):
            recorder.step()
    recorder._turn.close()
    recorder._election.resign()
    assert deployment.verify(known=False) == []
    grow(deployment)
    assert deployment.verify() == []
    assert open_checkpoint(newest(deployment), new.verifying).size == 5


def test_an_order_that_is_killed_before_its_commit_has_changed_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(deployment)
    real = SigningKeys.order

    def cut(*arguments: Any) -> None:
        real(*arguments)
        raise Cut

    monkeypatch.setattr(SigningKeys, "order", cut)
    with pytest.raises(Cut):
        rotate(deployment)
    grow(deployment)
    assert deployment.verify() == []
    assert deployment.reader.keys == LedgerKeys(deployment.ledger_key.verifying)
    assert open_checkpoint(newest(deployment), deployment.ledger_key.verifying).size == 4


def test_it_rotates_under_load_and_another_recorder_goes_on(deployment: Deployment) -> None:
    journal, recorder, stop = deployment.journal(), deployment.recorder(), threading.Event()
    thread = threading.Thread(target=recorder.run, args=(stop,), kwargs={"interval_s": 0.01})
    thread.start()
    writing = threading.Event()
    made: list[ExchangeId] = []

    def write() -> None:
        while not writing.is_set():
            made.append(deployment.exchange(journal))

    writer = threading.Thread(target=write)
    writer.start()
    rotated = list[SigningKey]()
    for _ in range(2000):
        if len(rotated) == 3 or not writer.is_alive():
            break
        try:
            rotated.append(rotate(deployment))
        except BackendError:
            threading.Event().wait(0.01)
    writing.set()
    writer.join(20)
    stop.set()
    thread.join(20)
    journal.close()
    assert len(rotated) == 3
    grow(deployment)
    assert deployment.verify() == []
    assert deployment.reader.keys.newest == rotated[-1].verifying
    assert verify_file(exported(deployment), trust(deployment.ledger_key)).problems == []
    for exchange in (made[0], made[-1]):
        receipt = deployment.reader.receipt(exchange)
        assert receipt is not None
        assert receipt["status"] == "complete"
        assert verify_document(receipt, trust(rotated[0])).problems == []


def test_only_the_tree_decides_which_key_signs(deployment: Deployment) -> None:
    """An old key's signature of a smaller tree stays good: it is that tree's root that must be this ledger's."""
    grow(deployment, 2)
    rotate(deployment)
    grow(deployment)
    with deployment.engine.connect() as connection:
        hashes = connection.execute(select(leaf.c.hash).order_by(leaf.c.idx)).scalars().all()
        root = tree_root(1, node_from(tile_reader(connection)))
    old = deployment.ledger_key
    assert bytes(hashes[0]) == root
    for right, code in ((root, []), (bytes(32), ["rewritten"])):
        note = old.sign_note(Checkpoint("ledger.test", 1, right).text())
        report = deployment.reader.verify(clock=now_ms, known=[*deployment.known(), note])
        assert [one.code for one in report.problems] == code
