"""The directory in its database: every change raises the version, revocation bites, no secret is stored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import Connection

from wardstead.access.credentials import Unauthenticated, identify
from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.directory import BadName, DirectoryStore, NameTaken, TooManyAttempts, UnknownKey, UnknownPerson
from wardstead.adapters.store.locks import Turn
from wardstead.adapters.store.migrate import upgrade
from wardstead.kernel.labels import Label

PEPPER = b"p" * 32
PASSWORD = "correct horse battery staple"


class World:
    def __init__(self, folder: Path) -> None:
        self.now = 1_000_000
        self.acts: list[tuple[str, str, Mapping[str, object]]] = []
        self.path = folder / "d.db"
        self.store = self.open(folder)

    def open(self, folder: Path) -> DirectoryStore:
        engine = open_engine(f"sqlite:///{self.path}")
        upgrade(engine)

        def audit(_connection: Connection, actor: str, action: str, details: Mapping[str, object]) -> None:
            self.acts.append((actor, action, details))

        return DirectoryStore(
            engine, Turn(folder / "turn"), pepper=PEPPER, clock=lambda: self.now, entropy=os.urandom, audit=audit
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_every_change_raises_the_version_and_is_recorded(world: World) -> None:
    store = world.store
    store.create_principal("ann", roles=["user"], clearance=Label(2, frozenset({"personal"})))
    key = store.create_api_key("ann", scopes=["infer"])
    changes = [
        lambda: store.set_roles("ann", ["auditor"]),
        lambda: store.set_clearance("ann", Label(1)),
        lambda: store.set_password("ann", PASSWORD, must_change=False),
        lambda: store.open_session(store.find("ann")),
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
    made = world.store.create_principal("ann", roles=["user", "auditor"], clearance=Label(2, frozenset({"personal"})))
    loaded = world.store.load().principals[made.id]
    assert (loaded.name, loaded.roles, loaded.clearance) == ("ann", {"user", "auditor"}, Label(2, frozenset({"personal"})))
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
    key, session = world.store.create_api_key("ann"), world.store.open_session(ann)
    assert identify(world.store.load(), PEPPER, session.token, session.csrf, 0)
    world.store.set_active("ann", False)
    for secret, csrf in ((key.key, None), (session.token, session.csrf)):
        with pytest.raises(Unauthenticated):
            identify(world.store.load(), PEPPER, secret, csrf, 0)


def test_no_secret_is_in_the_database(world: World) -> None:
    ann = world.store.create_principal("ann", roles=["user"], clearance=Label())
    key, session = world.store.create_api_key("ann"), world.store.open_session(ann)
    world.store.set_password("ann", PASSWORD, must_change=True)
    raw = b"".join(path.read_bytes() for path in world.path.parent.glob("d.db*"))
    for secret in (key.key, session.token, session.csrf, PASSWORD):
        assert secret.encode() not in raw
    assert key.key not in str(world.acts)


def test_failed_attempts_are_blocked_for_a_while_and_strangers_look_the_same(world: World) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    world.store.set_password("ann", PASSWORD, must_change=True)
    assert world.store.check_password("nobody", PASSWORD) is None
    for _ in range(5):
        assert world.store.check_password("ann", "wrong") is None
    with pytest.raises(TooManyAttempts):
        world.store.check_password("ann", PASSWORD)
    world.now += 31_000
    found = world.store.check_password("ann", PASSWORD)
    assert found is not None
    assert found[1] is True


def test_last_use_is_noted_without_a_new_version(world: World) -> None:
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    key = world.store.create_api_key("ann")
    before = world.store.version()
    world.store.touch({key.id: 42})
    assert world.store.list_keys()[0].last_used_ms == 42
    assert world.store.version() == before


def test_two_processes_see_each_other_s_changes(world: World, tmp_path: Path) -> None:
    other = world.open(tmp_path)
    world.store.create_principal("ann", roles=["user"], clearance=Label())
    assert other.find("ann").name == "ann"
    with pytest.raises(NameTaken):
        other.create_principal("ann", roles=[], clearance=Label())


def test_bad_input_is_a_typed_error(world: World) -> None:
    for name in ("", "x" * 200, "a\nb", " a "):
        with pytest.raises(BadName):
            world.store.create_principal(name, roles=[], clearance=Label())
    with pytest.raises(UnknownPerson):
        world.store.create_api_key("nobody")
    world.store.create_principal("ann", roles=[], clearance=Label())
    with pytest.raises(BadName):
        world.store.set_password("ann", "short", must_change=False)
