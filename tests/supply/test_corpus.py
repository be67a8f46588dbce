"""Every example of the corpus that bench/supply makes gets the verdict that it was made for."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.supply.case import Case
from bench.supply.corpus import corpus

from wardstead.bootstrap.scanning import scan, to_scan
from wardstead.supply.ports import Severity

CASES = list(corpus())


@pytest.mark.parametrize("case", CASES, ids=[f"{one.family}-{one.name}" for one in CASES])
def test_what_harms_is_blocked_and_the_rest_is_not(case: Case, tmp_path: Path) -> None:
    findings = [finding for file in scan(to_scan(case.write(tmp_path)), lambda _: None) for finding in file.findings]
    blocking = [f"{one.file}: {one.rule}: {one.what}" for one in findings if one.severity is Severity.BLOCK]
    assert bool(blocking) is case.harmful, blocking or findings
