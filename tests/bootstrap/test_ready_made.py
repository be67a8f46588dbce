"""The ready-made policies over all the detectors of a real deployment."""

from __future__ import annotations

import pytest

from wardstead.bootstrap.classified import ready_made
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detectors import text_detectors
from wardstead.bootstrap.inspection import pattern_detectors
from wardstead.inspection.combining import Kind
from wardstead.inspection.ports import ANSWER, PROMPT
from wardstead.inspection.verdict import Judge
from wardstead.inspection.whole import WholeText, kinds_of


@pytest.mark.parametrize("name", sorted(ready_made()))
def test_an_isolated_model_s_answers_stream_under_every_ready_made_policy(deployment: Deployment, name: str) -> None:
    """What a policy would take out of an answer that only a whole text shows holds the stream until it is whole."""
    policy = deployment.classification(f"version: 2\nextends: {name}\n")
    kinds = [Kind(one.type, one.category) for one in pattern_detectors(deployment)]
    detectors = text_detectors(deployment)
    whole = WholeText(detectors, Judge([*kinds, *kinds_of(detectors)], policy), len(kinds), policy.slow_detectors)
    assert whole.concerns(ANSWER)
    assert not whole.takes_out(ANSWER)
    if name == "general":
        assert not whole.is_slow(ANSWER)
        assert whole.is_slow(PROMPT), "names are looked for where a diagnosis is"
