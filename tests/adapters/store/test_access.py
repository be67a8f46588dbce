"""What people have for a time, or from one another: each change is one act, and rests on what is so when it is carried out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from wardstead.access.ports import GranteeKind, Principal, Resource, Right, TimedRole
from wardstead.access.shares import CannotGive, Shares
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.directory.access import (
    AccessStore,
    CyclicGroups,
    NoSuchRole,
    RequestDecided,
    UnknownGroup,
    UnknownShare,
)
from wardstead.adapters.store.directory.directory import DirectoryStore, UnknownPerson
from wardstead.adapters.store.directory.names import NameTaken
from wardstead.adapters.store.tables.access import share
from wardstead.kernel.errors import CallerError, IntegrityError, WardsteadError
from wardstead.kernel.labels import label

HOUR = 3_600_000
PERSON, GROUP = GranteeKind.PRINCIPAL, GranteeKind.GROUP
READ, SHARE = frozenset({Right.READ}), frozenset({Right.READ, Right.SHARE})


class Conflict(CallerError):
    code = "roles_conflict"


def exclusive(roles: frozenset[str]) -> None:
    if {"admin", "auditor"} <= roles:
        raise Conflict("not both")


class World:
    def __init__(self, folder: Path, url: str) -> None:
        self.now = 1_795_000_000_000
        self.acts: list[str] = []
        self.engine = open_engine(url)

        def audit(_connection: Connection, _actor: str, action: str, _details: Mapping[str, object]) -> None:
            self.acts.append(action)

        self.people = DirectoryStore(
            self.engine, Turn(folder / "turn"), pepper=lambda: b"p" * 32, clock=lambda: self.now, entropy=os.urandom, audit=audit
        )
        self.access = AccessStore(self.people, clock=lambda: self.now, entropy=os.urandom)
        self.ann, self.bob, self.cem = (
            self.people.create_principal(name, roles=["user"], clearance=label("confidential")) for name in ("ann", "bob", "cem")
        )
        self.conversation = Resource("Conversation", "c1", owner=self.ann.id)

    def give(self, granter: Principal, to: tuple[GranteeKind, str], rights: frozenset[Right] = READ, depth: int = 0) -> str:
        return self.access.give(granter, self.conversation, to, rights, depth=depth, expires_ms=None).id

    def rights(self, who: Principal) -> frozenset[Right]:
        directory = self.people.load()
        return Shares(directory).held(directory.principals[who.id], self.conversation, self.now).rights


@pytest.fixture
def world(tmp_path: Path, migrated: str) -> World:
    return World(tmp_path, migrated)


def test_every_change_raises_the_version_and_is_recorded(world: World) -> None:
    access = world.access
    changes = [
        lambda: access.give_role("ann", TimedRole("admin", None, world.now + HOUR), exclusive),
        lambda: access.take_role("ann", "admin"),
        lambda: access.set_attribute("ann", "training", ["privacy"], expires_ms=None, source="course"),
        lambda: access.create_group("g"),
        lambda: access.add_member("g", PERSON, "ann"),
        lambda: access.remove_member("g", PERSON, "ann"),
        lambda: world.give(world.ann, (GROUP, "g")),
        lambda: access.remove_group("g"),
        lambda: access.take_back(world.give(world.ann, (PERSON, world.bob.id))),
        lambda: access.request(world.bob, "admin", HOUR, "an incident"),
        lambda: access.decide_request(access.requests()[0].id, world.ann, exclusive),
    ]
    for change in changes:
        version, acts = world.people.version(), len(world.acts)
        change()
        assert world.people.version() > version
        assert len(world.acts) == acts + (world.people.version() - version)


def test_a_snapshot_holds_what_was_given(world: World) -> None:
    access = world.access
    access.give_role("ann", TimedRole("admin", None, world.now + HOUR), exclusive)
    access.set_attribute("ann", "training", ["a"], expires_ms=7, source="course")
    access.set_attribute("ann", "training", ["b"], expires_ms=None, source="course", add=True)
    access.set_attribute("ann", "department", ["sales"], expires_ms=None, source="hr")
    access.set_attribute("ann", "department", ["care"], expires_ms=None, source="hr")
    for group in ("g", "h", "top"):
        access.create_group(group)
    access.add_member("g", PERSON, "ann")
    access.add_member("h", GROUP, "g")
    access.add_member("top", GROUP, "h")
    ann = world.people.load().principals[world.ann.id]
    assert ann.timed_roles == (TimedRole("admin", None, world.now + HOUR),)
    assert [(one.name, one.value, one.expires_ms, one.source) for one in ann.attributes] == [
        ("department", "care", None, "hr"), ("training", "a", 7, "course"), ("training", "b", None, "course"),
    ]  # fmt: skip
    assert ann.groups == {"g", "h", "top"}


def test_no_group_is_in_itself_however_far_round(world: World) -> None:
    access = world.access
    for group in ("a", "b", "c"):
        access.create_group(group)
    access.add_member("a", GROUP, "b")
    access.add_member("b", GROUP, "c")
    for outer, inner in (("c", "a"), ("b", "a"), ("a", "a")):
        with pytest.raises(CyclicGroups):
            access.add_member(outer, GROUP, inner)
    with pytest.raises(UnknownGroup):
        access.add_member("a", GROUP, "nothing")
    with pytest.raises(UnknownPerson):
        access.add_member("a", PERSON, "nobody")
    with pytest.raises(NameTaken):
        access.create_group("a")


def test_roles_that_exclude_one_another_are_refused_whichever_way_they_come(world: World) -> None:
    world.access.give_role("ann", TimedRole("auditor", None, world.now + HOUR), exclusive)
    with pytest.raises(Conflict):
        world.people.set_roles("ann", ["admin"], compatible=exclusive)
    asked = world.access.request(world.ann, "admin", HOUR, "x")
    with pytest.raises(Conflict):
        world.access.decide_request(asked.id, world.bob, exclusive)
    assert world.access.find_request(asked.id).state == "open"
    world.now += 2 * HOUR
    world.people.set_roles("ann", ["admin"], compatible=exclusive)
    with pytest.raises(NoSuchRole):
        world.access.take_role("ann", "admin")


def test_taking_a_share_back_ends_all_that_came_of_it(world: World) -> None:
    first = world.give(world.ann, (PERSON, world.bob.id), SHARE, depth=1)
    world.give(world.bob, (PERSON, world.cem.id))
    assert (world.rights(world.bob), world.rights(world.cem)) == (SHARE, READ)
    assert world.access.take_back(first) == 2
    assert (world.rights(world.bob), world.rights(world.cem)) == (frozenset(), frozenset())
    with pytest.raises(UnknownShare):
        world.access.take_back(first)


def test_a_share_rests_on_what_the_granter_has_when_it_is_carried_out(world: World) -> None:
    first = world.give(world.ann, (PERSON, world.bob.id), SHARE, depth=1)
    world.access.take_back(first)
    with pytest.raises(CannotGive):
        world.give(world.bob, (PERSON, world.cem.id))
    assert world.people.load().shares == {}


def test_whoever_leaves_a_group_loses_what_it_was_given_and_what_they_gave_of_it(world: World) -> None:
    world.access.create_group("g")
    world.access.add_member("g", PERSON, "bob")
    world.give(world.ann, (GROUP, "g"), SHARE, depth=1)
    world.give(world.bob, (PERSON, world.cem.id))
    assert world.rights(world.cem) == READ
    world.access.remove_member("g", PERSON, "bob")
    assert (world.rights(world.bob), world.rights(world.cem)) == (frozenset(), frozenset())


def test_a_request_is_decided_once_however_many_decide_it_at_once(world: World) -> None:
    asked = world.access.request(world.ann, "admin", HOUR, "an incident")

    def approve(_number: int) -> str:
        try:
            return world.access.decide_request(asked.id, world.bob, exclusive).state
        except RequestDecided:
            return "too late"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(approve, range(8)))
    assert sorted(answers) == ["approved"] + ["too late"] * 7
    ann = world.people.load().principals[world.ann.id]
    assert ann.timed_roles == (TimedRole("admin", world.now, world.now + HOUR),)


def test_an_old_request_is_not_approved(world: World) -> None:
    asked = world.access.request(world.ann, "admin", HOUR, "x")
    world.now += 8 * 24 * HOUR
    with pytest.raises(RequestDecided):
        world.access.decide_request(asked.id, world.bob, exclusive)


@pytest.mark.parametrize("value", [{"rights": "everything"}, {"grantee_kind": "world"}])
def test_a_share_that_nobody_could_have_written_is_an_alteration(world: World, value: Mapping[str, str]) -> None:
    world.give(world.ann, (PERSON, world.bob.id))
    with world.engine.begin() as connection:
        connection.execute(update(share).values(value))
    with pytest.raises(IntegrityError):
        world.people.load()


def test_somebody_unknown_is_a_typed_error(world: World) -> None:
    for act in (
        lambda: world.access.give_role("nobody", TimedRole("user", None, 1), exclusive),
        lambda: world.access.set_attribute("nobody", "a", [], expires_ms=None, source=""),
        lambda: world.access.find_request("nothing"),
        lambda: world.access.share("nothing"),
        lambda: world.access.remove_group("nothing"),
    ):
        with pytest.raises(WardsteadError):
            act()
