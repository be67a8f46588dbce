"""The trained scores that ship with the product, with this site's thresholds."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.reading import present, read_text
from wardstead.inspection.ports import Direction, Origin, TextDetector
from wardstead.inspection.scoring.detectors import ScoreDetector, Use
from wardstead.inspection.scoring.model import Model, read_model
from wardstead.inspection.scoring.scorer import Scorer
from wardstead.inspection.scoring.thresholds import Thresholds, load_thresholds

_PROMPTS, _ANSWERS = frozenset({Direction.PROMPT}), frozenset({Direction.ANSWER})
_FOREIGN = frozenset({Origin.TOOL, Origin.DOCUMENT})
_SENTENCE_BYTES = 16
"""Two words are no instruction, whatever they are ("secret six")."""
USES = {
    "prompt-injection": Use(_PROMPTS, frozenset({Origin.USER}), readings=True, conversation=True, least_bytes=_SENTENCE_BYTES),
    "indirect-injection": Use(_PROMPTS, _FOREIGN, readings=True, least_bytes=_SENTENCE_BYTES),
    "harm": Use(_PROMPTS | _ANSWERS, frozenset({Origin.USER})),
    "refusal": Use(_ANSWERS, frozenset(), head_characters=400),
}
"""What each model looks at, by its file in the catalogue ``weights``."""


def scores(deployment: Deployment) -> tuple[TextDetector, ...]:
    """The detectors. Raises ``ConfigurationError`` where a threshold is wrong, ``BadModel`` where weights were altered."""
    return tuple(detectors(deployment))


def detectors(deployment: Deployment) -> list[ScoreDetector]:
    """The same, as what they are."""
    mine = read_thresholds(deployment)
    return [ScoreDetector(Scorer(model(name)), use, mine.of(model(name).digest)) for name, use in USES.items()]


@cache
def model(name: str) -> Model:
    """One of the models. Raises ``BadModel``."""
    resource = files("wardstead.catalogues") / "weights" / f"{name}.bin"
    return read_model(resource.read_bytes(), f"weights/{name}.bin")


def thresholds_file(deployment: Deployment) -> Path:
    """Where this site's thresholds are."""
    return deployment.places.policies / "thresholds.yaml"


def read_thresholds(deployment: Deployment) -> Thresholds:
    """This site's thresholds; none where it was not calibrated. Raises ``ConfigurationError``."""
    path = thresholds_file(deployment)
    if not present(path):
        return Thresholds()
    return load_thresholds(read_text(path), str(path), [head.type for name in USES for head in model(name).header.heads])


def outdated_thresholds(deployment: Deployment) -> tuple[str, ...]:
    """The types whose calibrated threshold does not count any more: it was measured with other weights."""
    weights = {head.type: model(name).digest for name in USES for head in model(name).header.heads}
    return read_thresholds(deployment).outdated(weights)
