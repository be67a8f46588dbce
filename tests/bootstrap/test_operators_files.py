"""What an operator may leave in the folder of policies by mistake is named, and nothing waits for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.inspection import inspector
from wardstead.bootstrap.detection.known import dictionaries, indexes
from wardstead.bootstrap.detection.scores import read_thresholds
from wardstead.bootstrap.policy.classification import examples_of
from wardstead.bootstrap.reading import DICTIONARY_BYTES, POLICY_BYTES
from wardstead.bootstrap.warnings import written_by_others
from wardstead.kernel.errors import WardsteadError

READERS = {
    "wardstead.yaml": lambda one: one.settings,
    "policies/10-roles.cedar": lambda one: one.decision_point(),
    "policies/schema.cedarschema": lambda one: one.decision_point(),
    "policies/classification.yaml": lambda one: one.classification(),
    "policies/classification.examples.yaml": lambda one: examples_of(one, None),
    "policies/thresholds.yaml": read_thresholds,
    "policies/dictionaries/code-names.txt": dictionaries,
    "policies/dictionaries/code-names.yaml": dictionaries,
    "policies/known/values-customers.index": indexes,
}


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("make", "what"),
    [(pipe, "a named pipe"), (device, "a character device"), (endless, "too large")],
    ids=lambda one: str(one)[:12],
)
def test_what_has_no_end_is_refused_by_its_name(deployment: Deployment, name: str, make, what: str) -> None:  # type: ignore[no-untyped-def]
    path = deployment.places.directory / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    make(path)
    with pytest.raises(WardsteadError, match=what) as caught:
        READERS[name](Deployment(deployment.places.directory, {}))
    assert str(path) in caught.value.where


def test_a_dictionary_may_be_larger_than_a_policy(deployment: Deployment) -> None:
    path = deployment.places.policies / "dictionaries" / "code-names.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("# a comment\n" * (POLICY_BYTES // 10) + "Project Nightjar\n")
    assert POLICY_BYTES < path.stat().st_size < DICTIONARY_BYTES
    assert [one.terms for one in dictionaries(deployment)] == [("Project Nightjar",)]


@pytest.mark.parametrize("name", ["../../../etc/passwd", "nowhere", "a\0b", ".."])
def test_what_cannot_be_extended_names_the_file_that_says_so(deployment: Deployment, name: str) -> None:
    path = deployment.places.policies / "classification.yaml"
    text = f"version: 1\nextends: {name!r}\n".replace("'a\\x00b'", '"a\\0b"')
    path.write_text(text)
    with pytest.raises(WardsteadError) as caught:
        deployment.classification()
    assert caught.value.where in {f"{path}:2: extends", str(path.parent / "..")}


def test_a_link_out_of_the_folder_is_not_extended(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("version: 1\n")
    path = deployment.places.policies / "classification.yaml"
    (path.parent / "other.yaml").symlink_to(tmp_path / "secret.yaml")
    path.write_text("version: 1\nextends: other.yaml\n")
    with pytest.raises(WardsteadError, match="leads out of") as caught:
        deployment.classification()
    assert caught.value.where == f"{path}:2: extends"


def test_a_rule_for_what_nobody_finds_is_named_with_file_and_number(deployment: Deployment) -> None:
    path = deployment.places.policies / "classification.yaml"
    rule = "- {%s, label: {level: public}, prompt: allow, answer: allow}\n"
    path.write_text(
        "version: 1\nextends: general\nrules:\n" + rule % "type: email" + rule % "type: emial" + rule % "category: hr"
    )
    with pytest.raises(WardsteadError, match="emial, hr") as caught:
        inspector(deployment)
    assert set(caught.value.where.split(", ")) == {f"{path}:5: rules[1]", f"{path}:6: rules[2]"}


def test_files_that_others_may_write_are_known(deployment: Deployment) -> None:
    assert written_by_others(deployment) == []
    policies = deployment.places.policies
    (policies / "classification.yaml").chmod(0o620)
    (policies / "dictionaries").mkdir(exist_ok=True)
    (policies / "dictionaries").chmod(0o700)
    (policies / "dictionaries" / "terms.txt").write_text("Nightjar\n")
    (policies / "dictionaries" / "terms.txt").chmod(0o602)
    (policies / "dictionaries" / "gone.txt").symlink_to("nowhere")
    assert written_by_others(deployment) == [
        str(policies / "classification.yaml"), str(policies / "dictionaries" / "terms.txt"),
    ]  # fmt: skip
