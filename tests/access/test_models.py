"""DAC, RBAC, MAC and ABAC together: the decision point against the reference, in worlds that are generated."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.access.reference import Gift, Mark, Person, Question, Thing, World, carries, decide
from tests.access.worlds import HOUR, INHERITS, POINT, START, directory_of, gifts, questions, request_of, timely, worlds

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import Decision, GranteeKind, Identity, PrincipalId, Resource, ResourceRef, Right, Share
from wardstead.access.shares import CannotGive, Shares


@given(worlds(), st.lists(questions(), min_size=1, max_size=8))
def test_every_decision_is_that_of_the_reference(world: World, asked: list[Question]) -> None:
    directory = directory_of(world)
    point = MemoisedDecisionPoint(POINT, directory)
    for one in asked:
        decision = point.decide(request_of(directory, one))
        assert decision.code != "access.evaluation_error"
        assert decision.allow is decide(world, one), (one, decision)
        assert decision.allow or len(decision.reason) > 3


@given(timely(), st.lists(st.integers(-2, 2) | st.integers(-HOUR // 8, HOUR // 8), min_size=1, max_size=6))
def test_no_clock_however_it_goes_is_answered_from_an_old_memo(given: tuple[World, Question, int], steps: list[int]) -> None:
    """Roles and attributes that end, windows that open, sign-ins that grow old, shares that expire, and clocks put back."""
    world, asked, change = given
    directory = directory_of(world)
    point = MemoisedDecisionPoint(POINT, directory)
    for moment in (asked.now, *(change + step for step in steps)):
        now = replace(asked, now=moment)
        assert point.decide(request_of(directory, now)).allow is decide(world, now)


@given(timely() | st.tuples(worlds(), questions(), st.just(0)))
def test_a_decision_holds_until_its_boundary(given: tuple[World, Question, int]) -> None:
    world, asked, change = given
    directory = directory_of(world)
    decision = MemoisedDecisionPoint(POINT, directory).decide(request_of(directory, asked))
    assert decision.not_after_ms is None or decision.not_after_ms >= asked.now
    if change > asked.now:
        assert decision.not_after_ms is not None
        assert decision.not_after_ms < change
    last = asked.now + 40 * HOUR if decision.not_after_ms is None else decision.not_after_ms
    for moment in {asked.now, (asked.now + last) // 2, last}:
        assert decide(world, replace(asked, now=moment)) is decision.allow


@given(worlds(), worlds(), questions())
def test_a_changed_person_group_or_share_is_another_decision_at_once(one: World, other: World, asked: Question) -> None:
    for number, world in enumerate((one, other, one)):
        directory = directory_of(world, number)
        assert MemoisedDecisionPoint(POINT, directory).decide(request_of(directory, asked)).allow is decide(world, asked)


@given(gifts(), st.sampled_from(["ann", "bob"]))
def test_a_share_never_carries_more_than_one_above_it(given: dict[str, Gift], owner: str) -> None:
    people = {name: Person(name, Mark(0), groups=frozenset({"g1"})) for name in ("ann", "bob", "cem", "dee")}
    world = World(people, given, INHERITS, 0, 0, 0)
    shares = Shares(directory_of(world))
    for gift in given.values():
        real = directory_of(world).shares[gift.id]
        carried = shares.carried(real, PrincipalId(owner), START)
        assert {right.value for right in carried.rights} == carries(world, gift, owner, START)
        assert carried.rights <= real.rights
        if carried.rights and gift.parent:
            above = directory_of(world).shares[gift.parent]
            assert carried.rights <= shares.carried(above, PrincipalId(owner), START).rights


def chain(*depths: int) -> World:
    """ann owns, gives bob, who gives cem, …, each to be handed on so many times."""
    names = ["ann", "bob", "cem", "dee", "eve"]
    people = {name: Person(name, Mark(3)) for name in names}
    given = {
        f"s{at}": Gift(
            f"s{at}", ("Conversation", "c1"), False, names[at + 1], frozenset({"read", "share"}), depth, names[at],
            f"s{at - 1}" if at else None, None,
        )
        for at, depth in enumerate(depths)
    }  # fmt: skip
    return World(people, given, INHERITS, 0, 0, 0)


def reads(world: World, who: str) -> Decision:
    directory = directory_of(world)
    thing = Thing("Exchange", "e1", "ann", (("Conversation", "c1", "ann"),))
    asked = Question(who, "viewExchange", thing, Mark(1), START)
    decision = MemoisedDecisionPoint(POINT, directory).decide(request_of(directory, asked))
    assert decision.allow is decide(world, asked)
    return decision


def test_what_is_given_is_given_until_any_link_of_it_is_taken_back() -> None:
    world = chain(2, 1, 0)
    assert [reads(world, name).allow for name in ("ann", "bob", "cem", "dee", "eve")] == [True] * 4 + [False]
    assert reads(world, "dee").policies == ("people-read-what-was-shared-with-them",)
    for lost in ("s0", "s1", "s2"):
        left = {name: gift for name, gift in world.gifts.items() if name != lost}
        assert not reads(World(world.people, left, INHERITS, 0, 0, 0), "dee").allow
    assert not reads(chain(1, 1, 0), "cem").allow


def test_no_share_reaches_above_a_clearance() -> None:
    world = chain(1)
    low = {**world.people, "bob": Person("bob", Mark(0))}
    decision = reads(World(low, world.gifts, INHERITS, 0, 0, 0), "bob")
    assert (decision.code, decision.policies) == ("access.forbidden", ("people-read-of-others-only-what-they-are-cleared-for",))


@pytest.mark.parametrize(
    ("who", "rights", "depth", "source"),
    [
        ("ann", {"read", "use", "share", "admin"}, 8, None),
        ("bob", {"read"}, 0, "s0"),
        ("bob", {"read", "share"}, 1, "s0"),
    ],
)
def test_whoever_may_give_is_told_by_what(who: str, rights: set[str], depth: int, source: str | None) -> None:
    directory = directory_of(chain(2))
    resource = Resource("Conversation", "c1", owner=PrincipalId("ann"))
    granter = directory.principals[PrincipalId(who)]
    assert Shares(directory).source(granter, resource, frozenset(map(Right, rights)), depth, START) == source


@pytest.mark.parametrize(
    ("who", "rights", "depth"),
    [
        ("bob", {"read", "share"}, 2),
        ("bob", {"use"}, 0),
        ("bob", {"read"}, 1),
        ("bob", set(), 0),
        ("cem", {"read"}, 0),
        ("ann", {"read", "share"}, 9),
        ("ann", {"read", "share"}, -1),
    ],
)
def test_nobody_gives_what_they_have_not(who: str, rights: set[str], depth: int) -> None:
    directory = directory_of(chain(2))
    resource = Resource("Conversation", "c1", owner=PrincipalId("ann"))
    with pytest.raises(CannotGive):
        Shares(directory).source(directory.principals[PrincipalId(who)], resource, frozenset(map(Right, rights)), depth, START)


def test_a_circle_of_shares_gives_nobody_anything() -> None:
    ref = ResourceRef("Conversation", "c1")
    people = directory_of(chain(1)).principals
    made = {
        name: Share(name, ref, GranteeKind.PRINCIPAL, PrincipalId("bob"), frozenset(Right), 3, PrincipalId("bob"), parent)
        for name, parent in (("x", "y"), ("y", "x"))
    }
    directory = type(directory_of(chain(1)))(1, people, {}, made)
    assert Shares(directory).carried(made["x"], PrincipalId("ann"), START).rights == frozenset()
    assert Shares(directory).below("x") == {"x", "y"}


def test_a_value_that_the_schema_does_not_allow_denies() -> None:
    world = chain()
    confused = Person("bob", Mark(3), roles=(("user", None, None),), facts=(("device", "a", None), ("device", "b", None)))
    directory = directory_of(World({**world.people, "bob": confused}, {}, INHERITS, 0, 0, 0))
    asked = Question("bob", "infer", Thing("Model", "m", cleared=Mark(3)), Mark(0), START)
    decision = MemoisedDecisionPoint(POINT, directory).decide(request_of(directory, asked))
    assert (decision.allow, decision.code) == (False, "access.bad_attribute")


@given(worlds(), questions())
def test_a_list_leaves_out_nothing_that_would_be_decided_otherwise(world: World, asked: Question) -> None:
    """What the query of a list asks for (own, and shared) holds all that a decision permits to somebody without a role for it."""
    directory = directory_of(world)
    who = replace(directory.principals[PrincipalId(asked.who)], roles=frozenset(), timed_roles=())
    listed = Shares(directory).readable_by(who, asked.now)
    for owner in ("ann", "bob", "cem", "dee"):
        thing = Thing("Exchange", "e1", owner, (("Conversation", "c1", owner),))
        question = replace(asked, action="readReceipt", thing=thing, scopes=frozenset())
        request = request_of(directory, question)
        decision = MemoisedDecisionPoint(POINT, directory).decide(
            msgspec.structs.replace(request, identity=Identity(who, request.identity.credential))
        )
        if decision.allow and owner != who.id:
            assert listed & {ResourceRef("Exchange", "e1"), ResourceRef("Conversation", "c1")}
