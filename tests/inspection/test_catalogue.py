"""Every detector finds its examples and not its counter-examples; the files fail closed."""

from __future__ import annotations

import pytest
from tests.inspection.test_guard import DETECTORS, POLICY

from wardstead.inspection.catalogue import Detector, canary, load_catalogue
from wardstead.inspection.inspector import PatternInspector
from wardstead.inspection.matching import Matcher
from wardstead.inspection.policy import load_policy
from wardstead.kernel.errors import ConfigurationError

CASES = [(one, text, True) for one in DETECTORS for text in one.examples]
CASES += [(one, text, False) for one in DETECTORS for text in one.counter_examples]


@pytest.mark.parametrize(("detector", "text", "expected"), CASES, ids=lambda value: getattr(value, "type", None))
def test_a_detector_finds_its_examples_alone(detector: Detector, text: str, expected: bool) -> None:
    data = text.encode()
    matcher = Matcher([detector])
    found = matcher.matches(0, data, 0, len(data)) if matcher.candidates(data) else []
    assert bool(found) is expected


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("a+", "bytes"), ("(?=a)b", "cannot have"), (r"(a)\1", "cannot have"), ("é", "ASCII"), ("(", "parse")],
)
def test_a_pattern_that_cannot_stream_is_refused_by_name(pattern: str, why: str) -> None:
    text = f"version: 1\ndetectors:\n  - {{type: bad-one, category: x, source: y, pattern: '{pattern}', examples: []}}\n"
    with pytest.raises(ConfigurationError, match=why):
        load_catalogue(text, "file.yaml")


def test_unknown_keys_are_fatal() -> None:
    with pytest.raises(ConfigurationError, match="surprise"):
        load_catalogue("version: 1\nsurprise: 2\ndetectors: []\n", "file.yaml")
    with pytest.raises(ConfigurationError, match="surprise"):
        load_policy("version: 1\nsurprise: 2\nrules: []\n", "file.yaml")


def test_a_detector_without_a_rule_is_refused() -> None:
    empty = load_policy("version: 1\nrules: []\n", "file.yaml")
    with pytest.raises(ConfigurationError, match="no rule covers"):
        PatternInspector(DETECTORS, empty)


def test_a_canary_must_be_long_enough_to_mean_something() -> None:
    with pytest.raises(ConfigurationError):
        canary("short")


def test_every_detector_names_its_source_and_has_an_example() -> None:
    assert all(one.examples for one in DETECTORS)
    assert POLICY.version
