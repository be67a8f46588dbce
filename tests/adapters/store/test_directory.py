"""The directory in its database: every change raises the version, revocation bites, no secret is stored."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import DatabaseError

from wardstead.access.credentials import Unauthenticated, identify
from wardstead.adapters.identity import passwords
from wardstead.adapters.identity.passwords import TooManyAttempts
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import directory_epoch, explain, open_engine
from wardstead.adapters.store.directory.directory import Actor, DirectoryStore, UnknownKey, UnknownPerson
from wardstead.adapters.store.directory.names import BadName, NameTaken
from wardstead.adapters.store.directory.passwords import PasswordStore
from wardstead.adapters.store.tables.directory import credential, principal
from wardstead.adapters.store.transactions import read_transaction
from wardstead.kernel.errors import BackendError, IntegrityError, WardsteadError
from wardstead.kernel.labels import PUBLIC, Label, label

PEPPER = b"p" * 32
PASSWORD = "correct horse battery staple"


def passwords_of(store: DirectoryStore) -> PasswordStore:
    return PasswordStore(store, pepper=lambda: PEPPER, clock=store._clock)


class World:
    def __init__(self, folder: Path, url: str) -> None:
        self.now = 1_000_000
        self.acts: list[tuple[str, str, Mapping[str, object]]] = []
        self.url = url
        self.store = self.open(folder)
        self.passwords = passwords_of(self.store)

    def open(self, folder: Path) -> DirectoryStore:
        engine = open_engine(self.url)

        def audit(_connection: Connection, actor: str, action: str, details: Mapping[str, object]) -> None:
            self.acts.append((actor, action, details))

        return DirectoryStore(
            engine, Turn(folder / "turn"), pepper=lambda: PEPPER, clock=lambda: self.now, entropy=os.urandom, audit=audit
        )


@pytest.fixture
def world(tmp_path: Path, migrated: str) -> World:
    return World(tmp_path, migrated)


def test_every_change_raises_the_version_and_is_recorded(world: World) -> None:
    store = world.store
    store.create_principal("ann", roles=["user"], clearance=label("confidential", {"personal"}))
    key = store.create_api_key("ann", scopes=["infer"])
    changes = [
        lambda: store.set_roles("ann", ["auditor"]),
        lambda: store.set_clearance("ann", label("internal")),
        lambda: passwords_of(store).set_password("ann", PASSWORD, must_change=False),
        lambda: store.open_session(store.find("ann"), authenticated_ms=None),
        lambda: store.set_active("ann", False),
        lambda: store.revoke_api_key(key.id),
        lambda: store.raise_version("policies.changed", {}),
    ]
    for change in changes:
        before, acts = store.version(), len(world.acts)
        change()
        assert store.version() == before + 1
        assert len(world.acts) == acts + 1


def test_a_snapshot_holds_what_was_set(world: World) -> None:
    made = world.store.create_principal("ann", roles=["user", "auditor"], clearance=label("confidential", {"personal"}))
    loaded = world.store.load().principals[made.id]
    assert (loaded.name, loaded.roles, loaded.clearance) == (
        "ann",
        {"user", "auditor"},
        label("confidential", {"personal"}),
    )
    assert loaded.subject == made.subject
    assert len(made.subject) == 32


def test_revoking_a_key_bites(world: World) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    key = world.store.create_api_key("ann")
    assert identify(world.store.load(), PEPPER, key.key, None, 0)
    world.store.revoke_api_key(key.prefix)
    with pytest.raises(Unauthenticated):
        identify(world.store.load(), PEPPER, key.key, None, 0)
    with pytest.raises(UnknownKey):
        world.store.revoke_api_key(key.prefix)


def test_switching_somebody_off_ends_sessions_and_keys(world: World) -> None:
    ann = world.store.create_principal("ann", roles=["user"], clearance=Label())
    key, session = world.store.create_api_key("ann"), world.store.open_session(ann, authenticated_ms=None)
    assert identify(world.store.load(), PEPPER, session.token, session.csrf, 0)
    world.store.set_active("ann", False)
    for secret, csrf in ((key.key, None), (session.token, session.csrf)):
        with pytest.raises(Unauthenticated):
            identify(world.store.load(), PEPPER, secret, csrf, 0)


@pytest.mark.sqlite
def test_no_secret_is_in_the_database(world: World) -> None:
    ann = world.store.create_principal("ann", roles=["user"], clearance=Label())
    key, session = world.store.create_api_key("ann"), world.store.open_session(ann, authenticated_ms=None)
    world.passwords.set_password("ann", PASSWORD, must_change=True)
    raw = b"".join(path.read_bytes() for path in Path(world.url.removeprefix("sqlite:///")).parent.glob("wardstead.db*"))
    for secret in (key.key, session.token, session.csrf, PASSWORD):
        assert secret.encode() not in raw
    assert key.key not in str(world.acts)


def test_failed_attempts_are_blocked_for_a_while_and_strangers_look_the_same(world: World) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    world.passwords.set_password("ann", PASSWORD, must_change=True)
    for name in ("ann", "nobody"):
        for _ in range(5):
            assert world.passwords.check_password(name, "wrong") is None
        with pytest.raises(TooManyAttempts):
            world.passwords.check_password(name, PASSWORD)
    world.now += 31_000
    assert world.passwords.check_password("nobody", PASSWORD) is None
    found = world.passwords.check_password("ann", PASSWORD)
    assert found is not None
    assert found[1] is True


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_as_many_guesses_at_once_are_no_more_than_one_after_the_other(world: World, name: str) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    world.passwords.set_password("ann", PASSWORD, must_change=False)

    def guess(number: int) -> str:
        try:
            return str(world.passwords.check_password(name, f"wrong {number}"))
        except TooManyAttempts:
            return "blocked"

    with ThreadPoolExecutor(40) as pool:
        answers = Counter(pool.map(guess, range(40)))
    assert answers == {"None": 5, "blocked": 35}


def test_an_account_that_is_switched_off_is_blocked_like_any_other(world: World) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    world.passwords.set_password("ann", PASSWORD, must_change=False)
    world.store.set_active("ann", False)
    for _ in range(5):
        assert world.passwords.check_password("ann", PASSWORD) is None
    with pytest.raises(TooManyAttempts):
        world.passwords.check_password("ann", PASSWORD)


def test_a_success_and_a_new_password_forget_what_was_counted_and_so_does_time(world: World) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    world.passwords.set_password("ann", PASSWORD, must_change=False)
    for _ in range(3):
        for _ in range(4):
            assert world.passwords.check_password("ann", "wrong") is None
        assert world.passwords.check_password("ann", PASSWORD) is not None
    for _ in range(5):
        assert world.passwords.check_password("ann", "wrong") is None
    world.passwords.set_password("ann", PASSWORD, must_change=False)
    assert world.passwords.check_password("ann", PASSWORD) is not None
    for number in range(20):
        assert world.passwords.check_password(f"nobody {number}", "wrong") is None
    world.now += 3_600_000
    assert world.passwords.check_password("nobody", "wrong") is None
    with world.store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sign_in").scalar() == 1


@pytest.mark.sqlite
def test_no_more_than_a_few_hash_at_once_and_nobody_waits_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, lock, go = 0, 0, threading.Lock(), threading.Event()

    def slow(_kept: str | None, _password: str) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        go.wait(20)
        with lock:
            at_once -= 1
        return False

    monkeypatch.setattr("wardstead.adapters.store.directory.passwords.check_password", slow)
    monkeypatch.setattr(passwords, "_PATIENCE_S", 0.1)
    with ThreadPoolExecutor(12) as pool:
        tries = [pool.submit(world.passwords.check_password, f"name {number}", "wrong") for number in range(12)]
        ended = as_completed(tries, timeout=20)
        refused = [type(next(ended).exception()) for _ in range(8)]
        go.set()
    assert most == 4
    assert refused == [TooManyAttempts] * 8
    assert [one.result() for one in ended] == [None] * 4


@pytest.mark.sqlite
def test_what_was_typed_as_a_name_is_not_kept(world: World) -> None:
    assert world.passwords.check_password(PASSWORD, "ann") is None
    assert PASSWORD.encode() not in b"".join(
        path.read_bytes() for path in Path(world.url.removeprefix("sqlite:///")).parent.glob("wardstead.db*")
    )


def test_last_use_is_noted_without_a_new_version(world: World) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    key = world.store.create_api_key("ann")
    before = world.store.version()
    world.store.touch({key.id: 42})
    assert world.store.list_keys()[0].last_used_ms == 42
    assert world.store.version() == before


def test_closing_a_session_closes_no_key(world: World) -> None:
    ann = world.store.create_principal("ann", roles=["user"], clearance=Label())
    key, session = world.store.create_api_key("ann"), world.store.open_session(ann, authenticated_ms=None)
    actor = Actor(ann.name, ann.subject)
    world.store.close_session(key.key, actor=actor)
    assert [one.id for one in world.store.list_keys()] == [key.id]
    world.store.close_session(session.token, actor=actor)
    assert {one.kind.value for one in world.store.load().credentials.values()} == {"api_key"}


def test_two_processes_see_each_other_s_changes(world: World, tmp_path: Path) -> None:
    other = world.open(tmp_path)
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    assert other.find("ann").name == "ann"
    with pytest.raises(NameTaken):
        other.create_principal("ann", roles=[], clearance=Label())


def test_bad_input_is_a_typed_error(world: World) -> None:
    for name in ("", "x" * 200, "a\nb", " a ", "../x", "<b>", "bad!", "system", "command line"):
        with pytest.raises(BadName):
            world.store.create_principal(name, roles=[], clearance=Label())
    for name in ("x", "Jane Doe", "Müller", "o'hara", "jane.doe+ci@example.org", "svc-1_b"):
        assert world.store.create_principal(name, roles=[], clearance=Label()).name == name
    with pytest.raises(UnknownPerson):
        world.store.create_api_key("nobody")
    world.store.create_principal("ann", roles=[], clearance=Label())
    with pytest.raises(BadName):
        world.passwords.set_password("ann", "short", must_change=False)


READS = {
    "version": lambda store: store.version(),
    "load": lambda store: store.load(),
    "people": lambda store: store.list_principals(),
    "somebody": lambda store: store.find("ann"),
    "keys": lambda store: store.list_keys(),
    "password": lambda store: passwords_of(store).check_password("ann", PASSWORD),
}
WRITES = {
    "person": lambda store: store.create_principal("eve", roles=[], clearance=Label()),
    "password": lambda store: passwords_of(store).set_password("ann", PASSWORD, must_change=False),
    "sign-out": lambda store: store.close_session("wss_nothing", actor=Actor("alice", "s")),
    "use": lambda store: store.touch({"key": 1}),
}


@pytest.mark.sqlite
@pytest.mark.parametrize("ask", [*READS.values(), *WRITES.values()], ids=[*READS, *(f"write {name}" for name in WRITES)])
@pytest.mark.parametrize("broken", ["locked", "not a database"])
def test_whatever_the_database_does_is_a_typed_error(
    world: World, monkeypatch: pytest.MonkeyPatch, ask: Callable[[DirectoryStore], object], broken: str
) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    world.passwords.set_password("ann", PASSWORD, must_change=False)
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    if broken == "not a database":
        error = sqlite3.DatabaseError("file is not a database")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    monkeypatch.setattr(world.store._engine.dialect, "do_execute", lambda *_a, **_k: (_ for _ in ()).throw(error))
    with pytest.raises(WardsteadError) as caught:
        ask(world.store)
    assert isinstance(caught.value, (BackendError, IntegrityError))
    assert str(error) in str(caught.value)


def test_a_directory_that_somebody_emptied_or_wrote_nonsense_into_is_a_typed_error(world: World) -> None:
    ann = world.store.create_principal("ann", roles=["user"], clearance=Label())
    world.store.open_session(ann, authenticated_ms=None)
    with world.store._engine.begin() as connection:
        connection.execute(update(credential).values(kind="nonsense"))
    with pytest.raises(IntegrityError):
        world.store.load()
    with world.store._engine.begin() as connection:
        connection.execute(delete(directory_epoch))
    with pytest.raises(BackendError):
        world.store.version()


@pytest.mark.parametrize("level", [-1, 4, "secret", "Restricted", 1.5, ""])
def test_a_clearance_level_that_is_not_known_clears_for_nothing(world: World, level: object) -> None:
    made = world.store.create_principal("ann", roles=["user"], clearance=label("restricted", {"personal"}))
    with world.store._engine.begin() as connection:
        connection.execute(update(principal).values(level=str(level)))
    assert world.store.load().principals[made.id].clearance == PUBLIC


def test_what_is_read_in_one_transaction_is_of_one_moment(world: World) -> None:
    engine = world.store._engine
    with read_transaction(engine) as connection:
        assert connection.execute(select(principal.c.name)).all() == []
        world.store.create_principal("ann", roles=["user"], clearance=Label())
        assert connection.execute(select(principal.c.name)).all() == []
    assert [one.name for one in world.store.list_principals()] == ["ann"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_CORRUPT, IntegrityError),
        (sqlite3.SQLITE_CORRUPT_INDEX, IntegrityError),
        (sqlite3.SQLITE_NOTADB, IntegrityError),
        (sqlite3.SQLITE_IOERR_READ, BackendError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, BackendError),
    ],
)
def test_an_altered_database_is_told_from_a_failing_machine(code: int, kind: type[WardsteadError]) -> None:
    error = sqlite3.DatabaseError("what SQLite says")
    error.sqlite_errorcode = code
    assert type(explain(DatabaseError("SELECT", None, error))) is kind


def test_nobody_s_password_takes_the_same_work_as_anybody_s() -> None:
    assert not passwords.needs_rehash(passwords._NOBODY)
    with pytest.raises(VerifyMismatchError):  # and is a hash that was checked, not refused unread
        passwords._HASHER.verify(passwords._NOBODY, "")
