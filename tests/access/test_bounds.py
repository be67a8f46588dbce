"""A key can only narrow what its owner may do, and says in what it is narrower."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from tests.access.reference import Key, Mark, Person, Question, Thing, World
from tests.access.worlds import INHERITS, KEYS, POINT, START, directory_of, questions, request_of, worlds

from wardstead.access.bounds import BadRange, range_of, with_purpose
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import Bounds, Credential, CredentialKind, Identity, Principal
from wardstead.kernel.ids import CredentialId, PrincipalId

ANN = World({"ann": Person("ann", Mark(3), roles=(("user", None, None),))}, {}, INHERITS, 0, 1, 1)
ASKS = Question("ann", "infer", Thing("Model", "m", cleared=Mark(3)), Mark(0), START, inside_office=True, purpose="billing")


@given(worlds(), questions(), KEYS)
def test_what_a_bounded_key_may_its_owner_may_with_an_unbounded_one(world: World, asked: Question, key: Key) -> None:
    directory = directory_of(world)
    bounded = MemoisedDecisionPoint(POINT, directory).decide(request_of(directory, replace(asked, key=key)))
    free = MemoisedDecisionPoint(POINT, directory).decide(request_of(directory, replace(asked, key=Key())))
    if bounded.allow:
        assert bounded == free
    elif bounded.code != "access.key_bounds":
        assert not free.allow


@given(worlds(), questions(), KEYS, KEYS)
def test_a_narrower_key_may_no_more(world: World, asked: Question, key: Key, other: Key) -> None:
    def narrowed(one: frozenset[str], also: frozenset[str]) -> frozenset[str]:
        # Where nothing is left of what both are for: a name that nothing has.
        return (one & also or frozenset({"nothing"})) if one and also else one or also

    narrower = Key(
        narrowed(key.purposes, other.purposes), narrowed(key.networks, other.networks), narrowed(key.models, other.models)
    )
    directory = directory_of(world)
    point = MemoisedDecisionPoint(POINT, directory)
    if point.decide(request_of(directory, replace(asked, key=narrower))).allow:
        assert point.decide(request_of(directory, replace(asked, key=key))).allow


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (Key(models=frozenset({"other"})), "this key is for the model other"),
        (Key(networks=frozenset({"192.0.2.1/32"})), "this key works from the network 192.0.2.1/32 alone"),
        (Key(networks=frozenset({"undeclared"})), "this key works from the network undeclared alone"),
        (Key(purposes=frozenset({"care", "support"})), "this key is for the purposes care, support; say which"),
    ],
)
def test_each_bound_refuses_alone_and_says_so(key: Key, words: str) -> None:
    directory = directory_of(ANN)
    point = MemoisedDecisionPoint(POINT, directory)
    decision = point.decide(request_of(directory, replace(ASKS, key=key)))
    assert (decision.allow, decision.code) == (False, "access.key_bounds")
    assert words in decision.reason
    assert len(decision.policies) == 1


def test_all_bounds_that_refuse_are_named() -> None:
    directory = directory_of(ANN)
    key = Key(frozenset({"care"}), frozenset({"192.0.2.1/32"}), frozenset({"other"}))
    decision = POINT.decide(request_of(directory, replace(ASKS, key=key)))
    assert decision.policies == ("keys-stay-with-their-models", "keys-stay-in-their-networks", "keys-stay-with-their-purposes")


def test_a_memo_knows_from_where_a_bound_key_is_used() -> None:
    directory = directory_of(ANN)
    point = MemoisedDecisionPoint(POINT, directory)
    asked = replace(ASKS, key=Key(networks=frozenset({"10.1.0.0/16"})))
    inside, outside = (request_of(directory, replace(asked, inside_office=where)) for where in (True, False))
    assert [point.decide(one).allow for one in (inside, outside, inside, outside)] == [True, False, True, False]


def test_a_purpose_is_asked_for_where_data_flows_alone() -> None:
    directory = directory_of(ANN)
    key = Key(purposes=frozenset({"care", "billing"}))
    asked = replace(ASKS, key=key, purpose=None)
    assert not POINT.decide(request_of(directory, asked)).allow
    assert POINT.decide(request_of(directory, replace(asked, action="listModels"))).allow


def test_a_key_for_one_purpose_says_it_by_itself() -> None:
    def key(*purposes: str) -> Identity:
        bounds, ann = Bounds(frozenset(purposes)), PrincipalId("ann")
        return Identity(Principal(ann, "ann"), Credential(CredentialId("k"), CredentialKind.API_KEY, b"", ann, bounds=bounds))

    assert with_purpose(key("care"), {"application": "a"}) == {"application": "a", "purpose": "care"}
    assert with_purpose(key("care"), {"purpose": "billing"}) == {"purpose": "billing"}
    assert with_purpose(key("care", "billing"), {}) == {}
    assert with_purpose(key(), {}) == {}


def test_ranges_are_kept_as_they_are_written_alike() -> None:
    assert [range_of(one) for one in ("10.0.0.0/8", "192.0.2.7", "2001:DB8::/32")] == [
        "10.0.0.0/8",
        "192.0.2.7/32",
        "2001:db8::/32",
    ]
    for wrong in ("", "office", "10.0.0.1/8", "10.0.0.0/33", "10.0.0"):
        with pytest.raises(BadRange):
            range_of(wrong)
