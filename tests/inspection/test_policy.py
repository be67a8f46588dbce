"""The classification policy: what it means, and what is wrong with one that is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import CATALOGUES, DETECTORS, ready_made

from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import load_catalogues
from wardstead.inspection.policy import FLOWS, ClassificationPolicy
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import ANSWER, PROMPT, Direction, Flow, ModelClass
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import STANDARD, Label, label

UNATTESTED = Flow(Direction.PROMPT, ModelClass.UNATTESTED)
SMALL = load_catalogues(
    {
        "small.yaml": r"""
version: 1
detectors:
  - {id: name, type: person, category: who, source: none, pattern: '\bN[0-9]\b', examples: [N1]}
  - {id: illness, type: illness, category: what, source: none, pattern: '\bI[0-9]\b', examples: [I1]}
"""
    }
)
RULES = """
rules:
  - {category: who, label: {level: public}, prompt: allow, answer: allow}
  - {category: what, label: {level: internal}, prompt: allow, answer: allow}
"""


def policy(text: str) -> ClassificationPolicy:
    return load_policy(text, "policy.yaml", ready_made)


def small(text: str) -> PolicyInspector:
    return PolicyInspector(SMALL, policy(f"version: 2\n{RULES}\n{text}"))


@pytest.mark.parametrize("name", ["general", "health", "payment", "eu", "canada"])
def test_every_ready_made_policy_covers_every_detector(name: str) -> None:
    found = policy(f"version: 2\nextends: {name}")
    for one in DETECTORS:
        assert set(found.treatment(one.type, one.category).actions) == set(FLOWS)
    assert all(found.compartments.values()), "every compartment is explained"
    assert (CATALOGUES / f"classification/{name}.yaml").is_file()


def test_what_is_said_here_comes_before_what_is_extended() -> None:
    found = policy(
        "version: 3\nextends: general\n"
        "rules: [{type: email, label: {level: restricted, compartments: [personal]}, prompt: mask, answer: block}]"
    )
    email = found.treatment("email", "personal")
    assert (email.label, email.action(PROMPT), email.action(ANSWER)) == (
        label("restricted", ["personal"]), Action.MASK, Action.BLOCK,
    )  # fmt: skip
    assert found.treatment("phone", "personal").action(PROMPT) is Action.ALLOW
    assert found.version.startswith("3:")
    assert found.version != policy("version: 3\nextends: general").version


def test_the_nearest_handling_of_a_label_counts_and_of_several_the_strictest() -> None:
    text = """
handling:
  - {label: {level: public}, prompt: allow, answer: allow}
  - {label: {level: internal}, prompt: block, answer: block}
  - {label: {level: internal, compartments: [a]}, prompt: mask, answer: mask}
  - {label: {level: internal, compartments: [b]}, prompt: redact, answer: allow}
rules:
  - {type: person, label: {level: internal, compartments: [a]}}
  - {type: illness, label: {level: restricted, compartments: [a, b]}}
"""
    found = policy(f"version: 2\n{text}")
    assert found.treatment("person", "").action(PROMPT) is Action.MASK
    assert found.treatment("illness", "").action(PROMPT) is Action.REDACT
    assert found.treatment("illness", "").action(ANSWER) is Action.MASK


def test_what_happens_may_depend_on_the_class_of_the_model() -> None:
    inspector = small("").policy
    assert inspector.treatment("person", "who").action(UNATTESTED) is Action.ALLOW
    found = policy("version: 2\nextends: eu")
    assert found.treatment("email", "personal").action(PROMPT) is Action.PSEUDONYMISE
    assert found.treatment("email", "personal").action(UNATTESTED) is Action.REDACT


def test_records_are_kept_as_the_strictest_handling_says() -> None:
    text = """
handling:
  - {label: {level: internal}, prompt: allow, answer: allow, retention_days: 90, seen_by: [auditor, reviewer]}
  - {label: {level: internal, compartments: [a]}, prompt: allow, answer: allow, retention_days: 30, encryption: not-kept,
     seen_by: [auditor, admin]}
"""
    found = policy(f"version: 2\n{RULES}{text}")
    assert found.keeping(Label()).retention_days is None
    assert found.keeping(label("internal")).content
    strict = found.keeping(label("restricted", ["a"]))
    assert (strict.retention_days, strict.content, strict.seen_by) == (30, False, frozenset({"auditor"}))


TOGETHER = """
combinations:
  - id: ill-person
    of: [{type: person}, {category: what}]
    within: 10
    label: {level: restricted, compartments: [health]}
    prompt: redact
    answer: redact
"""


@pytest.mark.parametrize(
    ("text", "left", "level"),
    [
        ("N1 and N2", "N1 and N2", "public"),
        ("N1 has I1", "N1 has [redacted:illness]", "public"),
        ("I1 of N1 ok", "I1 of [redacted:person] ok", "internal"),
        ("N1 with I1 and I2", "N1 with [redacted:illness] and I2", "internal"),
        ("N1 and a long way off I1", "N1 and a long way off I1", "internal"),
    ],
)
def test_two_findings_near_each_other_mean_more_than_each(text: str, left: str, level: str) -> None:
    verdict = small(TOGETHER).inspect(text, PROMPT)
    assert (verdict.text, verdict.label.level.name) == (left, level)


def test_so_many_different_findings_mean_more_and_the_same_one_again_does_not() -> None:
    many = """
combinations:
  - {id: many, of: [{type: person, count: 3}], label: {level: confidential}, prompt: allow, answer: block}
"""
    inspector = small(many)
    assert inspector.inspect("N1 N2 N1 N2 N1", PROMPT).label == Label()
    verdict = inspector.inspect("N1 N2 N3", PROMPT)
    assert verdict.label == label("confidential")
    assert [one.combination for one in verdict.findings] == ["", "", "many"]
    assert inspector.inspect("N1 N2 N3 N4", ANSWER).text == "N1 N2 "


def test_texts_of_one_request_stand_one_behind_the_other() -> None:
    inspector = small(TOGETHER)
    assert [one.text for one in inspector.inspect_all(["N1", "I1"], PROMPT)] == ["N1", "[redacted:illness]"]
    assert [one.text for one in inspector.inspect_all(["N1", " " * 20, "I1"], PROMPT)] == ["N1", " " * 20, "I1"]


PIECES = st.lists(st.sampled_from(["N1", "N2", "N3", "I1", "I2", " ", " and ", "."]), max_size=30).map(" ".join)


@given(PIECES, st.integers(1, 9))
def test_combinations_do_not_depend_on_the_pieces_in_which_a_text_arrives(text: str, size: int) -> None:
    inspector = small(TOGETHER)
    whole = inspector.inspect(text, ANSWER)
    guard = inspector.guard(ANSWER)
    released = [guard.feed(text[at : at + size]) for at in range(0, len(text), size)] + [guard.finish()]
    assert "".join(one.text for one in released) == whole.text
    assert tuple(finding for one in released for finding in one.findings) == whole.findings
    assert guard.label == whole.label


@given(PIECES)
def test_a_combination_completes_where_a_plain_count_says(text: str) -> None:
    """Against a plain reading: a finding is redacted where one of the other kind that stays ends at most ten characters back."""
    stays: list[tuple[int, str]] = []
    expected = []
    for at in range(len(text) - 1):
        word = text[at : at + 2]
        if word[0] not in "NI" or not word[1].isdigit():
            continue
        near = any(other[0] != word[0] and at + 2 - where <= 10 for where, other in stays)
        expected.append(Action.REDACT if near else Action.ALLOW)
        if not near:
            stays = [(where, other) for where, other in stays if other != word] + [(at, word)]
    assert [one.action for one in small(TOGETHER).inspect(text, PROMPT).findings] == expected


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        (
            "rules: [{type: a, label: {level: secret}, prompt: allow, answer: allow}]",
            "unknown level",
            "rules[0].label.level",
        ),
        ("rules: [{type: a, category: b, label: {level: public}, prompt: allow, answer: allow}]", "one type or", "rules[0]"),
        ("rules: [{label: {level: public}, prompt: allow, answer: allow}]", "one type or", "rules[0]"),
        ("rules: [{type: a, label: {level: public}, prompt: allow}]", "nothing says what happens", "rules[0]"),
        ("rules: [{type: a, label: {level: public}, prompt: {isolated: allow}, answer: allow}]", "nothing says", "rules[0]"),
        (
            "handling: [{label: {level: public}, prompt: {isolated: allow}, answer: allow}]",
            "says nothing of",
            "handling[0].prompt",
        ),
        ("rules: [{type: a, label: {level: public}, prompt: shout, answer: allow}]", "", "rules[0].prompt"),
        (
            "combinations: [{id: x, of: [{type: a}], label: {level: public}, prompt: allow, answer: allow}]",
            "no combination",
            "of",
        ),
        ("combinations: [{id: x, of: [{count: 2}], label: {level: public}, prompt: allow, answer: allow}]", "one type or", "of"),
        (
            "compartments: {a: b}\nhandling: [{label: {level: public, compartments: [c]}, prompt: allow, answer: allow}]",
            "'c'",
            "",
        ),
        ("extends: nowhere", "no policy 'nowhere'", "policy.yaml:2: extends"),
        ("colour: blue", "unknown key 'colour'", "policy.yaml:2"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_its_place(text: str, what: str, where: str) -> None:
    def read(name: str) -> tuple[str, str]:
        raise ConfigurationError(f"there is no policy {name!r}")

    with pytest.raises(ConfigurationError) as caught:
        load_policy(f"version: 2\n{text}", "policy.yaml", read)
    told = str(caught.value.diagnostics())
    assert what in told
    assert where in told


def test_the_same_thing_said_twice_is_refused_with_both_places() -> None:
    rule = "{type: a, label: {level: public}, prompt: allow, answer: allow}"
    with pytest.raises(ConfigurationError, match="second entry for 'a'") as caught:
        policy(f"version: 2\nrules: [{rule}, {rule}]")
    assert caught.value.where.endswith(":2: rules[1]")
    assert ":2: rules[0]" in caught.value.why


def test_what_is_not_kept_cannot_be_held_for_review() -> None:
    kept = "handling: [{label: {level: restricted}, prompt: hold, answer: block, encryption: KEPT}]"
    rule = "rules: [{type: a, label: {level: restricted}}]"
    assert policy(f"version: 2\n{kept.replace('KEPT', 'subject')}\n{rule}").treatment("a", "").action(PROMPT) is Action.HOLD
    with pytest.raises(ConfigurationError, match="held for review, and not kept"):
        policy(f"version: 2\n{kept.replace('KEPT', 'not-kept')}\n{rule}")


def test_a_circle_of_policies_is_refused() -> None:
    files = {"a": ("version: 1\nextends: b", "a.yaml"), "b": ("version: 1\nextends: a", "b.yaml")}
    with pytest.raises(ConfigurationError, match="extends itself") as caught:
        load_policy(*files["a"], read=files.__getitem__)
    assert "a.yaml -> b.yaml -> a.yaml" in str(caught.value.diagnostics())


def test_a_rule_for_what_nobody_finds_is_refused_in_a_policy_of_ones_own() -> None:
    with pytest.raises(ConfigurationError, match="persn, which no detector finds") as caught:
        small("combinations: [{id: x, of: [{type: persn, count: 2}], label: {level: public}, prompt: allow, answer: allow}]")
    assert caught.value.where.endswith(": combinations[0].of[0]")
    assert "did you mean 'person'?" in caught.value.why
    assert "iban" not in caught.value.next_step, "who is told what was meant needs no list"


def test_when_a_detector_looks_that_there_is_not_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match="no detector 'nmaes'") as caught:
        small("slow_detectors: {nmaes: always}")
    assert re.search(r":\d+: slow_detectors\.nmaes$", caught.value.where)
    assert "did you mean 'names'?" in caught.value.why
    small("slow_detectors: {names: always}")


def test_a_misspelt_compartment_is_shown_where_it_stands() -> None:
    rule = "{type: person, label: {level: internal, compartments: [persnal]}, prompt: flag, answer: flag}"
    text = f"compartments: {{personal: of people}}\nrules:\n  - {rule}"
    with pytest.raises(ConfigurationError, match="'persnal' is not among") as caught:
        policy(f"version: 1\n{text}")
    assert re.search(r":4: rules\[0\]\.label\.compartments$", caught.value.where)


def test_the_levels_of_the_schema_are_those_of_the_kernel() -> None:
    for level in STANDARD.names:
        policy(f"version: 2\nhandling: [{{label: {{level: {level}}}, prompt: allow, answer: allow}}]")
