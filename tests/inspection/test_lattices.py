"""Policies with levels of their own: what those that they extend mean there, and what is refused."""

from __future__ import annotations

import pytest

from wardstead.bootstrap.policy.classified import ready_made
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.policy_loading import load_policy
from wardstead.kernel.errors import ConfigurationError

FIVE = """version: 1
extends: general
levels: [public, internal, official, secret, top-secret]
level_aliases: {confidential: official, restricted: secret}
"""
BASE = """version: 1
handling: [{label: {level: public}, prompt: allow, answer: allow}, {label: {level: restricted}, prompt: redact, answer: redact}]
rules: [{type: a, label: {level: restricted}}, {type: b, label: {level: confidential}}]
"""


def loaded(text: str, **others: str) -> ClassificationPolicy:
    files = {**ready_made(), "base": BASE, **others}
    return load_policy(text, "mine.yaml", lambda name: (files[name], f"{name}.yaml"))


def test_general_is_read_in_the_levels_of_whoever_extends_it() -> None:
    policy = loaded(FIVE + "rules: [{type: email, label: {level: top-secret}}]\n")
    assert str(policy.treatment("private-key", "").label) == "secret; credentials"
    assert str(policy.treatment("x", "finance").label) == "official; finance"
    assert str(policy.treatment("email", "personal").label) == "top-secret"
    assert policy.levels.stored("restricted", []).level.name == "secret"
    assert policy.levels.level("top-secret").rank == 4


def test_levels_are_inherited() -> None:
    policy = loaded("version: 1\nextends: five\n", five=FIVE)
    assert policy.levels.names == ("public", "internal", "official", "secret", "top-secret")
    assert policy.levels.level("restricted").name == "secret"


def test_what_is_renamed_twice_means_what_the_last_says() -> None:
    policy = loaded(
        "version: 1\nextends: five\nlevels: [public, low, high]\n"
        "level_aliases: {internal: low, official: low, secret: high, top-secret: high}\n",
        five=FIVE,
    )
    assert policy.treatment("private-key", "").label.level.name == "high"
    assert policy.levels.level("confidential").name == "low"


def test_several_levels_may_become_one_and_the_strictest_of_their_handling_counts() -> None:
    policy = loaded(
        "version: 1\nextends: base\nlevels: [public, secret]\n"
        "level_aliases: {internal: secret, confidential: secret, restricted: secret}\n",
        base=BASE.replace(
            "{label: {level: restricted}, prompt",
            "{label: {level: confidential}, prompt: flag, answer: flag}, {label: {level: restricted}, prompt",
        ),
    )
    (action,) = set(policy.treatment("b", "").actions.values())
    assert action.name == "REDACT"


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("levels: [public, official]\n", "which are none here", "mine.yaml:3: levels"),
        (
            "levels: [public, official]\nlevel_aliases: {confidential: official, restricted: official}\n",
            "has the levels internal, which are none here", "mine.yaml:3: levels",
        ),
        (
            "levels: [public, restricted, internal, confidential]\n", "'confidential' is below 'restricted'",
            "mine.yaml:3: levels",
        ),
        ("levels: [internal, public]\n", "the lowest level is 'public'", "mine.yaml:3: levels"),
        ("level_aliases: {old: ancient}\n", "unknown level 'ancient'", "mine.yaml:3: level_aliases"),
        (
            "rules: [{type: a, label: {level: restrictd}}]\n", "unknown level 'restrictd'",
            "mine.yaml:3: rules[0].label.level",
        ),
        ("rules: [{type: a, label: {level: public}, prompt: hodl}]\n", "hodl", "mine.yaml:3: rules[0].prompt"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, what: str, where: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded("version: 1\nextends: base\n" + text)
    assert what in caught.value.what
    assert caught.value.where == where


def test_misspelt_words_are_told_what_they_may_be() -> None:
    for text, near in (
        ("rules: [{type: a, label: {level: restrictd}}]", "did you mean 'restricted'?"),
        ("rules: [{type: a, label: {level: public}, prompt: hodl}]", "did you mean 'hold'?"),
        ("rules: [{type: a, label: {level: public}, prompt: {isolated: blok, otherwise: allow}}]", "did you mean 'block'?"),
        ("compartments: {personal: x}\nrules: [{type: a, label: {level: restricted, compartments: [persnal]}}]", "'personal'"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            loaded(f"version: 1\nextends: base\n{text}\n")
        assert near in caught.value.why
    with pytest.raises(ConfigurationError) as caught:
        loaded("version: 1\nextends: base\nrules: [{category: personl, label: {level: public}}]\n").check_names(
            {"a"}, {"personal"}
        )
    assert "did you mean 'personal'?" in caught.value.why
