"""Every example of the corpus that bench/supply makes gets the verdict that it was made for, for the reason that it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from bench.supply.case import Case
from bench.supply.corpus import corpus
from bench.supply.expected import SAME, named

from wardstead.bootstrap.models.scanning import scan, to_scan
from wardstead.supply.ports import Severity
from wardstead.supply.rules import RULES, Finding

CASES = list(corpus())
_NAMES = [f"{one.family}-{one.name}" for one in CASES]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[Finding]]:
    """What is found in each example, all of them scanned at once: a sandbox for each takes longer than what it does."""
    root = tmp_path_factory.mktemp("corpus")
    for case in CASES:
        if not _alone(case):
            case.write(root)
    found = defaultdict(list)
    for file in scan(to_scan(root), lambda _: None):
        found[file.file.split("/")[0]] += file.findings
    return found


def _alone(case: Case) -> bool:
    """Whether it matters which folder was named."""
    return bool(case.links) or case.family == "store"


def test_no_two_examples_are_called_the_same() -> None:
    assert len(set(_NAMES)) == len(_NAMES)


def test_what_is_expected_is_expected_of_an_example() -> None:
    harmful = {(SAME.get(one.family, one.family), one.name) for one in CASES if one.harmful}
    assert named() <= harmful
    assert all(one.rules <= RULES.keys() for one in CASES)


@pytest.mark.parametrize("case", CASES, ids=_NAMES)
def test_what_harms_is_blocked_and_the_rest_is_not(case: Case, together: Mapping[str, Sequence[Finding]], tmp_path: Path) -> None:
    findings = together[f"{case.family}-{case.name}"]
    if _alone(case):
        findings = [one for file in scan(to_scan(case.write(tmp_path)), lambda _: None) for one in file.findings]
    blocking = [f"{one.file}: {one.rule}: {one.what}" for one in findings if one.severity is Severity.BLOCK]
    assert bool(blocking) is case.harmful, blocking or findings
    assert case.rules <= {one.rule for one in findings}, blocking
