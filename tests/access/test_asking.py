"""Whose access changes between two versions of the policies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.access.test_checks import RULES, TEXTS, policies

from wardstead.access import asking, comparing
from wardstead.access.asking import Circumstance, request_of
from wardstead.access.comparing import Ground, compare
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import ACTIONS
from wardstead.access.policyset import SCHEMA
from wardstead.access.ports import Directory, GranteeKind, Principal, Resource, ResourceRef, Right, Share
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
    assert (said.changes, said.complete, said.asked) == ((), True, 0)


def test_only_actions_that_a_differing_policy_is_about_are_asked_about_and_all_where_names_differ() -> None:
    where = ground(person("ann", "user"))
    one = compare(policies("", RULES), policies(FORBID.format("when { false }"), RULES), where, NOON)
    every = compare(policies("", RULES), policies("", RULES.replace("15m", "16m")), where, NOON)
    whoever = compare(
        policies("", RULES), policies('@id("m") permit (principal, action, resource) when { false };', RULES), where, NOON
    )
    assert 0 < one.asked < 20
    assert min(every.asked, whoever.asked) > 100
    assert not one.changes + every.changes + whoever.changes


@pytest.mark.parametrize("group", ["asking", "infer"])
def test_a_policy_about_a_group_of_actions_is_asked_about_with_each_of_them(group: str) -> None:
    line = "action infer, embed, listModels appliesTo"
    assert line in TEXTS[SCHEMA]
    own = "action asking;\naction infer, embed, listModels in [asking] appliesTo"
    if group == "infer":
        own = "action infer appliesTo { principal: [User], resource: [Model], context: Situation };\n"
        own += "action embed, listModels in [infer] appliesTo"
    schema = {SCHEMA: TEXTS[SCHEMA].replace(line, own)}
    forbid = FORBID.replace('action == Action::"infer"', f'action in Action::"{group}"').replace(" {}", "")
    said = compare(policies("", RULES, **schema), policies(forbid, RULES, **schema), ground(person("ann", "user")), NOON)
    assert {one.action for one in said.changes} == {"infer", "embed", "listModels"}


def test_a_change_names_people_actions_and_when() -> None:
    new = policies(FORBID.format('unless { context.windows.contains("office") }'), RULES)
    people = [person("ann", "user"), person("bob", "user"), person("root", "admin"), person("off", "user", active=False)]
    (change,) = compare(policies("", RULES), new, ground(*people), NOON).changes
    assert (change.people, change.action, change.resource) == (("ann", "bob"), "infer", "Model::m")
    assert (change.before.allow, change.after.allow, change.after.policies) == (True, False, ("mine",))
    assert change.when == ("while office is closed",)


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
    monkeypatch.setattr(comparing, "MAX_QUESTIONS", 10)
    new = policies(FORBID.format('when { context.networks.contains("site") || context.windows.contains("office") }'), RULES)
    said = compare(policies("", RULES), new, ground(person("ann", "user")), NOON)
    assert not said.complete
    assert said.changes


@pytest.mark.parametrize(
    ("policy", "action", "when"),
    [
        (
            FORBID.format("when { context.labelLevel == 1 }"), "infer",
            tuple(f"as things are now, with data labelled internal{more}" for more in ("", "; health")),
        ),
        (
            FORBID.format('when { context.labelCompartments.contains("health") }'), "infer",
            tuple(f"as things are now, with data labelled {level}; health" for level in ("confidential", "internal", "public")),
        ),
        (FORBID.format('when { context has application && context.application == "a" }'), "infer", ("by a",)),
        (
            FORBID.format('when { context has conversation && context.conversation == "plans" }'), "infer",
            ("in the conversation plans",),
        ),
        (FORBID.format('when { context.credential == "certificate" }'), "infer", ("with a certificate",)),
        (
            """@id("mine") forbid (principal, action == Action::"requestRole", resource)
            when { context has role && context.role == "admin" };""",
            "requestRole", ("asking for the role admin",),
        ),
        (
            '@id("mine") forbid (principal, action == Action::"revokeShare", resource) when { context has ownGrant };',
            "revokeShare", ("as things are now, of a share that they gave",),
        ),
        ('@id("mine") permit (principal, action == Action::"addModel", resource);', "addModel", ("as things are now",)),
        (
            '@id("mine") forbid (principal, action == Action::"readData", resource is Template);', "readData",
            ("as things are now",),
        ),
    ],
)  # fmt: skip
def test_whatever_a_policy_can_tell_apart_is_asked_about(policy: str, action: str, when: tuple[str, ...]) -> None:
    cleared = label("confidential", ["health"])
    ann = Principal(PrincipalId("ann"), "ann", frozenset({"user"}), cleared, "ann")
    model = Resource("Model", "m", clearance=cleared)
    where = Ground(Directory(0, {ann.id: ann}), (model,), compartments=frozenset({"health", "payment"}))
    said = compare(policies("", RULES), policies(policy, RULES), where, NOON)
    assert {one.action for one in said.changes} == {action}
    assert {one.when for one in said.changes} == {when}
    assert (said.complete, said.untried) == (True, ())


def test_what_is_shared_and_what_is_named_is_asked_about() -> None:
    """Of two people with the same roles, for one of whom a share decides; and of a document that a policy names."""
    people = [person("ann", "user"), person("bob", "user"), person("cem", "user")]
    given = Share(
        "s", ResourceRef("Conversation", "c"), GranteeKind.PRINCIPAL, "bob", frozenset({Right.READ}), 0, PrincipalId("ann")
    )
    directory = Directory(0, {one.id: one for one in people}, {}, {"s": given})
    others = (Resource("Conversation", "c", owner=PrincipalId("ann")), Resource("Document", "d", owner=PrincipalId("cem")))
    text = TEXTS["10-roles.cedar"].replace(
        'resource.rights.contains("read") && !(resource has owner', "false && !(resource has owner"
    )
    assert text != TEXTS["10-roles.cedar"]
    changed = {"10-roles.cedar": text, "95.cedar": '@id("mine") forbid (principal, action, resource == Document::"d");'}
    said = compare(policies("", RULES), policies("", RULES, **changed), Ground(directory, (MODEL,), (), others), NOON)
    assert {(one.people, one.action, one.resource) for one in said.changes} == {
        (("bob",), "readReceipt", "Exchange in Conversation::c"), (("bob",), "viewExchange", "Exchange in Conversation::c"),
        *((("cem",), action, "Document::d") for action in ("changeData", "readData", "shareData", "revokeShare", "useData")),
        *(((one,), "revokeShare", "Document::d") for one in ("ann", "bob")),
    }  # fmt: skip


def test_what_is_the_same_in_every_question_is_said() -> None:
    said = compare(policies("", RULES), policies(FORBID.format("when { context.scopes.isEmpty() }"), RULES), ground(), NOON)
    assert said.untried == ("scopes",)


def test_every_action_is_on_a_resource_that_the_schema_has_for_it() -> None:
    """An answer is a policy's, and not that a policy failed."""
    root, point = person("root", "admin"), MemoisedDecisionPoint(policies().point)
    for action in sorted(ACTIONS):
        for kind in sorted(asking.kinds_of(action)):
            said = point.decide(request_of(root, action, Resource(kind, "x"), Circumstance(NOON)))
            assert said.code in {"allow", "access.default_deny", "access.forbidden"}, (action, kind)


ROLES = st.frozensets(st.sampled_from(["user", "admin", "auditor", "data-steward"]), max_size=3)


@settings(max_examples=20, deadline=None)
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
