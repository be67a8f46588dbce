"""Whether detectors and a classification policy go together, and what decides by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardstead.inspection.combining import Kind
from wardstead.inspection.known.matching import kinds_of_lists
from wardstead.inspection.known.ports import Windowed
from wardstead.inspection.patterns.catalogue import Detector
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import TextDetector
from wardstead.inspection.verdict import Judge
from wardstead.inspection.whole import WholeText, kinds_of


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a policy makes of findings, and when detectors look that need a whole text."""

    judge: Judge
    whole: WholeText


def places_of(patterns: Sequence[Detector], own: Sequence[Windowed]) -> tuple[Kind, ...]:
    """What patterns, canaries among them, and lists of the deployment's own find, by number."""
    return (*(Kind(one.type, one.category) for one in patterns), *kinds_of_lists(own))


def fit(places: Sequence[Kind], text_detectors: Sequence[TextDetector], policy: ClassificationPolicy) -> Fitted:
    """Both together. Nothing is compiled. Raises ``ConfigurationError`` when a detector has no rule, or a rule names none."""
    policy.check_slow_detectors({one.id for one in text_detectors})
    judge = Judge([*places, *kinds_of(text_detectors)], policy)
    return Fitted(judge, WholeText(text_detectors, judge, len(places), policy.slow_detectors))
