"""People whom a provider vouches for, in the database."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wardstead.access.federation import Assertion, GroupRule, NotAdmitted, given, managed
from wardstead.adapters.identity.openid import EndedThere
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.directory.federation import AlreadyLinked, FederationStore, TakenBefore
from wardstead.kernel.errors import BackendError
from wardstead.kernel.labels import PUBLIC, label

NOW_MS = 1_764_000_000_000
ISSUER = "https://login.example"
RULES = (
    GroupRule("staff", frozenset({"user"}), label("confidential", ["personal"])),
    GroupRule("audit", frozenset({"auditor"}), label("restricted")),
    GroupRule("choir"),
)


@pytest.fixture
def directory(tmp_path: Path, migrated: str) -> DirectoryStore:
    engine = open_engine(migrated)
    return DirectoryStore(engine, Turn(tmp_path / "turn"), pepper=lambda: b"p" * 32, clock=lambda: NOW_MS, entropy=os.urandom)


@pytest.fixture
def store(directory: DirectoryStore) -> FederationStore:
    return FederationStore(directory, clock=lambda: NOW_MS)


def anything(_roles: frozenset[str]) -> None:
    """Any roles go together."""


def somebody(subject: str = "s", name: str = "nora", session: str = "there", *groups: str) -> Assertion:
    return Assertion(ISSUER, subject, name, frozenset(groups or ("staff",)), NOW_MS - 5000, session)


def admitted(store: FederationStore, one: Assertion, *, create: bool = True) -> str:
    found, mine = given(RULES, one.groups), managed("corp", RULES, frozenset())
    return store.admit(one, found, mine, provider="corp", create=create, compatible=anything).id


def test_the_first_rule_that_gives_a_clearance_counts_and_all_roles_do() -> None:
    found = given(RULES, frozenset({"audit", "staff", "choir"}))
    assert found.roles == {"user", "auditor"}
    assert found.clearance == label("confidential", ["personal"])
    assert given((GroupRule("a", frozenset({"user"})),), frozenset({"a"})).clearance == PUBLIC
    for groups in (frozenset({"choir"}), frozenset[str]()):
        assert given(RULES, groups).roles == frozenset()


def test_who_has_no_role_by_their_groups_is_not_admitted(store: FederationStore, directory: DirectoryStore) -> None:
    with pytest.raises(NotAdmitted, match="no role"):
        admitted(store, somebody("s", "nora", "there", "choir"))
    admitted(store, somebody())
    with pytest.raises(NotAdmitted, match="no role"):
        admitted(store, somebody("s", "nora", "there", "choir"))
    assert directory.find("nora").roles == {"user"}


def test_somebody_is_known_by_their_subject_whatever_they_are_called(store: FederationStore, directory: DirectoryStore) -> None:
    first = admitted(store, somebody())
    assert admitted(store, somebody(name="nora the second")) == first
    assert admitted(store, somebody("other", "ola")) != first
    assert [one.name for one in directory.list_principals()] == ["nora", "ola"]


def test_groups_decide_anew_at_each_sign_in(store: FederationStore, directory: DirectoryStore) -> None:
    admitted(store, somebody())
    admitted(store, somebody("s", "nora", "there", "audit"))
    nora = directory.find("nora")
    assert (nora.roles, nora.clearance) == ({"auditor"}, label("restricted"))


def test_a_name_that_is_taken_is_not_theirs(store: FederationStore, directory: DirectoryStore) -> None:
    directory.create_principal("nora", roles=["admin"], clearance=label("restricted"))
    with pytest.raises(NotAdmitted, match="is called"):
        admitted(store, somebody())
    assert directory.find("nora").roles == {"admin"}
    store.link("nora", ISSUER, "s")
    with pytest.raises(AlreadyLinked):
        store.link("nora", ISSUER, "s")
    assert admitted(store, somebody()) == directory.find("nora").id


def test_who_is_not_linked_is_not_made_where_that_is_off(store: FederationStore, directory: DirectoryStore) -> None:
    with pytest.raises(NotAdmitted, match="not linked"):
        admitted(store, somebody(), create=False)
    assert directory.list_principals() == []


def test_an_account_that_is_switched_off_stays_off(store: FederationStore, directory: DirectoryStore) -> None:
    admitted(store, somebody())
    directory.set_active("nora", False)
    with pytest.raises(NotAdmitted, match="switched off"):
        admitted(store, somebody())


@pytest.mark.parametrize(
    ("subject", "session", "left"),
    [("s", "", {"own"}), ("s", "there", {"b", "own"}), ("", "elsewhere", {"a", "own"}), ("x", "there", {"a", "b", "own"})],
)
def test_the_provider_ends_what_came_of_its_session(
    store: FederationStore, directory: DirectoryStore, subject: str, session: str, left: set[str]
) -> None:
    admitted(store, somebody())
    nora = directory.find("nora")
    named: dict[str, str] = {}

    def note(name: str) -> None:
        named.update({one.id: name for one in directory.load().credentials.values() if one.id not in named})

    store.open_session(nora, somebody())
    note("a")
    store.open_session(nora, somebody(session="elsewhere"))
    note("b")
    directory.open_session(nora, authenticated_ms=NOW_MS)
    note("own")
    store.end_sessions(EndedThere(ISSUER, subject, session, b"u" * 32, NOW_MS + 1), provider="corp")
    assert {named[one.id] for one in directory.load().credentials.values()} == left


def test_what_was_said_before_ends_nothing_and_what_failed_may_be_said_again(
    store: FederationStore, directory: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(store, somebody())
    store.open_session(directory.find("nora"), somebody())
    said = EndedThere(ISSUER, "s", "", b"u" * 32, NOW_MS + 1)

    def broken(*_: object, **__: object) -> object:
        raise BackendError("the record cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(directory, "_audit", broken)
        with pytest.raises(BackendError):
            store.end_sessions(said, provider="corp")
    assert store.end_sessions(said, provider="corp") == 1
    store.open_session(directory.find("nora"), somebody())
    with pytest.raises(TakenBefore):
        store.end_sessions(said, provider="corp")
    assert len(directory.load().credentials) == 1
