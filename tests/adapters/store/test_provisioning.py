"""Whom a source makes, changes and ends: a reference that knows what must be true after any order of its words."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from wardstead.access.credentials import Unauthenticated, identify
from wardstead.access.federation import Assertion, GroupRule, NotAdmitted, given, managed
from wardstead.access.ports import GranteeKind, Principal, TimedRole
from wardstead.access.provisioning import Conflict, Described, GroupSaid, Linking, NotProvisioned, Sought, Source
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.directory.access import AccessStore
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.directory.federation import FederationStore
from wardstead.adapters.store.directory.names import BadName, NameTaken
from wardstead.adapters.store.directory.passwords import PasswordStore
from wardstead.adapters.store.directory.provisioning import ProvisioningStore
from wardstead.adapters.store.migrate import upgrade
from wardstead.kernel.labels import PUBLIC, label

NOW_MS = 1_764_000_000_000
PEPPER = b"p" * 32
CLEARED = label("confidential", ["personal"])
RULES = (
    GroupRule("staff", frozenset({"user"}), CLEARED, frozenset({"everybody"})),
    GroupRule("audit", frozenset({"auditor"}), None, frozenset(), (("training", "privacy"), ("department", "audit"))),
)
ISSUER = "https://login.example"
CORP = Source("corp", RULES, {"department": "department"}, single=frozenset({"department", "employment"}))
LINKED = Source("corp", RULES, issuer=ISSUER, link=Linking.EXTERNAL_ID)
BY_NAME = Source("corp", RULES, issuer=ISSUER, link=Linking.NAME)
OTHER = Source("other", RULES)
BY = Principal(id="by", name="scim", subject="s" * 32)  # type: ignore[arg-type]


class World:
    """A directory in a folder, and the store over it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.acts: list[tuple[str, str, dict[str, Any]]] = []
        engine = open_engine(url)
        self.directory = DirectoryStore(
            engine, Turn(folder / "turn"), pepper=lambda: PEPPER, clock=lambda: NOW_MS, entropy=os.urandom,
            audit=lambda _c, actor, action, details: self.acts.append((actor, action, dict(details))),
        )  # fmt: skip
        self.store = ProvisioningStore(self.directory, clock=lambda: NOW_MS, entropy=os.urandom)
        self.passwords = PasswordStore(self.directory, pepper=lambda: PEPPER, clock=lambda: NOW_MS)
        self.access = AccessStore(self.directory, clock=lambda: NOW_MS, entropy=os.urandom)
        self.federation = FederationStore(self.directory, clock=lambda: NOW_MS)

    def knows(self, secret: str) -> bool:
        """Whether a worker with the present snapshot lets a credential in."""
        try:
            identify(self.directory.load(), PEPPER, secret, None, NOW_MS)
        except Unauthenticated:
            return False
        return True

    def sign_in(self, subject: str, name: str, source: Source) -> Principal:
        mine = managed("corp", RULES, frozenset())
        assertion = Assertion(ISSUER, subject, name, frozenset({"audit"}))
        return self.federation.admit(
            assertion, given(RULES, assertion.groups), mine,
            provider="corp", create=True, compatible=lambda _roles: None, sources=[source],
        )  # fmt: skip


def database_in(folder: Path) -> str:
    url = f"sqlite:///{folder / 'wardstead.db'}"
    upgrade(open_engine(url))
    return url


@pytest.fixture
def world(tmp_path: Path, migrated: str) -> World:
    return World(tmp_path, migrated)


def changed(**more: Any) -> Any:
    return lambda kept: Described(**{name: more.get(name, getattr(kept.said, name)) for name in Described.__slots__})


def test_groups_and_facts_make_somebody_what_they_are(world: World) -> None:
    made = world.store.create_person(CORP, Described("nora", "e1", facts={"department": "sales"}), BY)
    both = [world.store.create_group(CORP, GroupSaid(name, members=frozenset({made.id})), BY) for name in ("audit", "staff")]
    nora = world.directory.find("nora")
    assert (nora.roles, nora.clearance, nora.groups) == ({"user", "auditor"}, CLEARED, {"everybody"})
    said = {(one.name, one.value) for one in nora.attributes}
    assert said == {("training", "privacy"), ("department", "audit"), ("employment", "active")}, "the group's word comes first"
    world.store.change_group(CORP, both[0].id, lambda kept: GroupSaid("renamed", members=kept.said.members), BY)
    nora = world.directory.find("nora")
    assert nora.roles == {"user"}
    assert ("department", "sales") in {(one.name, one.value) for one in nora.attributes}
    world.store.remove_group(CORP, both[1].id, lambda _kept: None, BY)
    nora = world.directory.find("nora")
    assert (nora.roles, nora.clearance, nora.groups) == (frozenset(), PUBLIC, frozenset())


def test_what_the_source_does_not_decide_stays(world: World) -> None:
    made = world.store.create_person(CORP, Described("nora"), BY)
    world.access.create_group("choir")
    world.access.add_member("choir", GranteeKind.PRINCIPAL, "nora")
    world.access.set_attribute("nora", "location", ["berlin"], expires_ms=None, source="by hand")
    world.access.give_role("nora", TimedRole("reviewer", None, NOW_MS + 1000), lambda _roles: None)
    world.store.create_group(CORP, GroupSaid("staff", members=frozenset({made.id})), BY)
    nora = world.directory.find("nora")
    assert nora.groups == {"choir", "everybody"}
    assert {one.name for one in nora.attributes} == {"location", "employment"}
    assert [one.role for one in nora.timed_roles] == ["reviewer"]


@pytest.mark.parametrize("how", ["inactive", "removed"])
def test_whoever_has_left_has_nothing_left(world: World, how: str) -> None:
    made = world.store.create_person(CORP, Described("ola"), BY)
    world.store.create_group(CORP, GroupSaid("staff", members=frozenset({made.id})), BY)
    world.access.give_role("ola", TimedRole("admin", None, NOW_MS + 1000), lambda _roles: None)
    world.passwords.set_password("ola", "a long enough password", must_change=False)
    key = world.directory.create_api_key("ola").key
    session = world.directory.open_session(world.directory.find("ola"), authenticated_ms=NOW_MS)
    before = world.directory.version()
    if how == "inactive":
        world.store.change_person(CORP, made.id, changed(active=False), BY)
    else:
        world.store.remove_person(CORP, made.id, lambda _kept: None, BY)
    assert world.directory.version() == before + 1, "one act"
    ola = world.directory.find("ola")
    assert (ola.active, ola.roles, ola.timed_roles, ola.groups) == (False, frozenset(), (), frozenset())
    assert [(one.name, one.value) for one in ola.attributes] == [("employment", "ended")]
    assert not world.knows(key)
    assert all(one.principal != ola.id for one in world.directory.load().credentials.values())
    assert session.token
    assert world.passwords.check_password("ola", "a long enough password") is None
    actor, _, details = world.acts[-1]
    assert (actor, details["by"], details["credentials_ended"]) == (BY.subject, "scim", 2)
    assert details["why"]


def test_a_source_knows_only_its_own(world: World) -> None:
    world.directory.create_principal("admin", roles=["admin"], clearance=CLEARED)
    mine = world.store.create_person(CORP, Described("pia"), BY)
    for source, name in ((CORP, "admin"), (CORP, "Admin"), (OTHER, "PIA")):
        with pytest.raises(Conflict):
            world.store.create_person(source, Described(name), BY)
    with pytest.raises(Conflict):
        world.store.change_person(CORP, mine.id, changed(name="ADMIN"), BY)
    with pytest.raises(NotProvisioned):
        world.store.change_person(OTHER, mine.id, changed(active=False), BY)
    with pytest.raises(NotProvisioned):
        world.store.create_group(CORP, GroupSaid("staff", members=frozenset({world.directory.find("admin").id})), BY)
    with pytest.raises(BadName):
        world.store.create_person(CORP, Described("system"), BY)
    assert world.directory.find("admin").roles == {"admin"}
    assert world.store.people(OTHER, Sought()) == []


def test_what_is_said_again_is_no_act(world: World) -> None:
    made = world.store.create_person(CORP, Described("rui"), BY)
    acts = len(world.acts)
    assert world.store.change_person(CORP, made.id, lambda kept: kept.said, BY) == made
    assert len(world.acts) == acts


def test_who_signed_in_before_is_the_same_person(world: World) -> None:
    first = world.sign_in("sub-1", "nora", LINKED)
    assert first.roles == {"auditor"}
    made = world.store.create_person(LINKED, Described("nora@example.org", "sub-1"), BY)
    assert made.id == first.id
    with pytest.raises(NotAdmitted, match="no role"):
        world.sign_in("sub-1", "nora", LINKED)  # the source decides from now on, and has given nothing
    world.store.create_group(LINKED, GroupSaid("staff", members=frozenset({made.id})), BY)
    assert world.sign_in("sub-1", "nora", LINKED).roles == {"user"}
    world.store.change_person(LINKED, made.id, changed(active=False), BY)
    with pytest.raises(NotAdmitted, match="switched off"):
        world.sign_in("sub-1", "nora", LINKED)


def test_who_has_a_password_here_is_no_source_s_to_adopt(world: World) -> None:
    """Else whoever holds the source's key could switch off an administrator whom the provider vouches for."""
    world.directory.create_principal("root", roles=["admin"], clearance=CLEARED)
    world.passwords.set_password("root", "three unrelated words", must_change=False)
    world.federation.link("root", ISSUER, "sub-1")
    with pytest.raises(Conflict, match="has a password here"):
        world.store.create_person(LINKED, Described("nora", "sub-1", active=False), BY)
    root = world.directory.find("root")
    assert (root.active, root.roles) == (True, {"admin"})
    with pytest.raises(NotProvisioned):
        world.store.person(LINKED, root.id)


@pytest.mark.parametrize("name", ["Root", "ＲＯＯＴ", "r\N{CYRILLIC SMALL LETTER O}\N{CYRILLIC SMALL LETTER O}t"])
def test_nobody_is_called_what_reads_like_somebody_else(world: World, name: str) -> None:
    world.directory.create_principal("root", roles=["admin"], clearance=CLEARED)
    made = world.store.create_person(CORP, Described("nora", "e1"), BY)
    with pytest.raises((Conflict, BadName)):
        world.store.create_person(CORP, Described(name), BY)
    with pytest.raises((Conflict, BadName)):
        world.store.change_person(CORP, made.id, changed(name=name), BY)
    with pytest.raises((NameTaken, BadName)):
        world.directory.create_principal(name, roles=[], clearance=PUBLIC)
    with pytest.raises((NameTaken, BadName)):
        world.sign_in("sub-3", name, CORP)
    assert {one.name for one in world.directory.list_principals()} == {"root", "nora"}


def test_a_name_links_only_where_the_configuration_says_so(world: World) -> None:
    made = world.store.create_person(BY_NAME, Described("kim"), BY)
    world.store.create_group(BY_NAME, GroupSaid("staff", members=frozenset({made.id})), BY)
    with pytest.raises(NotAdmitted, match="is called"):
        world.sign_in("sub-9", "kim", CORP)
    assert world.sign_in("sub-9", "Kim", BY_NAME).id == made.id


class Leavers(RuleBasedStateMachine):
    """INVARIANT: whatever a source says in whatever order, nobody comes in with what they had when they left."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name), database_in(Path(self.folder.name)))
        self.people: dict[str, bool] = {}
        self.staff: set[str] = set()
        self.group = self.world.store.create_group(CORP, GroupSaid("staff"), BY)
        self.good: dict[str, set[str]] = {}
        self.dead: set[str] = set()

    def _end(self, key: str) -> None:
        self.dead |= self.good.pop(key, set())

    @rule(number=st.integers(0, 3))
    def hire(self, number: int) -> None:
        if not any(one.said.name == f"p{number}" for one in self.world.store.people(CORP)):
            made = self.world.store.create_person(CORP, Described(f"p{number}", f"e{number}"), BY)
            self.people[made.id] = True

    @precondition(lambda self: self.people)
    @rule(data=st.data(), active=st.booleans())
    def switch(self, data: st.DataObject, active: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.people)))
        self.world.store.change_person(CORP, key, changed(active=active), BY)
        self.people[key] = active
        if not active:
            self._end(key)

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.people)))
        self.world.store.remove_person(CORP, key, lambda _kept: None, BY)
        del self.people[key]
        self.staff.discard(key)
        self._end(key)

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        self.staff = set(data.draw(st.sets(st.sampled_from(sorted(self.people)))))
        said = GroupSaid("staff", members=frozenset(self.staff))
        self.world.store.change_group(CORP, self.group.id, lambda _kept: said, BY)

    @precondition(lambda self: any(self.people.values()))
    @rule(data=st.data())
    def key(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(one for one, active in self.people.items() if active)))
        name = self.world.store.person(CORP, key).said.name
        self.good.setdefault(key, set()).add(self.world.directory.create_api_key(name).key)

    @invariant()
    def those_who_left_stay_out(self) -> None:
        assert not any(self.world.knows(one) for one in self.dead)
        assert all(self.world.knows(one) for keys in self.good.values() for one in keys)

    @invariant()
    def roles_are_those_of_the_groups(self) -> None:
        for who in self.world.directory.list_principals():
            expected = {"user"} if self.people.get(who.id) and who.id in self.staff else set()
            assert who.roles == expected
            assert who.active is bool(self.people.get(who.id))

    def teardown(self) -> None:
        self.folder.cleanup()


TestLeavers = Leavers.TestCase
TestLeavers.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
