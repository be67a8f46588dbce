"""Keys of who is mentioned: an entry opens with all of them, and with none destroyed; in each store and each key store."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests import postgres
from tests.adapters.store.deployment import VERSION, Answer, Deployment, now_ms

from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.keys.mentions import entries_of
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.crypto.keyring import RANGE, KeyGone, KeyRing, KeyUnknown, MentionErased
from wardstead.crypto.mentions import ID_SIZE, INDEX, MARK
from wardstead.crypto.roots import only
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.ledger.ports import Draft
from wardstead.ledger.sealing import open_entry

ANNA, BOB = ("email", "anna@example.org"), ("phone", "+4930901820")


@pytest.fixture
def keys(database: str, tmp_path: Path) -> Iterator[SubjectKeys]:
    """A key store in a file, and in a server's database."""
    if database == "sqlite":
        made = SubjectKeys(tmp_path / "other.db", only(bytes(32)), os.urandom, create=True)
        yield made
        made.close()
        return
    from wardstead.adapters.store.keys.shared_keys import SharedKeys

    engine = open_engine(postgres.shared().database())
    made = SharedKeys(engine, only(bytes(32)), os.urandom, create=True)
    yield made
    made.close()
    engine.dispose()


def opened(ring: KeyRing, draft: Draft) -> bytes:
    return open_entry(ring, draft.subject, draft.header, draft.body).content


def ring_of(keys: SubjectKeys) -> KeyRing:
    return KeyRing(only(bytes(32)), keys, os.urandom)


def test_a_key_is_made_once_and_found_by_its_identifier_alone(keys: SubjectKeys) -> None:
    one, other = ring_of(keys), ring_of(keys)
    made = one.mention("alice", [ANNA, BOB, ANNA])
    assert other.mention("alice", [ANNA, BOB]) == made == one.mention("alice", [ANNA, BOB])
    assert other.mention("carol", [ANNA])[0].id != made[0].id, "each asker's own: who asks what about whom is not to be seen"
    assert set(other.mentioned([ANNA])) == {made[0].id, other.mention("carol", [ANNA])[0].id}
    assert other.mentioned([("email", "anna@example.com")]) == {}
    assert keys.count() == 0, "the index's key is nobody's"


def test_a_rotation_changes_every_token_and_loses_nothing(keys: SubjectKeys) -> None:
    ring = ring_of(keys)
    made = ring.mention("alice", [ANNA, BOB])
    before = {row.token for row in keys.mentions([one.id for one in made])}
    keys.rotate()
    after = {row.token for row in keys.mentions([one.id for one in made])}
    assert before.isdisjoint(after)
    fresh = ring_of(keys)
    assert fresh.open_mentions("alice", [one.id for one in made]) == [one.key for one in made]
    assert fresh.mention("alice", [ANNA, BOB]) == made
    assert ring.mentioned([ANNA, BOB]) == {one.id: "alice" for one in made}


def test_who_is_erased_is_not_found_again_and_comes_back_as_somebody_new(keys: SubjectKeys) -> None:
    ring = ring_of(keys)
    anna, bob = ring.mention("alice", [ANNA, BOB])
    keys.erase(f"{MARK}{anna.id.hex()}")
    ring.evict()
    assert ring.mentioned([ANNA, BOB]) == {bob.id: "alice"}
    assert ring.open_mentions("alice", [bob.id]) == [bob.key]
    with pytest.raises(MentionErased):
        ring.open_mentions("alice", [bob.id, anna.id])
    assert ring.mention("alice", [ANNA])[0].id != anna.id
    with pytest.raises(KeyUnknown):
        ring.open_mentions("carol", [bob.id])
    with pytest.raises(KeyUnknown):
        ring.open_mentions("alice", [bytes(ID_SIZE)])


def test_an_asker_who_is_erased_takes_the_keys_of_whom_they_mentioned_along(keys: SubjectKeys) -> None:
    ring = ring_of(keys)
    ring.to_seal("alice")
    ring.mention("alice", [ANNA])
    ring.mention("carol", [ANNA])
    keys.erase("alice")
    ring.evict()
    assert set(ring.mentioned([ANNA]).values()) == {"carol"}
    with pytest.raises(KeyGone):
        ring.mention("alice", [BOB])


def test_what_is_in_memory_needs_no_look_at_the_store_and_nothing_else_is_known(keys: SubjectKeys) -> None:
    ring = ring_of(keys)
    ring.to_seal("alice")
    assert ring.known_mentions("alice", [ANNA]) is None
    made = ring.mention("alice", [ANNA, ANNA])
    assert ring.known_mentions("alice", [ANNA, ANNA]) == made
    assert ring.known_mentions("alice", [ANNA, BOB]) is None
    assert ring.known_mentions("carol", [ANNA]) is None
    ring.evict()
    assert ring.known_mentions("alice", [ANNA]) is None


def test_a_process_that_looked_before_a_rotation_finds_what_was_made_since(keys: SubjectKeys) -> None:
    ring, other = ring_of(keys), ring_of(keys)
    ring.tokens([ANNA])

    class Late(KeyRing):
        """Rotated by somebody else between its two looks."""

        rotated = False

        def _find_mentions(self, owner: str, tokens: object) -> object:
            if not self.rotated:
                self.rotated = True
                present = keys.current_kek()
                keys.rotate()
                other.mention("alice", [ANNA])
                keys_current, keys.current_kek = keys.current_kek, lambda: present  # type: ignore[method-assign]
                try:
                    return super()._find_mentions(owner, tokens)  # type: ignore[arg-type]
                finally:
                    keys.current_kek = keys_current  # type: ignore[method-assign]
            return super()._find_mentions(owner, tokens)  # type: ignore[arg-type]

    late = Late(only(bytes(32)), keys, os.urandom)
    assert late.mention("alice", [ANNA]) == other.mention("alice", [ANNA])
    assert len(late.mentioned([ANNA])) == 1


# -- entries ---------------------------------------------------------------------------------------------------------------


def test_an_entry_opens_with_all_of_them_and_with_none_destroyed(deployment: Deployment) -> None:
    ring, sealer = deployment.ring, deployment.sealer
    both = sealer.mention("alice", [ANNA, BOB])
    seal = sealer.begin("alice", ExchangeId("one"))
    intent, outcome = (
        seal.intent(b"about Anna and Bob", 0, mentions=both),
        seal.outcome(b"about Bob", "completed", 0, None, both[1:]),
    )
    plain = sealer.begin("alice", ExchangeId("two")).intent(b"about nobody", 0)
    assert (opened(ring, intent), opened(ring, outcome)) == (b"about Anna and Bob", b"about Bob")
    deployment.keys.erase(f"{MARK}{both[0].id.hex()}")
    ring.evict()
    with pytest.raises(MentionErased):
        opened(ring, intent)
    assert (opened(ring, outcome), opened(ring, plain)) == (b"about Bob", b"about nobody")


def test_what_names_the_keys_cannot_be_altered_left_out_or_swapped(deployment: Deployment) -> None:
    ring, sealer = deployment.ring, deployment.sealer
    both = sealer.mention("alice", [ANNA, BOB])
    draft = sealer.begin("alice", ExchangeId("one")).intent(b"text", 0, mentions=both)
    count, first, second, rest = draft.body[:2], draft.body[2:18], draft.body[18:34], draft.body[34:]
    altered = [count + second + first + rest, b"\x00\x01" + first + rest, rest, b"\x00\x00" + rest, b"\xff\xff" + first, b""]
    altered += [count + first + first + rest, count + first + bytes(ID_SIZE) + rest, draft.body[:50] + b"x" + draft.body[51:]]
    for body in altered:
        with pytest.raises(IntegrityError) as caught:
            open_entry(ring, "alice", draft.header, body)
        assert not isinstance(caught.value, KeyGone), "what was altered does not look like what was erased"
    assert not any(one.id in draft.body for one in both), "who mentions the same person is read with the asker's key alone"


def test_entries_are_found_by_whom_they_mention_and_the_database_tells_nobody(deployment: Deployment, database: str) -> None:
    journal = deployment.journal()
    both = deployment.sealer.mention("alice", [ANNA, BOB])
    made = []
    for mentions in (both, both[:1], []):
        exchange, seal = deployment.seal()
        answers = [Answer(), Answer()]
        journal.commit_intent(seal.intent(b"{}", now_ms(), None, mentions), directory_version=VERSION, done=answers[0])
        journal.commit_outcome(seal.outcome(b"{}", "answered", now_ms(), None, both[1:]), done=answers[1])
        assert [one.wait() for one in answers] == [None, None]
        made.append(exchange)
    stale, seal = deployment.seal()
    refused = Answer()
    journal.commit_intent(seal.intent(b"{}", now_ms(), None, both), directory_version=VERSION - 1, done=refused)
    assert refused.wait() is not None
    journal.close()
    found = entries_of(deployment.engine, [both[0].id])
    assert [(one.exchange, one.kind, one.subject) for one in found] == [(one, "intent", "alice") for one in made[:2]]
    assert len(entries_of(deployment.engine, [one.id for one in both])) == 5
    with deployment.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM mention WHERE exchange = :one"), {"one": stale}).scalar_one() == 0
    if database == "sqlite":
        tokens = deployment.ring.tokens([ANNA, BOB])
        raw = b"".join(path.read_bytes() for path in deployment.folder.rglob("*") if path.is_file())
        assert not any(needle in raw for needle in (*tokens, b"anna@example", b"4930901820"))


@pytest.mark.sqlite
def test_no_byte_of_an_erased_key_or_token_is_left(deployment: Deployment) -> None:
    anna, _ = deployment.ring.mention("alice", [ANNA, BOB])
    (row,) = deployment.keys.mentions([anna.id])
    path = deployment.folder / "keys" / "keys.db"
    assert all(one in path.read_bytes() for one in (row.token, row.wrapped))
    deployment.keys.erase(f"{MARK}{anna.id.hex()}")
    assert not any(one in path.read_bytes() for one in (row.token, row.wrapped, anna.id))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM subject_key WHERE subject = ?", (INDEX,)).fetchone() == (1,)


# -- how often keys are used -----------------------------------------------------------------------------------------------


def test_uses_are_counted_over_processes_and_every_era_is_erased_with_its_person(keys: SubjectKeys) -> None:
    ring = KeyRing(only(bytes(32)), keys, os.urandom, most=RANGE)
    ring.to_seal("alice")
    other = KeyRing(only(bytes(32)), keys, os.urandom, most=RANGE)
    other.to_seal("alice")
    assert (keys.era(), keys.usage().subject, keys.count()) == (1, RANGE, 1)
    keys.rotate()
    for name in ("alice", "alice/1"):
        assert keys.find(name) is not None
    keys.erase("alice")
    for one in (ring, other):
        one.evict()
        for name in ("alice", "alice/1"):
            with pytest.raises(KeyGone):
                one.to_open(name)
        with pytest.raises(KeyGone):
            one.to_seal("alice")
    assert keys.usage().epoch == 0


KILLED = """
import os, sys
from pathlib import Path
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.crypto.roots import only
keys = SubjectKeys(Path(sys.argv[1]), only(bytes(range(32))), os.urandom)
print("rotating", flush=True)
while True:
    keys.rotate()
"""


@pytest.mark.sqlite
def test_a_rotation_that_is_killed_at_any_moment_loses_no_key(deployment: Deployment) -> None:
    path = deployment.folder / "keys" / "keys.db"
    sealed = deployment.ring.to_seal("alice").encrypt(bytes(12), b"text", None)
    made = deployment.ring.mention("alice", [ANNA, BOB])
    for after_s in (0.0, 0.01, 0.02, 0.05, 0.1):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after_s)
        process.kill()
        process.wait()
        process.stdout.close()
        keys = SubjectKeys(path, only(deployment.root), os.urandom)
        ring = KeyRing(only(deployment.root), keys, os.urandom)
        assert ring.to_open("alice").decrypt(bytes(12), sealed, None) == b"text"
        assert ring.mention("alice", [ANNA, BOB]) == made
        keys.close()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM mention WHERE kind = 'intent'",
        "UPDATE mention SET exchange = 'another'",
        "INSERT INTO mention SELECT mark, exchange, 'outcome' FROM mention",
    ],
)
def test_whoever_hides_a_mention_in_the_database_is_told_of(deployment: Deployment, change: str) -> None:
    journal = deployment.journal()
    _, seal = deployment.seal()
    answers = [Answer(), Answer()]
    mentions = deployment.sealer.mention("alice", [ANNA])
    journal.commit_intent(seal.intent(b"{}", now_ms(), None, mentions), directory_version=VERSION, done=answers[0])
    journal.commit_outcome(seal.outcome(b"{}", "answered", now_ms()), done=answers[1])
    assert [one.wait() for one in answers] == [None, None]
    journal.close()
    assert deployment.reader.verify_contents(deployment.ring).problems == []
    with deployment.engine.begin() as connection:
        connection.execute(text(change))
    assert {one.code for one in deployment.reader.verify_contents(deployment.ring).problems} == {"mention-altered"}
