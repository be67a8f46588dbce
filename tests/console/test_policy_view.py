"""The policy in words and tables: what the page says is what the policy does."""

from __future__ import annotations

import pytest
from tests.console.fakes import FakeServices, policy_of, ready_made

from wardstead.console import policy_view
from wardstead.inspection.policy import FLOWS, nearest
from wardstead.inspection.ports import Direction
from wardstead.kernel.findings import Action

NAMES = ("general", "health", "payment", "eu", "canada")


@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_says_what_the_handling_does(name: str) -> None:
    policy = policy_of(ready_made(name)[0])
    rows = policy_view.matrix(policy)
    labels = {(one.level.name, policy_view.compartments(one)): one for one in policy_view.labels_of(policy)}
    assert len(rows) == len(labels)
    for row in rows:
        entries = nearest(policy.handling, labels[row.level, row.compartments])
        expected = [max(entry.actions[flow] for entry in entries).name.lower() for flow in FLOWS]
        assert [cell.word for cell in row.cells] == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_ladder_holds_every_label_once(name: str) -> None:
    policy = policy_of(ready_made(name)[0])
    rungs = policy_view.ladder(policy)
    assert [rung.level for rung in rungs] == ["restricted", "confidential", "internal", "public"]
    shown = {(rung.level, one) for rung in rungs for one in rung.labels}
    assert shown == {(one.level.name, policy_view.compartments(one)) for one in policy_view.labels_of(policy) if one.compartments}


COMBINATIONS = """
version: 1
handling:
  - {label: {level: public}, prompt: allow, answer: allow}
  - {label: {level: restricted}, prompt: redact, answer: redact}
combinations:
  - id: person-with-a-condition
    of: [{type: person}, {type: medical-term}]
    within: 1200
    label: {level: restricted, compartments: [personal, health]}
  - id: many-people
    of: [{category: personal, count: 50}]
    label: {level: restricted}
    prompt: allow
  - {id: three, of: [{type: email, count: 2}, {category: payment}, {type: iban}], label: {level: public}}
"""


def test_combinations_are_sentences() -> None:
    said = policy_view.sentences(policy_of(COMBINATIONS))
    assert [(one[0], one[1], str(one[2])) for one in said] == [
        ("person-with-a-condition", "A person and a medical term within 1,200 characters", "restricted; health, personal"),
        ("many-people", "50 different findings of the category personal anywhere in one text", "restricted"),
        ("three", "2 different email findings, a finding of the category payment and an iban anywhere in one text", "public"),
    ]
    assert [policy_view.happens(one[3]) for one in said] == [
        "redacted",
        "in prompts let through, in answers redacted",
        "let through",
    ]


def test_what_differs_by_model_is_said_of_each() -> None:
    by_model = "{isolated: pseudonymise, otherwise: redact}"
    treatment = policy_of(
        f"version: 1\nrules:\n  - {{type: person, label: {{level: public}}, prompt: {by_model}, answer: allow}}\n"
    ).by_type["person"]
    assert policy_view.by_model(treatment, Direction.PROMPT) == (("isolated", "pseudonymise"), ("otherwise", "redact"))
    assert policy_view.happens(treatment) == (
        "in prompts pseudonymised where the model is isolated, otherwise redacted, in answers let through"
    )


def test_a_search_finds_rules_by_all_of_their_words() -> None:
    given = FakeServices().classification()
    everything = policy_view.categories(given)
    found = policy_view.categories(given, "EMAIL mask")
    assert [(one.name, [rule.type for rule in one.rules]) for one in found] == [("personal", ["email"])]
    assert found[0].rules[0].own
    assert policy_view.counted(found) == 1 < policy_view.counted(everything)
    assert policy_view.categories(given, "no such thing") == ()
    personal = next(one for one in everything if one.name == "personal")
    assert personal.detectors == ("names",)


def test_every_action_has_words() -> None:
    assert set(policy_view.DONE) == set(Action)
    assert set(policy_view.MEANING) == {action.name.lower() for action in Action}


@pytest.mark.parametrize(
    ("patterns", "detectors", "said"),
    [
        (0, (), "nothing at present"),
        (1, (), "1 pattern"),
        (0, ("names",), "names"),
        (12, ("names", "prose"), "12 patterns, names and prose"),
    ],
)
def test_a_category_says_what_finds_it(patterns: int, detectors: tuple[str, ...], said: str) -> None:
    assert policy_view.Category("personal", patterns, 0, detectors, ()).found_by == said
