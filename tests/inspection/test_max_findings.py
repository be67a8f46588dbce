"""A request with more findings than the limit is refused; one with as many is not, and answers have no such limit."""

from __future__ import annotations

import pytest

from wardstead.gateway.protocol.errors import status_of
from wardstead.inspection.inspector import PolicyInspector, TooManyFindings
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import Direction, Flow, ModelClass

POLICY = "version: 1\nrules: [{category: canary, label: {level: restricted}, prompt: redact, answer: redact}]\n"


def test_more_findings_than_the_limit_are_refused() -> None:
    inspector = PolicyInspector((), load_policy(POLICY, "p"), ("heron-7731-nightjar",), max_findings=4)
    prompt, answer = (Flow(direction, ModelClass.ISOLATED) for direction in (Direction.PROMPT, Direction.ANSWER))
    as_many = ["heron-7731-nightjar " * 2, "nothing", "heron-7731-nightjar, heron-7731-nightjar"]
    assert sum(len(one.findings) for one in inspector.inspect_all(as_many, prompt)) == 4
    for look in (inspector.inspect_all, inspector.patterns):
        with pytest.raises(TooManyFindings, match="more than 4") as caught:
            look([*as_many, "heron-7731-nightjar"], prompt)
        assert status_of(caught.value) == 413
        assert "heron" not in str(caught.value)
    assert len(inspector.inspect("heron-7731-nightjar " * 9, answer).findings) == 9
