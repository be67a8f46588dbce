"""Witnesses are asked, what they say is kept, and whoever looks is told: witnessed, not, or shown two histories."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, text

from wardstead.adapters.store.ledger.ledger_keys import StoredKeys
from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.adapters.store.transactions import write_transaction
from wardstead.auditor.witness import Refusal, Server, Witness, add_log, init
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.ledger import witnessing
from wardstead.bootstrap.ledger.verifying import verify
from wardstead.bootstrap.ledger.witnessing import admit, closed_mark, overdue, stands, witness_round, witnessed, witnessed_check
from wardstead.bootstrap.processes import condition
from wardstead.config.sections import WitnessSection
from wardstead.crypto.signing import WitnessKey, cosigned_s
from wardstead.isolation.posture import State
from wardstead.kernel.errors import ConfigurationError
from wardstead.ledger.succession import LedgerKeys
from wardstead.ledger.witnessing import ADD_KEYS, Reply, Standing


def recorder(deployment: Deployment) -> Recorder:
    return Recorder(
        deployment.engine,
        deployment.signing,
        state_dir=deployment.places.state,
        signed=deployment.places.signed,
        run_dir=deployment.places.run,
        reserve=deployment.reserve(),
        clock=now_ms,
        monotonic_s=time.monotonic,
    )


def grow(deployment: Deployment) -> None:
    """One more entry, and a checkpoint."""
    deployment.admin_record.record_admin("system", "test", {})
    one = recorder(deployment)
    one.open()
    one.step()
    one.close()


class Elsewhere:
    """Witnesses of other people, who may be away."""

    def __init__(self, deployment: Deployment, *names: str) -> None:
        self.clock_s = 1_795_000_000
        self.away: set[str] = set()
        self.made: dict[str, Witness] = {}
        for name in names:
            folder = deployment.places.directory.parent / name
            init(folder, name)
            add_log(folder, deployment.ledger.keys.text())
            self.made[name] = Witness(folder, lambda: self.clock_s)

    def __call__(self, section: WitnessSection, what: str, body: bytes) -> Reply:
        name = WitnessKey.from_text(section.key).name
        if name in self.away:
            return Reply(0)
        try:
            made = self.made[name]
            return Reply(200, body=made.add_keys(body) if what == ADD_KEYS else made.add_checkpoint(body))
        except Refusal as refusal:
            return Reply(refusal.status, refusal.content_type, refusal.body)

    def configured(self, deployment: Deployment, more: str = "") -> Deployment:
        places = [f"    - {{key: '{one.key.text()}', url: 'http://127.0.0.1:9'}}\n" for one in self.made.values()]
        path = deployment.places.config
        path.write_text(f"{path.read_text()}\nledger:\n  witnesses:\n{''.join(places)}{more}")
        return Deployment(deployment.places.directory, {})


@pytest.fixture
def one(deployment: Deployment) -> tuple[Deployment, Elsewhere]:
    elsewhere = Elsewhere(deployment, "w1.example")
    made = elsewhere.configured(deployment)
    grow(made)
    return made, elsewhere


def standing(deployment: Deployment) -> list[Standing]:
    return [stand.standing for stand in stands(deployment)]


def test_nobody_is_asked_where_nobody_is_named(deployment: Deployment) -> None:
    grow(deployment)
    assert witnessed(deployment) is None
    check = witnessed_check(deployment)
    assert check.state is State.AMBER
    assert "unwitnessed" in check.evidence
    witnessing.keep_witnessing(deployment, threading.Event())  # ends at once


def test_what_was_cosigned_is_kept_and_given_out(one: tuple[Deployment, Elsewhere]) -> None:
    made, elsewhere = one
    assert witnessed_check(made).state is State.AMBER
    witness_round(made, elsewhere)
    note = made.ledger.checkpoint()
    assert note is not None
    assert cosigned_s(note, WitnessKey.from_text(elsewhere.made["w1.example"].key.text())) == elsewhere.clock_s
    found = witnessed(made)
    assert found is not None
    assert (found.ok, found.behind) == (True, 0)
    assert witnessed_check(made).state is State.GREEN
    assert verify(made, made.ledger).ok


def test_a_ledger_that_grew_is_behind_until_the_next_round(one: tuple[Deployment, Elsewhere]) -> None:
    made, elsewhere = one
    witness_round(made, elsewhere)
    grow(made)
    found = witnessed(made)
    assert found is not None
    assert (found.ok, found.behind) == (True, 1)
    witness_round(made, elsewhere)
    assert witnessed(made).behind == 0  # type: ignore[union-attr]


def test_a_witness_that_is_down_stops_nothing(one: tuple[Deployment, Elsewhere]) -> None:
    made, elsewhere = one
    elsewhere.away.add("w1.example")
    witness_round(made, elsewhere)
    assert standing(made) == [Standing.DOWN]
    assert not overdue(made)
    assert verify(made, made.ledger).ok
    elsewhere.away.clear()
    witness_round(made, elsewhere)
    assert standing(made) == [Standing.COSIGNED]


def test_an_answer_that_was_lost_is_caught_up_with(one: tuple[Deployment, Elsewhere]) -> None:
    made, elsewhere = one

    def lossy(section: WitnessSection, what: str, body: bytes) -> Reply:
        elsewhere(section, what, body)
        return Reply(0)

    witness_round(made, lossy)
    assert standing(made) == [Standing.DOWN]
    grow(made)
    witness_round(made, elsewhere)
    assert standing(made) == [Standing.COSIGNED]


def test_a_quorum_is_as_far_as_enough_of_them_have_come(deployment: Deployment) -> None:
    elsewhere = Elsewhere(deployment, "w1.example", "w2.example", "w3.example")
    made = elsewhere.configured(deployment, "  witness_quorum: 2\n")
    grow(made)
    elsewhere.away |= {"w2.example", "w3.example"}
    witness_round(made, elsewhere)
    assert not witnessed(made).ok  # type: ignore[union-attr]
    elsewhere.away.remove("w2.example")
    witness_round(made, elsewhere)
    assert witnessed(made).ok  # type: ignore[union-attr]
    assert witnessed_check(made).state is State.GREEN


def rewritten(deployment: Deployment) -> Deployment:
    """By whoever has the keys: the last entry is cut off, another one takes its place, and all of it is signed anew."""
    with write_transaction(deployment.engine, deployment.turn) as connection:
        size = connection.execute(text("SELECT max(size) FROM checkpoint")).scalar_one()
        for statement in (
            "DELETE FROM checkpoint WHERE size > 1", "DELETE FROM leaf WHERE idx > 0", "DELETE FROM entry WHERE id > 1",
            "UPDATE tile SET hashes = substr(hashes, 1, 32)",
        ):  # fmt: skip
            connection.execute(text(statement))
        note = connection.execute(text("SELECT note FROM checkpoint WHERE size = 1")).scalar()
        connection.execute(text("DELETE FROM cosignature"))
    for path in (deployment.places.state / "checkpoint", deployment.places.signed):
        path.write_text(note)
    while int((deployment.ledger.checkpoint() or "\n0").splitlines()[1]) < size:
        grow(deployment)
    return deployment


def test_a_ledger_that_was_rewritten_with_its_keys_is_shouted(
    one: tuple[Deployment, Elsewhere], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, elsewhere = one
    note = made.ledger.checkpoint() or ""
    assert int(note.splitlines()[1]) > 1
    with write_transaction(made.engine, made.turn) as connection:  # so that there is one to go back to
        leaf = connection.execute(text("SELECT hash FROM leaf WHERE idx = 0")).scalar_one()
        key = made.keys.ledger()
        from wardstead.ledger.checkpoint import Checkpoint

        first = key.sign_note(Checkpoint(key.verifying.name, 1, bytes(leaf)).text())
        connection.execute(text("INSERT INTO checkpoint (size, note, time_ms) VALUES (1, :note, 1)"), {"note": first})
    witness_round(made, elsewhere)
    rewritten(made)
    assert made.ledger.verify(clock=now_ms).ok, "by itself it is as good as any"
    problems = {problem.code for problem in verify(made, made.ledger).problems}
    assert problems == {"rewritten"}, "what a witness cosigned is kept among the keys"
    witness_round(made, elsewhere)
    assert standing(made) == [Standing.SPLIT]
    assert "SPLIT VIEW" in caplog.text
    check = witnessed_check(made)
    assert check.state is State.RED
    assert "SPLIT VIEW" in check.evidence
    assert [found.id for found in condition.posture(made) if found.state is State.RED and "SPLIT" in found.evidence] == [
        "ledger.witnessed"
    ]
    (made.places.signed.parent / "witnesses.json").unlink()  # and who takes that away as well
    witness_round(made, elsewhere)
    assert standing(made) == [Standing.SPLIT]


def test_a_deployment_that_was_rolled_back_as_a_whole_is_shouted(one: tuple[Deployment, Elsewhere], tmp_path: Path) -> None:
    made, elsewhere = one
    witness_round(made, elsewhere)
    made.engine.dispose()
    shutil.copytree(made.places.directory, tmp_path / "older")
    grow(made)
    witness_round(made, elsewhere)
    older = Deployment(tmp_path / "older", {})
    assert verify(older, older.ledger).ok, "by itself it is as good as any"
    grow(older)  # as large as the other one, and not the same
    witness_round(older, elsewhere)
    assert standing(older) == [Standing.SPLIT]
    older.engine.dispose()


def test_a_cosignature_that_was_altered_is_named(one: tuple[Deployment, Elsewhere]) -> None:
    made, elsewhere = one
    witness_round(made, elsewhere)
    for change in (
        "UPDATE cosignature SET size = size + 1",
        "UPDATE cosignature SET note = replace(note, 'w1.example', 'w2.example')",
        "UPDATE cosignature SET note = 'junk'",
        "UPDATE cosignature SET note = (SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1)",
    ):
        with write_transaction(made.engine, made.turn) as connection:
            connection.execute(text(change))
        assert "cosignature-altered" in {problem.code for problem in verify(made, made.ledger).problems}, change
        with write_transaction(made.engine, made.turn) as connection:
            connection.execute(text("DELETE FROM cosignature"))
        (made.places.signed.parent / "witnesses.json").unlink(missing_ok=True)
        witness_round(made, elsewhere)
        assert verify(made, made.ledger).ok


def test_a_standing_that_says_more_than_was_cosigned_counts_for_nothing(one: tuple[Deployment, Elsewhere]) -> None:
    made, elsewhere = one
    (found,) = witness_round(made, elsewhere)
    grow(made)
    forged = msgspec.structs.replace(found, size=99, note=made.ledger.checkpoint() or "")
    (made.places.signed.parent / "witnesses.json").write_bytes(msgspec.json.encode([forged]))
    assert not witnessed(made).ok  # type: ignore[union-attr]


def test_where_the_settings_say_so_nothing_begins_unwitnessed(deployment: Deployment) -> None:
    elsewhere = Elsewhere(deployment, "w1.example")
    made = elsewhere.configured(deployment, "  unwitnessed_limit_s: 60\n")
    grow(made)
    assert not overdue(made)
    with write_transaction(made.engine, made.turn) as connection:
        connection.execute(text("UPDATE checkpoint SET time_ms = time_ms - 61000"))
    assert overdue(made)
    admit(made)
    assert closed_mark(made).exists()
    witness_round(made, elsewhere)
    assert not overdue(made)
    admit(made)
    assert not closed_mark(made).exists()


@pytest.mark.parametrize("key", ["junk", "twice", "itself"])
def test_a_witness_that_is_none_keeps_it_from_starting(deployment: Deployment, key: str) -> None:
    elsewhere = Elsewhere(deployment, "w1.example")
    own = elsewhere.made["w1.example"].key.text()
    name = deployment.ledger.keys.name
    other = WitnessKey(name, bytes(32)).text()
    keys = {"junk": ["junk"], "twice": [own, own], "itself": [other]}[key]
    path = deployment.places.config
    lines = "".join(f"    - {{key: '{one}', url: 'https://w.example'}}\n" for one in keys)
    path.write_text(f"{path.read_text()}\nledger:\n  witnesses:\n{lines}")
    with pytest.raises(ConfigurationError, match=r"ledger\.witnesses"):
        witnessing.require_witnesses(Deployment(deployment.places.directory, {}))


def test_over_http_it_is_asked_round_after_round(deployment: Deployment) -> None:
    elsewhere = Elsewhere(deployment, "w1.example")
    server = Server(("127.0.0.1", 0), elsewhere.made["w1.example"])
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    made = elsewhere.configured(deployment, "  witness_interval_s: 0.05\n")
    path = made.places.config
    path.write_text(path.read_text().replace("http://127.0.0.1:9", f"http://127.0.0.1:{server.server_address[1]}"))
    made = Deployment(made.places.directory, {})
    grow(made)
    stop = threading.Event()
    thread = threading.Thread(target=witnessing.keep_witnessing, args=(made, stop))
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not (witnessed(made) or pytest.fail("nobody is named")).ok:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        stop.set()
        thread.join()
        server.shutdown()
        serving.join()
        server.server_close()
    made.engine.dispose()


def test_a_witness_nobody_answers_for_is_down() -> None:
    from wardstead.adapters.witnesses import ask_witness

    assert ask_witness("http://127.0.0.1:9/prefix", "add-checkpoint", b"", timeout_s=1.0) == Reply(0)


def test_nobody_holds_the_database_while_a_witness_thinks(one: tuple[Deployment, Elsewhere]) -> None:
    deployment, elsewhere = one
    held = []

    def asking(section: WitnessSection, what: str, body: bytes) -> Reply:
        held.append(deployment.engine.pool.checkedout())  # type: ignore[attr-defined]
        return elsewhere(section, what, body)

    witness_round(deployment, asking)
    assert (held, standing(deployment)) == ([0], [Standing.COSIGNED])


def test_the_ledger_s_keys_are_looked_up_once_for_all_cosignatures(
    one: tuple[Deployment, Elsewhere], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, elsewhere = one
    for _ in range(3):
        grow(deployment)
        witness_round(deployment, elsewhere)
    looked, of = [], StoredKeys.of

    def counted(stored: StoredKeys, connection: Connection) -> LedgerKeys:
        looked.append(1)
        return of(stored, connection)

    monkeypatch.setattr(StoredKeys, "of", counted)
    notes, problems = witnessing.cosigned_checkpoints(deployment)
    assert (len(notes), problems, len(looked)) == (4, [], 1)
