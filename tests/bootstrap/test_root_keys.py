"""``keys rotate``, as its command carries it out: recorded, interrupted, ended by whoever says it again, while gateways run."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from tests.cuts import Cut, cut_after
from typer.testing import CliRunner

from wardstead.adapters.keys import folder
from wardstead.adapters.keys.folder import CREDENTIALS
from wardstead.adapters.keys.passphrase import Passphrase
from wardstead.adapters.store.keys import root_rotations
from wardstead.adapters.store.keys.root_rotations import Step
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.keys import ledger_key, root_keys
from wardstead.bootstrap.keys.root_gateway import RootGateway, who_is
from wardstead.cli.main import app
from wardstead.crypto.envelope import NONCE_SIZE, wrap
from wardstead.crypto.keyring import KeyRing, OtherRoot, open_kek
from wardstead.crypto.roots import only, root_id
from wardstead.crypto.sealed_root import open_secret
from wardstead.kernel.errors import BackendError, ConfigurationError, IntegrityError

PROVIDER = Passphrase(lambda _what: b"correct horse battery", os.urandom)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardstead.adapters.keys.passphrase._MEMORY_KIB", 8192)
    monkeypatch.setattr("wardstead.adapters.keys.passphrase._ITERATIONS", 1)
    monkeypatch.setattr("wardstead.bootstrap.deployment.opener", lambda _ask, _sealed: PROVIDER)
    monkeypatch.setattr(root_keys, "_LOOK_S", 0.001)


def again(deployment: Deployment) -> Deployment:
    """As the next command finds it."""
    return Deployment(deployment.places.directory, {})


def goes_on(deployment: Deployment) -> None:
    """Whatever was written is read, and something new is written."""
    assert deployment.ring.to_open("alice")
    deployment.ring.evict()
    assert deployment.ring.to_open("alice")
    deployment.ring.to_seal(f"somebody {os.urandom(4).hex()}")
    assert deployment.keys.key(CREDENTIALS)
    assert deployment.ledger.verify_contents(deployment.ring).problems == []


def nothing_lies_under(root: bytes, deployment: Deployment) -> None:
    """Neither in the database nor in the folder, and no file is left that opens it."""
    with closing(SubjectKeys(deployment.places.subject_keys, only(root), os.urandom)) as keys, pytest.raises(OtherRoot):
        KeyRing(only(root), keys, os.urandom).to_open("alice")
    assert not deployment.keys.rotating
    assert [root_id(one) for one in deployment.keys.roots()] != [root_id(root)]
    assert root_keys.under_way(deployment) is None


def steps(patch: pytest.MonkeyPatch, counted: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
    """Everything that a replacement leaves behind when it is done."""
    for where, name in (
        (folder, "write_durably"), (folder, "_zero"), (folder, "replace_roots"), (SubjectKeys, "rewrap_root"), (Path, "replace"),
        (root_rotations, "begin"), (root_rotations, "mark_moved"), (root_rotations, "end"), (root_keys, "reseal"),
    ):  # fmt: skip
        patch.setattr(where, name, counted(getattr(where, name)))


def test_a_new_root_key_opens_all_that_was_recorded(deployment: Deployment) -> None:
    before = deployment.keys.root
    opened = deployment.ledger.verify_contents(deployment.ring).opened
    done = root_keys.rotate(deployment, root=True)
    found = again(deployment)
    assert (done.epoch, done.subjects > 0, done.left) == (2, True, ())
    assert found.keys.root != before
    held = found.ledger.verify_contents(found.ring)
    assert (held.problems, held.opened) == ([], opened + 3)


def test_who_has_the_keys_of_before_reads_nothing_that_comes_after(deployment: Deployment, tmp_path: Path) -> None:
    """Also in what runs meanwhile: it looks for a new era with every change of the directory."""
    ring = deployment.ring
    before = wrap(ring.to_seal("alice"), bytes(NONCE_SIZE), bytes(32), b"context")
    stolen, root = tmp_path / "stolen.db", deployment.keys.root
    with closing(sqlite3.connect(deployment.places.subject_keys)) as source, closing(sqlite3.connect(stolen)) as target:
        source.backup(target)
    stolen.chmod(0o600)
    root_keys.rotate(again(deployment), root=True)
    ring.evict()
    after = wrap(ring.to_seal("alice"), bytes(NONCE_SIZE), bytes(32), b"context")
    with closing(SubjectKeys(stolen, only(root), os.urandom)) as keys:
        thief = KeyRing(only(root), keys, os.urandom)
        assert thief.unwrap("alice", before, b"context") == bytes(32)
        with pytest.raises(IntegrityError):
            thief.unwrap("alice", after, b"context")
    found = again(deployment).ring
    assert [found.unwrap("alice", one, b"context") for one in (before, after)] == [bytes(32)] * 2


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
@pytest.mark.parametrize("at", range(12))
def test_an_interrupted_rotation_leaves_everything_open_and_is_ended_by_saying_it_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, at: int, sealed: bool
) -> None:
    if sealed:
        deployment.keys.protect(PROVIDER)
    before = deployment.keys.root
    deployment.ring.to_seal("alice")
    ledger_key.rotate(deployment)
    running = again(deployment)
    goes_on(running)
    cut = False
    with monkeypatch.context() as patch:
        steps(patch, cut_after(at))
        try:
            root_keys.rotate(again(deployment), root=True)
        except Cut:
            cut = True
    for one in (running, again(deployment)):
        goes_on(one)
    root_keys.rotate(again(deployment), root=False)
    if cut:
        root_keys.rotate(again(deployment), root=True)
    for one in (running, again(deployment)):
        goes_on(one)
        nothing_lies_under(before, one)
        assert one.signing_key()


# -- while gateways run --------------------------------------------------------------------------------------------------------


class Running:
    """A gateway's processes: the one that takes part, as often as it is started, and another that only reads and writes."""

    def __init__(self, deployment: Deployment) -> None:
        environment = again(deployment).keys.handing().environment
        self.deployment, self.worker = (Deployment(deployment.places.directory, dict(environment)) for _ in range(2))
        self.stop = threading.Event()
        self.failed: list[BaseException] = []

    def attend(self) -> None:
        gateway = RootGateway(self.deployment)
        while not self.stop.is_set():
            try:
                gateway.look()
                goes_on(self.worker)
            except Cut:
                gateway = RootGateway(self.deployment)
            except BaseException as error:
                self.failed.append(error)
                return
            self.stop.wait(0.001)


@contextmanager
def runs(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    made = Running(deployment)
    monkeypatch.setattr(root_keys, "running", lambda _deployment: {"pid": 1})
    thread = threading.Thread(target=made.attend)
    thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        thread.join()
    assert made.failed == []


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_whoever_runs_goes_on_and_lets_go_of_the_old_root_key(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    if sealed:
        deployment.keys.protect(PROVIDER)
    before = deployment.keys.root
    deployment.ring.to_seal("alice")
    told: list[root_keys.Replacing] = []
    with runs(deployment, monkeypatch) as gateway:
        done = root_keys.rotate(again(deployment), root=True, replacing=told.append)
        goes_on(gateway.worker)
        nothing_lies_under(before, gateway.worker)
        assert len(gateway.worker.keys.roots()) == 1
    assert done.gateways == (who_is(deployment).place,)
    assert [one.number for one in told] == sorted(one.number for one in told)
    assert {one.number for one in told} == {1, 2, 3, 4, 5}
    assert told[-1].waiting == ()
    nothing_lies_under(before, again(deployment))


@pytest.mark.parametrize("at", range(0, 14, 2))
def test_the_gateway_or_the_command_is_killed_at_any_step_and_both_go_on(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    deployment.keys.protect(PROVIDER)
    before = deployment.keys.root
    deployment.ring.to_seal("alice")
    with runs(deployment, monkeypatch) as gateway:
        with monkeypatch.context() as patch:
            counted = cut_after(at)
            steps(patch, counted)
            patch.setattr(root_rotations, "answer", counted(root_rotations.answer))
            patch.setattr(root_keys, "_WAIT_S", 0.2)
            with suppress(Cut, BackendError):  # once one is cut all are
                root_keys.rotate(again(deployment), root=True)
        root_keys.rotate(again(deployment), root=True)
        goes_on(gateway.worker)
        nothing_lies_under(before, gateway.worker)


def test_a_gateway_that_does_not_take_it_is_named_and_everything_goes_on_with_both(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.ring.to_seal("alice")
    monkeypatch.setattr(root_keys, "running", lambda _deployment: {"pid": 1})
    monkeypatch.setattr(root_keys, "_WAIT_S", 0.01)
    with pytest.raises(BackendError, match="does not take") as refused:
        root_keys.rotate(deployment, root=True)
    assert who_is(deployment).place in refused.value.where
    goes_on(again(deployment))
    with pytest.raises(BackendError, match="taking the place"):
        ledger_key.rotate(again(deployment))
    monkeypatch.setattr(root_keys, "running", lambda _deployment: None)
    root_keys.rotate(again(deployment), root=True)
    goes_on(again(deployment))
    ledger_key.rotate(again(deployment))


def test_whoever_was_away_when_it_ended_finds_both_root_keys_and_lets_go_of_the_old_one(deployment: Deployment) -> None:
    """Its folder has the new one, which it took before it died."""
    deployment.ring.to_seal("alice")
    before, new = deployment.keys.root, deployment.keys.next_root()
    deployment.subject_keys.rewrap_root(before, new.root)
    back = Running(deployment)
    goes_on(back.worker)
    RootGateway(back.deployment).look()
    goes_on(back.worker)
    nothing_lies_under(before, back.worker)


def test_somebody_who_writes_to_the_database_is_not_given_the_root_key(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_keys, "running", lambda _deployment: {"pid": 1})

    def ask(one: root_keys.Replacing) -> None:
        if one.number == 2 and (there := root_keys.under_way(deployment)) is not None:
            with deployment.engine.begin() as connection:
                root_rotations.tell(connection, who_is(deployment), there.id, Step.ASKS, os.urandom(1248))

    with pytest.raises(IntegrityError, match="asks for the new one"):
        root_keys.rotate(again(deployment), root=True, replacing=ask)


def test_a_gateway_with_neither_root_key_says_so(deployment: Deployment) -> None:
    with deployment.engine.begin() as connection:
        root_rotations.begin(connection, root_rotations.Rotation("1", "another", "a third", "elsewhere", 0))
    with pytest.raises(IntegrityError, match="neither"):
        RootGateway(again(deployment)).look()
    with pytest.raises(ConfigurationError, match="begun elsewhere"):
        root_keys.rotate(again(deployment), root=True)


def test_what_cannot_be_recorded_is_not_carried_out(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    before = deployment.keys.root

    def refuse(*_: object) -> None:
        raise BackendError("the act cannot be recorded")

    monkeypatch.setattr(type(deployment.admin_record), "record_admin", refuse)
    with pytest.raises(BackendError):
        root_keys.rotate(deployment, root=True)
    assert again(deployment).keys.root == before


def test_it_is_told_how_many_keys_are_wrapped_anew(deployment: Deployment) -> None:
    for number in range(300):
        deployment.ring.to_seal(f"subject-{number}")
    told: list[tuple[int, int]] = []
    subjects = root_keys.rotate(deployment, root=False, progress=lambda done, total: told.append((done, total))).subjects
    done, totals = [one for one, _ in told], {total for _, total in told}
    assert totals == {done[-1]}, "the last is the end"
    assert done == sorted(set(done))
    assert done[-1] >= subjects >= 300


def test_the_command_says_where_shares_lie_and_what_older_copies_still_open_by(deployment: Deployment, tmp_path: Path) -> None:
    """Whoever goes from a passphrase to shares is not told that older copies are plain: they open by the passphrase."""
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("correct horse battery")  # as the fixture opens it

    def said(*words: str) -> str:
        shown = CliRunner().invoke(
            app, ["-C", str(deployment.places.directory), "keys", "protect", *words], env={"WARDSTEAD_UNSEAL_FILES": str(secret)}
        )
        assert shown.exit_code == 0, shown.output
        return " ".join(shown.stderr.split())

    plain = said("passphrase", "--secret-file", str(secret))
    assert "still hold it plain" in plain
    assert "keys rotate --root" in plain
    shares = said("shares", "--threshold", "2", "--holders", "3", "--output", str(tmp_path / "shares"))
    assert "still open by passphrase" in shares
    assert "share-3.txt" in shares
    assert "delete it here" in shares


def test_a_gateway_that_was_away_while_the_root_key_was_replaced_is_told_whose_keys_to_copy(deployment: Deployment) -> None:
    for refused in (
        lambda: open_secret((bytes(32),), "a", bytes(60)),
        lambda: open_kek((bytes(32),), deployment.subject_keys.current_kek()),
    ):
        with pytest.raises(IntegrityError) as told:
            refused()
        assert "copy it from one that runs" in told.value.next_step
