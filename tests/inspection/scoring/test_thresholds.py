"""Thresholds: from benign scores, from a file, and only for the weights that they were measured with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.scoring.thresholds import HIGHEST, Threshold, Thresholds, TooFewTexts, load_thresholds, threshold_for
from wardstead.kernel.errors import ConfigurationError

ONE = Threshold(type="t", threshold=0.8, weights="w", false_alarms=0.01, texts=500, sources=2, measured="2026-01-01T00:00:00Z")
SCORES = st.builds(
    lambda seed, count, power: np.random.default_rng(seed).integers(0, 990, count) ** power / 990**power,
    st.integers(0, 1000), st.integers(100, 400), st.integers(1, 4),
)  # fmt: skip


@given(st.dictionaries(st.text(min_size=1), SCORES, min_size=1, max_size=4), st.sampled_from([0.0, 0.005, 0.01, 0.02, 0.1]))
def test_no_source_has_more_false_alarms_than_allowed(scores: dict[str, np.ndarray], allowed: float) -> None:
    threshold = threshold_for(scores, allowed)
    for found in scores.values():
        assert (found >= threshold).mean() <= allowed


@given(SCORES)
def test_it_is_no_higher_than_it_must_be(scores: np.ndarray) -> None:
    threshold = threshold_for({"one": scores}, 0.02)
    below = np.unique(scores[scores < threshold])
    if len(below) and below[-1] > 0.01:
        assert (scores >= below[-1]).mean() > 0.02


def test_a_few_texts_say_nothing() -> None:
    with pytest.raises(TooFewTexts) as caught:
        threshold_for({"good": np.zeros(500), "few.txt": np.zeros(99)}, 0.01)
    assert caught.value.where == "few.txt"


def test_scores_that_are_all_high_leave_nothing_to_find() -> None:
    assert threshold_for({"one": np.ones(200)}, 0.01) == HIGHEST


def test_what_is_written_is_read() -> None:
    mine = Thresholds().having([ONE])
    assert load_thresholds(mine.text(), "f", ["t"]) == mine


def test_a_threshold_holds_for_its_weights_alone() -> None:
    mine = Thresholds().having([ONE])
    assert mine.of("w") == {"t": 0.8}
    assert mine.of("newer") == {}
    assert mine.outdated({"t": "newer"}) == ("t",)
    assert mine.outdated({"t": "w"}) == ()


@pytest.mark.parametrize(
    "text",
    [
        "version: 2\nthresholds: []\n",
        Thresholds().having([ONE]).text().replace("type: t", "type: x"),
        Thresholds().having([ONE]).text().replace("threshold: 0.8", "threshold: 1.5"),
        Thresholds().having([ONE]).text().replace("threshold: 0.8", "threshold: .nan"),
        "version: 1\nthresholds: [{type: t}]\n",
        "version: 1\nmore: 1\n",
        "]",
    ],
)
def test_a_wrong_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        load_thresholds(text, "thresholds.yaml", ["t"])


def test_a_second_threshold_is_refused() -> None:
    text = Thresholds().having([ONE]).text()
    with pytest.raises(ConfigurationError, match="second"):
        load_thresholds(text + text[text.index("- type") :], "f", ["t"])
