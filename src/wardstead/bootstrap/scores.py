"""The trained scores that ship with the product, with this site's thresholds."""

from __future__ import annotations

from importlib.resources import files

from wardstead.bootstrap.deployment import Deployment, read_text
from wardstead.inspection.ports import Direction, Origin, TextDetector
from wardstead.inspection.scoring.detectors import ScoreDetector
from wardstead.inspection.scoring.model import Model, read_model
from wardstead.inspection.scoring.scorer import Scorer
from wardstead.inspection.scoring.thresholds import Thresholds, load_thresholds

MODELS = ("prompt-injection",)
"""By their file in the catalogue ``weights``."""


def scores(deployment: Deployment) -> tuple[TextDetector, ...]:
    """The detectors. Raises ``ConfigurationError`` where a threshold is wrong, ``BadModel`` where weights were altered."""
    known = {name: model(name) for name in MODELS}
    mine = thresholds(deployment, known)
    return (
        ScoreDetector(
            Scorer(known["prompt-injection"]),
            directions=frozenset({Direction.PROMPT}),
            origins=frozenset({Origin.USER}),
            thresholds=mine.of(known["prompt-injection"].digest),
            readings=True,
            conversation=True,
        ),
    )


def model(name: str) -> Model:
    """One of the models. Raises ``BadModel``."""
    resource = files("wardstead.catalogues") / "weights" / f"{name}.bin"
    return read_model(resource.read_bytes(), f"weights/{name}.bin")


def thresholds(deployment: Deployment, known: dict[str, Model]) -> Thresholds:
    """This site's thresholds; none where it was not calibrated. Raises ``ConfigurationError``."""
    path = deployment.places.policies / "thresholds.yaml"
    if not path.is_file():
        return Thresholds()
    types = [head.type for one in known.values() for head in one.header.heads]
    return load_thresholds(read_text(path), str(path), types)
