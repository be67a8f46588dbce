"""What does not fit together in policies that are valid."""

from __future__ import annotations

from importlib.resources import files

import pytest

from wardstead.access.checks import Finding, check_policies
from wardstead.access.examples import run_examples
from wardstead.access.policyset import AccessPolicies, PolicyFiles, compile_policies
from wardstead.access.written import read_policies
from wardstead.bootstrap.deployment import product_policies
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.labels import Levels

FOLDER = files("wardstead.catalogues") / "policies"
TEXTS = {name: (FOLDER / name).read_text("utf-8") for name in ("10-roles.cedar", "schema.cedarschema", "access.yaml")}
RULES = """
version: 1
roles: {user: {}, admin: {excludes: [auditor]}, auditor: {}, data-steward: {}, reviewer: {}, application: {}, provisioner: {},
  model-approver: {}}
windows: {office: {zone: UTC, from: "08:00", to: "18:00"}}
networks: {site: [10.0.0.0/8]}
fresh: {step-up: 15m}
purposes: {care: {basis: contract}, sales: {basis: contract}}
attributes: {department: {type: string, values: [A, B]}, device: {type: string}}
"""


def policies(own: str = "", rules: str | None = None, **more: str) -> AccessPolicies:
    texts = {**TEXTS, **({"90.cedar": own} if own else {}), **({"access.yaml": rules} if rules else {}), **more}
    return compile_policies(PolicyFiles(texts), product_policies(), "policies")


def mistakes(own: str, rules: str | None = RULES) -> list[Finding]:
    return [one for one in check_policies(policies(own, rules), {"user"}) if one.mistake]


def test_the_starter_has_no_mistakes() -> None:
    assert [one for one in check_policies(policies(), {"user", "admin"}) if one.mistake] == []


def rule(text: str, effect: str = "permit") -> str:
    return f'\n\n@id("mine")\n{effect} (principal, action == Action::"infer", resource) {text};'


@pytest.mark.parametrize(
    ("own", "code", "says"),
    [
        (rule('when { context.windows.contains("ofice") }'), "undeclared-window", "'ofice'"),
        (rule('when { context.networks.containsAny(["site", "home"]) }'), "undeclared-network", "'home'"),
        (rule('when { context.fresh.contains("now") }'), "undeclared-fresh", "'now'"),
        (rule('when { context.signals.contains("risk") }'), "undeclared-signal", "'risk'"),
        (rule('when { context has purpose && context.purpose == "war" }'), "undeclared-purpose", "'war'"),
        (rule('when { context has purpose && ["care", "war"].contains(context.purpose) }'), "undeclared-purpose", "'war'"),
        (rule('when { principal in Role::"clerk" }'), "undeclared-role", "'clerk'"),
        (rule('when { principal has location && principal.location == "x" }'), "undeclared-attribute", "'location'"),
        (rule('when { principal has department && principal.department == "C" }'), "impossible-value", "never 'C'"),
        (rule("when { false }"), "never-matches", "a condition is false"),
        (rule("when { principal.active } unless { principal.active }"), "never-matches", "its opposite"),
        (
            rule('when { context has purpose && context.purpose == "care" } when { context.purpose == "sales" }'),
            "never-matches", "'care' and 'sales'",
        ),
        (rule('when { principal in Role::"admin" && principal in Role::"auditor" }'), "never-matches", "exclude one another"),
        (
            '@id("narrow") permit (principal in Role::"user", action == Action::"infer", resource);', "shadowed",
            "narrow decides nothing that users-ask-models (10-roles.cedar:",
        ),
        (
            rule("when { principal.active && resource.clearanceLevel > 1 }")
            + '@id("all") permit (principal, action == Action::"infer", resource) when { principal.active };',
            "shadowed", "mine decides nothing that all (90.cedar:4)",
        ),
        (
            rule("") + '@id("no") forbid (principal, action, resource);', "always-forbidden",
            "mine permits nothing: no (90.cedar:4)",
        ),
        (rule("when { principal.active }") + rule("when { resource.clearanceLevel > 1 }"), "same-id", "2 policies are called"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_with_its_place(own: str, code: str, says: str) -> None:
    found = [one for one in mistakes(own) if one.code == code and one.where.startswith("90.cedar:")]
    assert found, mistakes(own)
    assert says in found[0].what


def test_a_policy_that_differs_in_anything_is_not_shadowed() -> None:
    own = (
        '@id("a") permit (principal in Role::"user", action == Action::"infer", resource) when { principal.active };'
        '@id("b") permit (principal in Role::"auditor", action == Action::"infer", resource) when { principal.active };'
        '@id("c") permit (principal, action == Action::"infer", resource) when { context.windows.contains("office") };'
        '@id("d") permit (principal, action == Action::"infer", resource) when { context.networks.contains("site") };'
    )
    assert [one.what.split()[0] for one in mistakes(own) if one.code == "shadowed"] == ["a"], "by users-ask-models"


def test_what_is_said_under_an_or_contradicts_nothing() -> None:
    own = rule('when { context has purpose && (context.purpose == "care" || context.purpose == "sales") }')
    assert mistakes(own) == []


def test_what_is_declared_and_not_used_or_held_is_a_note() -> None:
    found = {(one.code, one.mistake) for one in check_policies(policies("", RULES), {"user"})}
    expected = {"unused-window", "unused-network", "unused-fresh", "unused-attribute", "unheld-role"}
    assert {(code, False) for code in expected} <= found


def test_a_forbid_that_cuts_into_a_permit_is_a_note() -> None:
    own = rule('when { context.windows.contains("office") }', "forbid")
    found = [one for one in check_policies(policies(own, RULES), {"user"}) if one.code == "conflict"]
    assert any("mine (90.cedar:3) forbids a part of what users-ask-models permits" in one.what for one in found)
    assert not any("administrators-administer" in one.what for one in found)


def test_policies_know_their_lines_whatever_stands_in_texts_and_comments() -> None:
    text = (
        '// a; b\n@id("x;y") @reason("// no comment; no")\npermit (principal, action, resource);\n\n\n'
        '@id("z")\nforbid (principal, action, resource);\n'
    )
    assert [(one.id, one.where) for one in read_policies({"a.cedar": text})] == [("x;y", "a.cedar:2"), ("z", "a.cedar:6")]


# -- examples --------------------------------------------------------------------------------------------------------


def test_the_examples_that_ship_come_to_what_they_say() -> None:
    outcomes = run_examples((FOLDER / "access.examples.yaml").read_text("utf-8"), "access.examples.yaml", policies())
    assert len(outcomes) > 8
    assert [one for one in outcomes if one.wrong] == []


EXAMPLES = """\
version: 1
people:
  ann: {roles: [user], attributes: {department: A}}
examples:
  - {name: in time, who: ann, action: infer, at: "2026-01-07T09:00:00Z", expect: allow}
  - {name: too late, who: ann, action: infer, at: "2026-01-07T19:00:00Z", expect: deny, policies: [mine]}
  - {name: wrong, who: ann, action: infer, at: "2026-01-07T19:00:00Z", expect: allow}
  - {name: another, who: ann, action: infer, at: "2026-01-07T09:00:00Z", expect: allow, policies: [mine]}
"""


def test_an_example_says_what_it_expected_and_what_it_got() -> None:
    outcomes = run_examples(EXAMPLES, "e.yaml", policies(rule('unless { context.windows.contains("office") }', "forbid"), RULES))
    assert [one.wrong for one in outcomes] == [
        "", "", "expected allow, got deny", "expected the policy mine, got users-ask-models",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("who: ann, action: infer, at", "who: bob, action: infer, at", "e.yaml:5: examples[0].who"),
        ("2026-01-07T09:00:00Z", "today", "e.yaml:5: examples[0]"),
        ("expect: allow}", "expect: maybe}", "e.yaml:5: examples[0].expect"),
        ("roles: [user]", "clearance: {level: top}", "e.yaml:3: people.ann"),
        ("roles: [user]", "roles: [usr]", "e.yaml:3: people.ann.roles"),
        ("{department: A}", "{departmnt: A}", "e.yaml:3: people.ann"),
        ("{department: A}", "{signal: rsk}", "e.yaml:3: people.ann.attributes"),
        ("action: infer,", "action: infr,", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, resource: Document,", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, network: 10.1.2.x,", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, means: [passkey],", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, signed_in: 5m, means: [pass],", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, shared: [read],", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, purpose: war,", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, network: moon,", "e.yaml:5: examples[0]"),
        ("action: infer,", "action: infer, resource: Moon,", "e.yaml:5: examples[0]"),
        ("roles: [user]", "role: user", "e.yaml:3: people.ann.role"),
    ],
)
def test_what_is_wrong_with_a_table_is_named_with_its_place(before: str, after: str, where: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run_examples(EXAMPLES.replace(before, after, 1), "e.yaml", policies())
    assert caught.value.where == where


def test_an_example_says_what_was_shared_and_how_somebody_signed_in() -> None:
    table = """\
version: 1
people: {ann: {}, bob: {clearance: {level: internal}}}
examples:
  - {name: given, who: bob, action: readData, resource: Document, owner: ann, shared: [read], expect: allow}
  - {name: not given, who: bob, action: readData, resource: Document, owner: ann, shared: [use], expect: deny}
  - {name: given and above, who: bob, action: readData, resource: "Document::x", owner: ann, shared: [read],
     label: {level: confidential}, expect: deny, policies: [nobody-handles-data-above-them]}
  - {name: weak, who: ann, action: viewConsole, signed_in: 5m, expect: deny, policies: [mine]}
  - {name: strong, who: ann, action: viewConsole, signed_in: 5m, means: [password, code], expect: allow}
"""
    own = """@id("mine") forbid (principal, action == Action::"viewConsole", resource)
    unless { context.strength.contains("second-factor") };"""
    assert [one.wrong for one in run_examples(table, "e.yaml", policies(own, RULES))] == [""] * 5


def test_an_example_that_no_policy_decides_is_wrong_whatever_it_expects() -> None:
    """An older schema does not know the action: that it is denied says nothing of the policies."""
    schema = "\n".join(line for line in TEXTS["schema.cedarschema"].splitlines() if not line.startswith("action requestRole"))
    roles = "\n\n".join(
        one for one in TEXTS["10-roles.cedar"].split("\n\n") if "requestRole" not in one and "approveRole" not in one
    )
    older = policies(**{"schema.cedarschema": schema, "10-roles.cedar": roles})
    table = (
        "version: 1\npeople: {ann: {}}\nexamples:\n  - {name: asks, who: ann, action: requestRole, owner: ann, expect: deny}\n"
    )
    assert [one.wrong for one in run_examples(table, "e.yaml", older)] == ["no policy decided this"]


def test_levels_of_ones_own_stand_in_examples() -> None:
    levels = Levels(("public", "closed"))
    table = """\
version: 1
people: {ann: {roles: [user], clearance: {level: closed}}}
examples: [{name: asks, who: ann, action: infer, label: {level: closed}, cleared: {level: closed}, expect: allow}]
"""
    assert [one.wrong for one in run_examples(table, "e.yaml", policies(), levels)] == [""]
