"""The ready-made policies over all the detectors of a real deployment."""

from __future__ import annotations

import pytest

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.inspection import detected
from wardstead.bootstrap.policy.classified import ready_made
from wardstead.inspection.fitting import fit
from wardstead.inspection.ports import ANSWER, PROMPT


@pytest.mark.parametrize("name", sorted(ready_made()))
def test_an_isolated_model_s_answers_stream_under_every_ready_made_policy(deployment: Deployment, name: str) -> None:
    """What a policy would take out of an answer that only a whole text shows holds the stream until it is whole."""
    found = detected(deployment)
    whole = fit(found.places, found.text_detectors, deployment.folder_classification(f"version: 2\nextends: {name}\n")).whole
    assert whole.concerns(ANSWER)
    assert not whole.takes_out(ANSWER)
    if name == "general":
        assert not whole.is_slow(ANSWER)
        assert whole.is_slow(PROMPT), "names are looked for where a diagnosis is"
