"""Erasing a person: nobody can read what they said, nothing names them any more, and every proof still verifies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.adapters.store.deployment import Answer
from tests.bootstrap.test_witnessing import grow
from typer.testing import CliRunner, Result

from wardstead.access.ports import Principal
from wardstead.adapters.store.keys.erasures import LegalHold
from wardstead.adapters.store.ledger.entry_rows import entry_values
from wardstead.adapters.store.ledger.journal import Journal
from wardstead.adapters.store.tables.ledger import entry
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.forgetting import erasing
from wardstead.bootstrap.forgetting.erasing import certificates, erase, erase_again, erase_mentioned, finish_erasures
from wardstead.bootstrap.forgetting.mentions import find, identifiers, stand_ins
from wardstead.bootstrap.identity.people import LastAdministrator
from wardstead.bootstrap.ledger.verifying import verify
from wardstead.bootstrap.ordering import Order
from wardstead.cli.main import app
from wardstead.crypto.keyring import KeyGone
from wardstead.crypto.signing import SigningKey
from wardstead.inspection.pseudonyms import Vault, load_stand_ins
from wardstead.kernel.errors import BackendError, CallerError, IntegrityError
from wardstead.kernel.ids import ExchangeId, uuid7
from wardstead.kernel.labels import PUBLIC
from wardstead.ledger.certificate import TITLE, open_certificate, sign_certificate
from wardstead.ledger.checkpoint import open_checkpoint

ANNA = "Anna.Canary@example.org"
TOKENS = [("email", "anna.canary@example.org"), ("code", "de89370400440532013000")]
NAME = "zebulon.canary7f3a"
CANARY = b"vault-canary-0123456789abcdef-32"
CONVERSATION = """
INSERT INTO conversation (id, owner, level, compartments, version, vault, created_ms, changed_ms)
VALUES ('c', :subject, 'public', '', 1, :vault, 1, 1)
"""
FINGERPRINT = """
INSERT INTO fingerprint (mark, owner, conversation, level, compartments, long, time_ms)
VALUES (:vault, :subject, 'c', 'public', '', 1, 1)
"""
KEPT = (CONVERSATION, FINGERPRINT, "INSERT INTO attribute VALUES (:id, 'department', 'department-canary', 'test', NULL)")
ORDER = Order("admin", "asked for it in letter 4711")


@pytest.fixture
def made(deployment: Deployment) -> Iterator[Deployment]:
    """Two people who said something; what is kept for one of them, of every kind."""
    for name in (NAME, "ann"):
        who = deployment.directory.create_principal(name, roles=("user",), clearance=PUBLIC)
        say(deployment, who)
    who = deployment.directory.find(NAME)
    deployment.directory.create_api_key(NAME)
    deployment.passwords.set_password(NAME, "correct horse battery", must_change=False)
    with write_transaction(deployment.engine, deployment.turn) as connection:
        values = {"subject": who.subject, "vault": CANARY, "id": who.id}
        for statement in KEPT:
            connection.execute(text(statement), values)
    grow(deployment)
    yield deployment
    deployment.subject_keys.close()


def say(deployment: Deployment, who: Principal) -> None:
    now = now_ms()
    exchange = ExchangeId(uuid7(now, os.urandom(10)))
    seal = deployment.sealer.begin(who.subject, exchange)
    rows = [seal.intent(b'{"q": "hello"}', now), seal.outcome(b'{"a": "hello"}', "completed", now)]
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(entry.insert(), [entry_values(row) for row in rows])


def exchanges(deployment: Deployment, subject: str) -> list[str]:
    with deployment.engine.connect() as connection:
        query = text("SELECT DISTINCT exchange FROM entry WHERE subject = :subject AND kind <> 'admin'")
        return list(connection.execute(query, {"subject": subject}).scalars())


def raw(deployment: Deployment) -> dict[str, bytes]:
    """Every byte of every file of the deployment, but of the models."""
    folder = deployment.places.directory
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "models" not in path.parts}


def secrets_of(deployment: Deployment, who: Principal) -> list[bytes]:
    """What must be nowhere afterwards: names, digests, what is kept, and the wrapped keys that lead to theirs."""
    key = deployment.subject_keys.find(who.subject)
    assert key is not None
    with deployment.engine.connect() as connection:
        digest = connection.execute(text("SELECT digest FROM credential WHERE principal = :id"), {"id": who.id}).scalar_one()
    kek = deployment.subject_keys.kek(key.epoch)
    return [NAME.encode(), CANARY, b"department-canary", bytes(digest), key.wrapped, kek.wrapped]


def test_nobody_reads_them_again_and_everything_still_verifies(made: Deployment) -> None:
    who, ann = made.directory.find(NAME), made.directory.find("ann")
    (exchange,), (other,) = exchanges(made, who.subject), exchanges(made, ann.subject)
    assert made.ledger.open_exchange(exchange, made.ring)["entries"][0]["content"] == {"q": "hello"}  # type: ignore[index]
    erase(made, NAME, ORDER)
    opened = made.ledger.open_exchange(exchange, made.ring)
    assert opened is not None
    assert (opened["erased"], [one["content"] for one in opened["entries"]]) == (True, [None, None])
    assert made.ledger.open_exchange(other, made.ring)["entries"][0]["content"] == {"q": "hello"}  # type: ignore[index]
    grow(made)
    assert verify(made, made.ledger).ok
    assert made.ledger.receipt(exchange)["status"] == "complete"  # type: ignore[index]
    with pytest.raises(KeyGone):
        made.sealer.begin(who.subject, ExchangeId("new"))
    assert NAME not in {one.name for one in made.directory.list_principals()}


@pytest.mark.parametrize("alone", [True, False], ids=["at rest", "while it runs"])
def test_no_file_holds_a_trace_of_them(made: Deployment, alone: bool) -> None:
    who = made.directory.find(NAME)
    wanted = secrets_of(made, who)
    before = raw(made)
    assert all(any(secret in content for content in before.values()) for secret in wanted), "the search finds what is there"
    made.at_rest = alone
    erase(made, NAME, ORDER)
    after = raw(made)
    assert {(path, secret) for path, content in after.items() for secret in wanted if secret in content} == set()
    assert not any(b"letter 4711" in content for content in after.values()), "why they asked is sealed, too"
    assert any(who.subject.encode() in content for content in after.values()), "the pseudonym stays: proofs commit to it"


def test_a_worker_that_has_their_key_in_memory_forgets_it(made: Deployment) -> None:
    from wardstead.bootstrap.processes.worker import KeyUses, inspectors_of, worlds_of

    who = made.directory.find(NAME)
    running = Deployment(made.places.directory, {})
    made.places.config.write_text("version: 1\nmodels:\n  - {name: m, upstream: {kind: openai, url: 'http://127.0.0.1:9'}}\n")
    load = worlds_of(running, KeyUses(lambda _used: None), inspectors_of(running))
    version = load().directory.version
    running.ring.to_open(who.subject)
    erase(made, NAME, ORDER)
    assert running.directory.version() != version, "which every worker sees within a fifth of a second"
    load()
    with pytest.raises(KeyGone):
        running.ring.to_open(who.subject)
    running.engine.dispose()


def test_the_certificate_says_what_was_done_and_until_when_a_copy_may_live(made: Deployment) -> None:
    who = made.directory.find(NAME)
    note = erase(made, NAME, ORDER)
    said = open_certificate(note, made.ledger.keys)
    assert said["subject"] == who.subject
    assert said["entries_unreadable"] >= 2
    assert (said["deleted"]["conversation"], said["deleted"]["fingerprint"], said["deleted"]["principal"]) == (1, 1, 1)
    expected = datetime.now(UTC) + timedelta(days=30)
    assert abs((datetime.fromisoformat(said["last_key_copy_expires"]).replace(tzinfo=UTC) - expected).days) <= 1
    assert NAME not in note
    assert "4711" not in note
    assert made.ledger.summary(said["act"]) is not None, "the record says who ordered it, and why"
    (kept,) = certificates(made)
    assert kept["certificate"] == note


@pytest.mark.parametrize("change", ["another key", "a checkpoint", "a word", "nonsense"])
def test_a_certificate_cannot_be_forged(change: str) -> None:
    key, other = SigningKey("ledger.test", bytes(32)), SigningKey("ledger.test", bytes([1]) * 32)
    note = sign_certificate(key, {"id": "x", "last_key_copy_expires": "2027-01-01"})
    wrong = {
        "another key": sign_certificate(other, {"id": "x"}),
        "a checkpoint": key.sign_note(f"ledger.test\n0\n{'A' * 43}=\n"),
        "a word": note.replace("2027", "2026"),
        "nonsense": key.sign_note(f"{TITLE}\nnonsense\n"),
    }[change]
    with pytest.raises(IntegrityError):
        open_certificate(wrong, key.verifying)
    with pytest.raises(IntegrityError):
        open_checkpoint(note, key.verifying)


def test_a_legal_hold_outranks(made: Deployment) -> None:
    erasing.hold(made, NAME, Order("admin", "court order 12"))
    with pytest.raises(LegalHold):
        erase(made, NAME, ORDER)
    assert made.directory.find(NAME).active
    (exchange,) = exchanges(made, made.directory.find(NAME).subject)
    assert not made.ledger.open_exchange(exchange, made.ring)["erased"]  # type: ignore[index]
    erasing.release(made, NAME, Order("admin", "case closed"))
    erase(made, NAME, ORDER)
    with pytest.raises(CallerError):
        erasing.release(made, "ann", ORDER)


def test_somebody_answers_for_it(made: Deployment) -> None:
    for order in (Order("nobody", "r"), Order("admin", " ")):
        with pytest.raises(CallerError):
            erase(made, NAME, order)
    with pytest.raises(LastAdministrator):
        erase(made, "admin", ORDER)
    assert made.directory.find(NAME).active


@pytest.mark.parametrize("broken", ["erase", "forget", "scrub", "finish"])
def test_an_erasure_that_was_broken_off_is_finished(made: Deployment, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    who = made.directory.find(NAME)
    wanted = secrets_of(made, who)

    def fail(*_arguments: object, **_more: object) -> None:
        raise BackendError("killed here")

    target = made.subject_keys if broken == "erase" else made.erasures
    monkeypatch.setattr(target, broken, fail)
    with pytest.raises(BackendError):
        erase(made, NAME, ORDER)
    monkeypatch.undo()
    assert certificates(made)[0]["certificate"] == ""
    with pytest.raises(CallerError):
        erasing.hold(made, NAME, ORDER)  # too late, or they are gone
    assert finish_erasures(made, alone=True) == 1
    assert finish_erasures(made, alone=True) == 0
    said = certificates(made)[0]
    assert said["subject"] == who.subject
    assert said["deleted"]["principal"] == 1, "what went before it was broken off is counted"
    assert "mentioned" not in said
    assert not any(secret in content for content in raw(made).values() for secret in wanted)


def test_an_older_copy_of_the_keys_undoes_it_until_the_next_start(made: Deployment, tmp_path: Path) -> None:
    who = made.directory.find(NAME)
    shutil.copytree(made.places.keys, tmp_path / "older")
    said = open_certificate(erase(made, NAME, ORDER), made.ledger.keys)
    assert "copy of the keys folder" in said["unless"]
    for one in (tmp_path / "older").iterdir():
        if one.is_file():
            shutil.copy(one, made.places.keys / one.name)
    resurrected = Deployment(made.places.directory, {})
    resurrected.ring.to_open(who.subject)
    # Until the next start.
    assert (erase_again(resurrected), erase_again(resurrected)) == (1, 0)
    with pytest.raises(KeyGone):
        resurrected.ring.to_open(who.subject)
    resurrected.ring.to_open(resurrected.directory.find("ann").subject)
    resurrected.subject_keys.close()
    resurrected.engine.dispose()


# -- who is only mentioned -------------------------------------------------------------------------------------------------


def mention(deployment: Deployment, name: str) -> ExchangeId:
    """An exchange of theirs in which both are mentioned; the answer mentions the account alone."""
    who, now = deployment.directory.find(name), now_ms()
    exchange = ExchangeId(uuid7(now, os.urandom(10)))
    both = deployment.sealer.mention(who.subject, TOKENS)
    seal = deployment.sealer.begin(who.subject, exchange)
    journal = Journal(
        deployment.engine,
        incarnation=os.urandom(4).hex(),
        run_dir=deployment.places.run,
        reserve=deployment.reserve(),
        clock=now_ms,
    )
    done = [Answer(), Answer()]
    version = deployment.directory.version()
    journal.commit_intent(seal.intent(b'{"q": "about both"}', now, PUBLIC, both), directory_version=version, done=done[0])
    journal.commit_outcome(seal.outcome(b'{"a": "one"}', "completed", now, PUBLIC, both[1:]), done=done[1])
    assert [one.wait() for one in done] == [None, None]
    journal.close()
    return exchange


def stand_ins_of(deployment: Deployment, name: str, *originals: str) -> str:
    """A conversation of theirs in which these have stand-ins."""
    who = deployment.directory.find(name)
    vault = Vault(os.urandom, lambda _text: True)
    for one in originals:
        vault.stand_in("email", one, PUBLIC)
    ident = os.urandom(8).hex()
    sealed = deployment.sealer.seal_kept(who.subject, ident, vault.dump())
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(
            text("INSERT INTO conversation VALUES (:id, :owner, 'public', '', 1, :vault, 1, 1)"),
            {"id": ident, "owner": who.subject, "vault": sealed},
        )
    return ident


def left_in(deployment: Deployment, name: str, conversation: str) -> list[str]:
    with deployment.engine.connect() as connection:
        vault = connection.execute(text("SELECT vault FROM conversation WHERE id = :id"), {"id": conversation}).scalar_one()
    if vault is None:
        return []
    owner = deployment.directory.find(name).subject
    return [one.original for one in load_stand_ins(deployment.sealer.open_kept(owner, conversation, vault))]


def contents(deployment: Deployment, exchange: str) -> list[object]:
    opened = deployment.ledger.open_exchange(exchange, deployment.ring)
    assert opened is not None
    return [one["content"] for one in opened["entries"]]


def test_somebody_who_is_only_mentioned_is_found_counted_and_erased(made: Deployment) -> None:
    first, second = mention(made, "ann"), mention(made, NAME)
    found = find(made, [ANNA], ORDER)
    assert found.counts() == found.counts() | {"exchanges": 2, "entries": 2, "people": 2, "conversations_with_stand_ins": 0}
    assert {one.exchange for one in found.entries} == {first, second}
    assert find(made, ["nobody@example.org"], ORDER).counts()["exchanges"] == 0
    said = open_certificate(erase_mentioned(made, [ANNA], ORDER), made.ledger.keys)
    assert said["mentioned"] == said["mentioned"] | {"keys": 2, "exchanges": 2, "entries_unreadable": 2, "stand_ins": 0}
    assert [contents(made, one) for one in (first, second)] == [[None, {"a": "one"}]] * 2
    opened = made.ledger.open_exchange(first, made.ring)
    assert opened is not None
    assert (opened["erased"], opened["mentioned"]) == (True, True)
    assert find(made, [ANNA], ORDER).counts()["exchanges"] == 0
    assert find(made, ["DE89 3704 0044 0532 0130 00"], ORDER).counts()["exchanges"] == 2
    grow(made)
    assert verify(made, made.ledger).ok
    assert made.ledger.verify_contents(made.ring).problems == []
    assert made.ledger.receipt(first)["status"] == "complete"  # type: ignore[index]


def test_neither_the_identifier_nor_its_token_is_left_in_any_byte(made: Deployment) -> None:
    mention(made, "ann")
    conversation = stand_ins_of(made, "ann", ANNA, "bob@example.org")
    (mark, _) = made.ring.mention(made.directory.find("ann").subject, TOKENS)
    (row,) = made.subject_keys.mentions([mark.id])
    with made.engine.connect() as connection:
        query = text("SELECT vault FROM conversation WHERE id = :id")
        vault = bytes(connection.execute(query, {"id": conversation}).scalar_one())
    wanted = [row.token, row.wrapped, vault, *made.ring.tokens(TOKENS[:1]), ANNA.encode(), ANNA.lower().encode()]
    assert all(any(one in data for data in raw(made).values()) for one in wanted[:3]), "the search finds what is there"
    find(made, [ANNA], ORDER)
    erase_mentioned(made, [ANNA], ORDER)
    assert {(path, one) for path, data in raw(made).items() for one in wanted if one in data} == set()
    assert left_in(made, "ann", conversation) == ["bob@example.org"]


def test_a_legal_hold_of_whoever_asked_outranks_it_and_the_certificate_says_so(made: Deployment) -> None:
    kept, gone = mention(made, "ann"), mention(made, NAME)
    conversation = stand_ins_of(made, "ann", ANNA)
    erasing.hold(made, "ann", ORDER)
    said = open_certificate(erase_mentioned(made, [ANNA], ORDER), made.ledger.keys)
    assert said["mentioned"] == said["mentioned"] | {"keys": 1, "exchanges": 1, "kept_under_legal_hold": 1, "stand_ins": 0}
    assert (contents(made, kept)[0], contents(made, gone)[0]) == ({"q": "about both"}, None)
    assert left_in(made, "ann", conversation) == [ANNA]
    erasing.release(made, "ann", ORDER)
    erase_mentioned(made, [ANNA], ORDER)
    assert (contents(made, kept)[0], left_in(made, "ann", conversation)) == (None, [])


def test_a_person_is_erased_with_what_others_said_of_them(made: Deployment) -> None:
    exchange = mention(made, "ann")
    mine = mention(made, NAME)
    said = open_certificate(erase(made, NAME, ORDER, identifiers=[ANNA]), made.ledger.keys)
    assert said["mentioned"]["exchanges"] == 1, "those of others: their own are counted beside"
    assert said["entries_unreadable"] >= 4
    assert contents(made, exchange) == [None, {"a": "one"}]
    assert contents(made, mine) == [None, None]
    with made.engine.connect() as connection:
        rows = connection.execute(text("SELECT count(*) FROM mention WHERE exchange = :one"), {"one": mine}).scalar_one()
        assert (rows, connection.execute(text("SELECT count(*) FROM erased_mention")).scalar_one()) == (0, 0)


@pytest.mark.parametrize("step", ["erase", "forget", "scrub", "finish"])
def test_one_that_is_broken_off_is_gone_on_with(made: Deployment, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    exchange = mention(made, "ann")
    where = made.subject_keys if step == "erase" else made.erasures

    def killed(*_args: object, **_options: object) -> None:
        raise BackendError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(BackendError):
            erase_mentioned(made, [ANNA], ORDER)
    assert finish_erasures(made, alone=True) == 1
    assert contents(made, exchange)[0] is None
    (said,) = certificates(made)
    assert said["mentioned"] == said["mentioned"] | {"keys": 1, "exchanges": 1, "entries_unreadable": 1}


def test_a_running_conversation_does_not_write_old_stand_ins_back(made: Deployment) -> None:
    conversation = stand_ins_of(made, "ann", ANNA)
    looked = stand_ins(made).without(identifiers([ANNA]), ())
    with write_transaction(made.engine, made.turn) as connection:  # somebody goes on with it between the look and the erasure
        connection.execute(text("UPDATE conversation SET version = version + 1 WHERE id = :id"), {"id": conversation})
    with write_transaction(made.engine, made.turn) as connection:
        assert stand_ins(made).prune(connection, looked, identifiers([ANNA])) == 1
    assert left_in(made, "ann", conversation) == []
    with made.engine.connect() as connection:
        version = connection.execute(text("SELECT version FROM conversation WHERE id = :id"), {"id": conversation}).scalar_one()
    assert version > 2, "whoever decided on the old ones decides again"


def test_nobody_is_found_by_what_means_nobody(made: Deployment) -> None:
    for said in ([], ["ab"], ["@"], ["x"] * 101):
        with pytest.raises(CallerError):
            find(made, said, ORDER)


def test_the_commands_say_what_was_destroyed_and_what_was_not(made: Deployment) -> None:
    mention(made, "ann")

    def said(*words: str) -> Result:
        by = ("--by", "admin", "--reason", "letter 4711")
        return CliRunner().invoke(app, ["-C", str(made.places.directory), "user", *words, *by])

    found = said("mentions", "John Smith")
    assert "first: none" in found.stdout
    assert "names of people are not looked for" in " ".join(found.stderr.split())
    missed = said("erase-mentioned", "John Smith", "--yes")
    assert missed.stdout.startswith("wardstead erasure certificate v1\n")
    assert "no entry of others was found by these identifiers" in " ".join(missed.stderr.split())
    hit = said("erase-mentioned", ANNA, "--yes")
    assert "1 entries of others that mention them are unreadable" in " ".join(hit.stderr.split())
    own = " ".join(said("erase", NAME, "--yes").stderr.split())
    assert "entries of their own are unreadable; no copy of keys/ may be kept longer than 20" in own
