"""Whose access changes between two versions of the policies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.access.test_checks import RULES, policies

from wardstead.access import asking
from wardstead.access.asking import Circumstance, Ground, compare, request_of
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import Directory, Principal, Resource
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import label

NOON = 1_767_787_200_000  # 2026-01-07T12:00:00Z
MODEL = Resource("Model", "m", clearance=label("confidential"))
FORBID = '@id("mine") forbid (principal in Role::"user", action == Action::"infer", resource) {};'


def ground(*people: Principal) -> Ground:
    return Ground(Directory(0, {one.id: one for one in people}), (MODEL,))


def person(name: str, *roles: str, active: bool = True) -> Principal:
    return Principal(PrincipalId(name), name, frozenset(roles), label("confidential"), name, active)


def test_nothing_changes_between_equal_policies() -> None:
    said = compare(policies(), policies(), ground(person("ann", "user"), person("root", "admin")), NOON)
    assert (said.changes, said.complete) == ((), True)
    assert said.asked > 20


def test_a_change_names_people_actions_and_when() -> None:
    new = policies(FORBID.format('unless { context.windows.contains("office") }'), RULES)
    people = [person("ann", "user"), person("bob", "user"), person("root", "admin"), person("off", "user", active=False)]
    (change,) = compare(policies("", RULES), new, ground(*people), NOON).changes
    assert (change.people, change.action, change.resource) == (("ann", "bob"), "infer", "Model::m")
    assert (change.before.allow, change.after.allow, change.after.policies) == (True, False, ("mine",))
    assert change.when == ("while office is closed", "while office is closed, with data labelled confidential")


@pytest.mark.parametrize(
    ("condition", "when"),
    [
        ('when { context.networks.contains("site") }', "from site"),
        ('when { context has purpose && context.purpose == "care" }', "for care"),
        ('when { context.fresh.contains("step-up") }', "signed in as step-up asks"),
    ],
)
def test_every_circumstance_that_a_policy_names_is_tried(condition: str, when: str) -> None:
    said = compare(policies("", RULES), policies(FORBID.format(condition), RULES), ground(person("ann", "user")), NOON)
    assert [one.when[0] for one in said.changes] == [when]


def test_where_there_are_too_many_one_circumstance_is_varied_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MAX_SITUATIONS", 10)
    new = policies(FORBID.format('when { context.networks.contains("site") || context.windows.contains("office") }'), RULES)
    said = compare(policies("", RULES), new, ground(person("ann", "user")), NOON)
    assert not said.complete
    assert said.changes


ROLES = st.frozensets(st.sampled_from(["user", "admin", "auditor", "data-steward"]), max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROLES, min_size=1, max_size=6), st.sampled_from(["infer", "administer", "viewConsole", "embed"]), st.booleans())
def test_people_who_are_asked_about_together_have_the_same_answers(roles: list[frozenset[str]], action: str, named: bool) -> None:
    """Against deciding for each of them."""
    who = 'principal == User::"p1"' if named else 'principal in Role::"user"'
    kind = "Model" if action in {"infer", "embed"} else "Console"
    old, new = policies(), policies(f'@id("mine") forbid ({who}, action == Action::"{action}", resource);')
    people = [Principal(PrincipalId(f"p{number}"), f"p{number}", held) for number, held in enumerate(roles)]
    where = ground(*people)
    changed = {
        name
        for change in compare(old, new, where, NOON).changes
        for name in change.people
        if change.action == action and change.resource.startswith(kind)
    }
    resource = MODEL if kind == "Model" else asking.CONSOLE
    points = [MemoisedDecisionPoint(one.point, where.directory) for one in (old, new)]
    expected = {
        one.name
        for one in people
        if len({point.decide(request_of(one, action, resource, Circumstance(NOON))).allow for point in points}) == 2
    }
    assert changed == expected
