"""The reference of findings is the table of rules."""

from __future__ import annotations

import re
from pathlib import Path

from wardstead.supply.rules import RULES

PAGE = Path(__file__).parents[2] / "docs/reference/model-findings.md"


def test_the_reference_lists_every_rule_as_it_is() -> None:
    pattern = r"^\| `([a-z-]+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$"
    rows = {row[0]: row[1:] for row in re.findall(pattern, PAGE.read_text(), re.MULTILINE)}
    assert rows == {
        rule.id: (rule.severity.value, rule.title, ", ".join(rule.techniques), rule.next_step) for rule in RULES.values()
    }
