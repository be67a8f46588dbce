"""Backups: made while somebody writes, opened by their key alone, whole or refused; who was erased since stays erased."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from pyrage import x25519
from sqlalchemy import text
from tests.bootstrap.test_erasing import ANNA, ORDER, contents, exchanges, mention, say
from tests.bootstrap.test_witnessing import grow
from typer.testing import CliRunner

from wardstead.adapters.backup.container import HEAD, bytes_member, unpack, write_backup
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.backup import backups, restoring
from wardstead.bootstrap.backup.backing_up import create, make_key, prune
from wardstead.bootstrap.backup.backups import ERASED_FILE, Head, backup_check, choose, head_of, heads_in, require_whole
from wardstead.bootstrap.backup.restoring import ErasuresUnknown, Expired, Plan, drill, erased_beside, restore, verify
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.forgetting.erasing import certificates, erase, erase_mentioned, hold, release
from wardstead.bootstrap.forgetting.mentions import find
from wardstead.bootstrap.keys.root_keys import protect
from wardstead.bootstrap.keys.unsealing import passphrase_provider
from wardstead.cli.main import app
from wardstead.crypto.keyring import KeyGone
from wardstead.crypto.signing import SigningKey
from wardstead.isolation.posture import State
from wardstead.kernel.clock import day_of
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError
from wardstead.kernel.labels import PUBLIC

DAY_MS = 86_400_000


class Kit:
    """A deployment with two people who said something, a folder for backups, and the key that opens them."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment, self.folder = deployment, folder
        self.folder.mkdir()
        self.key = folder.parent / "backup.key"
        self.public = make_key(deployment, self.key)
        self.subjects = {}
        for name in ("zoe", "ann"):
            who = deployment.directory.create_principal(name, roles=("user",), clearance=PUBLIC)
            self.subjects[name] = who.subject
            say(deployment, who)
        grow(deployment)

    def back_up(self, name: str = "one.backup") -> Head:
        return create(self.deployment, self.folder / name, [self.public], lambda *_: None)[0]

    def plan(self, head: Head) -> Plan:
        return Plan(head, restoring.keys_in(self.key), erased_beside(head, None, nobody=False), ORDER)

    def restored(self, head: Head) -> Deployment:
        target = self.folder.parent / f"restored-{head.id}"
        restore(self.plan(head), target, lambda *_: None)
        return Deployment(target, {})


@pytest.fixture
def kit(deployment: Deployment, tmp_path: Path) -> Iterator[Kit]:
    yield Kit(deployment, tmp_path / "backups")
    deployment.subject_keys.close()


def reads(deployment: Deployment, subject: str) -> object:
    (exchange, *_) = exchanges(deployment, subject)
    opened = deployment.ledger.open_exchange(exchange, deployment.ring)
    return opened["entries"][0]["content"] if opened else None


def test_what_is_restored_says_what_was_said(kit: Kit) -> None:
    head = kit.back_up()
    made = kit.restored(head)
    assert reads(made, kit.subjects["ann"]) == {"q": "hello"}
    assert made.ledger.keys == kit.deployment.ledger.keys
    assert made.keys.created_s == kit.deployment.keys.created_s
    assert made.settings == kit.deployment.settings
    assert {one.name for one in made.directory.list_principals()} == {"admin", "ann", "zoe"}
    modes = {path.stat().st_mode & 0o077 for path in made.places.directory.rglob("*")}
    assert modes == {0}


def test_whoever_was_erased_since_stays_erased_and_a_hold_that_was_released_stands_in_nobody_s_way(kit: Kit) -> None:
    hold(kit.deployment, "zoe", ORDER)
    head = kit.back_up()
    release(kit.deployment, "zoe", ORDER)
    erase(kit.deployment, "zoe", ORDER)
    made = kit.restored(head)
    assert reads(made, kit.subjects["zoe"]) is None
    assert reads(made, kit.subjects["ann"]) == {"q": "hello"}
    with pytest.raises(KeyGone):
        made.subject_keys.find(kit.subjects["zoe"])
    assert "zoe" not in {one.name for one in made.directory.list_principals()}
    assert [one["subject"] for one in certificates(made)] == [kit.subjects["zoe"]]
    assert not [path for path in made.places.directory.rglob("*") if path.is_file() and b"zoe" in path.read_bytes()]


def test_somebody_who_came_after_the_backup_and_was_erased_gets_no_key(kit: Kit) -> None:
    head = kit.back_up()
    who = kit.deployment.directory.create_principal("late", roles=("user",), clearance=PUBLIC)
    say(kit.deployment, who)
    erase(kit.deployment, "late", ORDER)
    with pytest.raises(KeyGone):
        kit.restored(head).subject_keys.find(who.subject)


def test_nothing_is_restored_while_it_is_unknown_who_was_erased(kit: Kit) -> None:
    head = kit.back_up()
    note = kit.folder / ERASED_FILE
    older = note.read_text()
    second = kit.back_up("two.backup")
    note.write_text(older)
    with pytest.raises(ErasuresUnknown, match="older than the backup"):
        erased_beside(second, None, nobody=False)
    note.unlink()
    with pytest.raises(ErasuresUnknown, match="not known"):
        erased_beside(head, None, nobody=False)
    assert erased_beside(head, None, nobody=True)["subjects"] == []
    note.write_text(older.replace('"subjects":[', '"subjects":["x",').replace(",]", "]"))
    with pytest.raises(IntegrityError):
        erased_beside(head, None, nobody=False)


def test_a_certificate_names_the_day_on_which_the_last_backup_expires(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    later = now_ms() + 300 * DAY_MS
    monkeypatch.setattr("wardstead.bootstrap.backup.backing_up.expiry", lambda *_: later)
    kit.back_up()
    erase(kit.deployment, "zoe", ORDER)
    assert certificates(kit.deployment)[0]["last_key_copy_expires"] == day_of(later)


def test_an_expired_backup_is_restored_by_nobody_and_pruned(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    stays, gone = kit.back_up("stays.backup"), "gone.backup"
    monkeypatch.setattr("wardstead.bootstrap.backup.backing_up.expiry", lambda _deployment, created: created + 1)
    head = kit.back_up(gone)
    with pytest.raises(Expired):
        restore(kit.plan(head), kit.folder.parent / "again", lambda *_: None)
    assert not (kit.folder.parent / "again").exists()
    assert prune(kit.deployment, kit.folder) == [kit.folder / gone]
    assert heads_in(kit.folder) == [stays]


def test_no_other_key_opens_it_and_no_byte_of_it_can_change(kit: Kit) -> None:
    head = kit.back_up()
    whole, target = head.path.read_bytes(), kit.folder.parent / "again"
    with pytest.raises(CallerError, match="none of these keys"):
        restore(Plan(head, [x25519.Identity.generate()], {"subjects": [], "told": ""}), target, lambda *_: None)
    for at in (10, HEAD + 30, HEAD + 300, len(whole) // 2, len(whole) - 1):
        head.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(IntegrityError):
            require_whole(head_of(head.path, kit.deployment.ledger.keys))
    for cut in (whole[:-1], whole[: HEAD + 400], whole[:100], b""):
        head.path.write_bytes(cut)
        with pytest.raises(IntegrityError):
            require_whole(head_of(head.path, kit.deployment.ledger.keys))
    assert not target.exists()


def test_another_ledger_s_backup_is_not_taken_for_ours(kit: Kit) -> None:
    head = kit.back_up()
    with pytest.raises(IntegrityError):
        head_of(head.path, SigningKey("another.example", os.urandom(32)).verifying)


def test_what_is_not_whole_is_not_backed_up(kit: Kit) -> None:
    with write_transaction(kit.deployment.engine, kit.deployment.turn) as connection:
        connection.execute(text("UPDATE entry SET body = zeroblob(length(body)) WHERE id = (SELECT max(id) FROM entry)"))
    with pytest.raises(IntegrityError, match="not whole"):
        kit.back_up()
    assert list(kit.folder.iterdir()) == []
    assert [path for path in kit.deployment.places.run.iterdir() if path.is_dir()] == []


def test_it_is_of_one_moment_while_somebody_writes(kit: Kit) -> None:
    stop, ann = threading.Event(), kit.deployment.directory.find("ann")

    def write() -> None:
        while not stop.is_set():
            say(kit.deployment, ann)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        made = [kit.back_up(f"{number}.backup") for number in range(3)]
    finally:
        stop.set()
        writing.join()
    for head in made:
        restored = kit.restored(head)
        assert len(exchanges(restored, ann.subject)) >= 1
        assert restored.ledger.open_exchange(exchanges(restored, ann.subject)[-1], restored.ring)


def test_a_drill_is_recorded_and_leaves_nothing_behind(kit: Kit) -> None:
    head = kit.back_up()
    assert backup_check(kit.deployment).state is State.GREEN
    before = kit.deployment.ledger.recent()[0].id
    found = drill(kit.deployment, kit.plan(head), lambda *_: None)
    assert found.examined.opened > 4
    act = kit.deployment.ledger.recent()[0].id
    assert act != before
    opened = kit.deployment.ledger.open_exchange(act, kit.deployment.ring)
    assert opened is not None
    content = opened["entries"][0]["content"]
    assert (content["action"], content["details"]["ok"], content["details"]["ordered_by"]) == ("backup.drill", True, "admin")
    assert [path for path in kit.deployment.places.run.iterdir() if path.is_dir()] == []
    assert "never" not in backup_check(kit.deployment).evidence
    head.path.write_bytes(head.path.read_bytes()[:-1])
    with pytest.raises(IntegrityError):
        drill(kit.deployment, kit.plan(head), lambda *_: None)
    failed = kit.deployment.ledger.open_exchange(kit.deployment.ledger.recent()[0].id, kit.deployment.ring)
    assert failed is not None
    assert failed["entries"][0]["content"]["details"]["ok"] is False


def test_it_is_restored_to_the_newest_of_a_moment_and_into_nothing_that_is_there(kit: Kit, tmp_path: Path) -> None:
    first = kit.back_up("first.backup")
    grow(kit.deployment)
    second = kit.back_up("second.backup")
    assert choose(kit.folder, None, "", None) == second
    assert choose(kit.folder, None, first.created, None) == first
    assert choose(kit.folder, None, "", first.entries) == first
    with pytest.raises(CallerError, match="no backup of that time"):
        choose(kit.folder, None, "2020-01-01T00:00:00.000Z", None)
    for said in ("yesterday", "2099-01-01T00:00:00", "9"):
        with pytest.raises(CallerError, match="not a time"):
            choose(kit.folder, None, said, None)
    assert choose(kit.folder, None, first.created.replace("Z", "+00:00"), None) == first
    west = datetime.fromisoformat(first.created).astimezone(timezone(timedelta(hours=-5))).isoformat()
    assert choose(kit.folder, None, west, None) == first, "a moment, whatever its zone"
    assert choose(kit.folder, None, "2099-01-01", None) == second
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(CallerError, match="empty folder"):
        restore(kit.plan(first), tmp_path / "full", lambda *_: None)
    assert (tmp_path / "full" / "file").read_text() == "mine"


def test_a_verified_backup_that_grew_old_and_a_folder_that_knows_no_erasures_are_told(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert backup_check(kit.deployment).state is State.AMBER
    verify(kit.deployment, kit.plan(kit.back_up()), lambda *_: None)
    assert backup_check(kit.deployment).state is State.GREEN
    erase(kit.deployment, "zoe", ORDER)
    assert backup_check(kit.deployment).state is State.GREEN
    (kit.folder / ERASED_FILE).unlink()
    assert "not told" in backup_check(kit.deployment).evidence
    backups.tell_of_erasures(kit.deployment)
    later = now_ms() + 3 * DAY_MS
    monkeypatch.setattr(backups, "now_ms", lambda: later)
    assert (backup_check(kit.deployment).state, "72 hours" in backup_check(kit.deployment).evidence) == (State.AMBER, True)


def test_nothing_is_written_into_what_is_backed_up_and_nobody_is_guessed(kit: Kit) -> None:
    with pytest.raises(CallerError, match="does not belong"):
        create(kit.deployment, kit.deployment.places.directory / "a.backup", [kit.public], lambda *_: None)
    with pytest.raises(CallerError, match="does not belong"):
        make_key(kit.deployment, kit.deployment.places.keys / "backup.key")
    with pytest.raises(ConfigurationError, match="who can open"):
        create(kit.deployment, kit.folder, [], lambda *_: None)
    with pytest.raises(ConfigurationError, match="no public key"):
        create(kit.deployment, kit.folder, ["age1wrong"], lambda *_: None)
    with pytest.raises(CallerError, match="already"):
        make_key(kit.deployment, kit.key)


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    made = x25519.Identity.generate()
    path, target = tmp_path / "bad.backup", tmp_path / "target"
    target.mkdir()
    write_backup(path, [str(made.to_public())], [bytes_member(name, b"x", 0)], lambda *_: "t\n\n", lambda _size: None)
    with pytest.raises(IntegrityError, match="leads out"):
        unpack(path, [made], target)
    assert list(target.iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_a_root_key_that_is_kept_by_a_passphrase_opens_the_restored_one(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("five words drawn at random")
    secret.chmod(0o600)
    protect(kit.deployment, passphrase_provider(secret))
    head = kit.back_up()
    monkeypatch.setenv("WARDSTEAD_UNSEAL_FILES", str(secret))
    restore(kit.plan(head), tmp_path / "again", lambda *_: None)
    assert not (tmp_path / "again" / "keys" / "root.key").exists()
    with closing(Deployment(tmp_path / "again").subject_keys) as keys:
        assert keys.count() >= 2


def test_who_was_mentioned_and_erased_stays_erased(kit: Kit) -> None:
    exchange = mention(kit.deployment, "ann")
    head = kit.back_up()
    erase_mentioned(kit.deployment, [ANNA], ORDER)
    made = kit.restored(head)
    with closing(made.subject_keys):
        assert contents(made, exchange) == [None, {"a": "one"}]
        assert find(made, [ANNA], ORDER).counts()["exchanges"] == 0
        assert reads(made, kit.subjects["ann"]) == {"q": "hello"}
        assert made.ledger.verify_contents(made.ring).problems == []


def test_where_there_is_nothing_to_list_tell_or_publish_the_commands_say_so(deployment: Deployment) -> None:
    for words, told in (
        (("backup", "list"), "backup create"), (("backup", "erased"), "no backup is known"),
        (("ledger", "anchor"), "ledger.anchors"), (("ledger", "anchors"), "ledger.anchors"),
    ):  # fmt: skip
        said = CliRunner().invoke(app, ["-C", str(deployment.places.directory), *words])
        assert (said.exit_code, said.stdout) == (0, ""), (words, said.exception)
        assert told in " ".join(said.stderr.split()), words


def test_the_command_says_what_to_put_into_the_configuration(deployment: Deployment, tmp_path: Path) -> None:
    folder, key = str(deployment.places.directory), tmp_path / "backup.key"
    said = CliRunner().invoke(app, ["-C", folder, "backup", "key", "--output", str(key)])
    (recipient,) = yaml.safe_load(said.stdout)["backup"]["recipients"]
    assert recipient.startswith("age1")
    assert recipient in key.read_text()


def test_backups_that_are_made_at_once_are_all_remembered(deployment: Deployment) -> None:
    now = now_ms()

    def made(number: int) -> None:
        backups.remember(deployment, backups.Kept(f"b{number}", f"/backups/{number}", now, now + 10**9))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(made, range(32)))
    assert {one.id for one in backups.kept(deployment)} == {f"b{number}" for number in range(32)}


def test_what_else_lies_in_the_folder_stops_no_restore(kit: Kit, tmp_path: Path) -> None:
    head, call = kit.back_up(), CliRunner().invoke
    (kit.folder / "empty.backup").touch()
    (kit.folder / "cut.backup").write_bytes(head.path.read_bytes()[:100])
    target = tmp_path / "restored"
    words = ["--key", str(kit.key), "--by", "admin", "--reason", "the disk failed"]
    done = call(app, ["backup", "restore", str(kit.folder), str(target), *words])
    assert done.exit_code == 0, done.output
    assert [done.stderr.count(f"left out {kit.folder / name}.backup") for name in ("empty", "cut")] == [1, 1]
    assert [one.id for one in backups.kept(Deployment(target, {}))] == [head.id], "it knows until when its copies are there"
    listed = call(app, ["backup", "list", str(kit.folder)])
    assert (listed.exit_code, head.created in listed.stdout, listed.stderr.count("left out")) == (5, True, 2)
    with pytest.raises(IntegrityError) as told:  # whoever only verifies does not pass over the newest
        choose(kit.folder, None, "", None)
    assert "take it out" in told.value.next_step


def test_a_folder_is_of_one_deployment(kit: Kit) -> None:
    kit.back_up()
    note = backups.sign_statement(SigningKey("another.ledger", bytes(32)), backups.ERASED_TITLE, {"ledger": "another.ledger"})
    (kit.folder / ERASED_FILE).write_text(note)
    with pytest.raises(CallerError, match="backups of another deployment"):
        kit.back_up("two.backup")
    assert (kit.folder / ERASED_FILE).read_text() == note
    (kit.folder / ERASED_FILE).write_text("damaged")
    kit.back_up("two.backup")
    assert (kit.folder / ERASED_FILE).read_text() != "damaged"


def test_a_head_of_another_form_is_told(kit: Kit, tmp_path: Path) -> None:
    head = kit.back_up()
    key = kit.deployment.signing_key()
    fields = {**dict.fromkeys(("id", "expires", "root", "migration", "sha256"), ""), "entries": 1, "bytes": 0, "recipients": []}
    said = {**fields, "created": 5, "verifier_key": key.verifying.text()}
    note = backups.sign_statement(key, backups.TITLE, said).encode()
    head.path.write_bytes(note + b"\n" * (HEAD - len(note)))
    with pytest.raises(IntegrityError, match="not in its form"):
        choose(kit.folder, None, "2027-01-01T00:00:00.000Z", None)


@pytest.mark.parametrize("at", ["upgrade", "examine", "finish_erasures", "_record"])
def test_a_restore_that_was_killed_leaves_no_deployment_in_which_somebody_is_back(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: str
) -> None:
    head = kit.back_up()
    erase(kit.deployment, "zoe", ORDER)
    target = tmp_path / "restored"

    def killed(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restoring, at, killed)
        patch.setattr(restoring, "remove", lambda _folder: None)  # whoever is killed takes nothing away
        with pytest.raises(KeyboardInterrupt):
            restore(kit.plan(head), target, lambda *_: None)
    assert (target / "keys" / "keys.db").exists()
    with pytest.raises(ConfigurationError, match="no deployment here"):
        Deployment(target, {})
    with pytest.raises(CallerError, match="empty folder"):
        restore(kit.plan(head), target, lambda *_: None)
    made = kit.restored(head)
    assert not made.places.config.with_name("wardstead.yaml.restoring").exists()
    with pytest.raises(KeyGone):
        made.ring.to_open(kit.subjects["zoe"])
