"""The inspection room, wired: all detectors of a deployment under its classification policy."""

from __future__ import annotations

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detectors import text_detectors
from wardstead.inspection.classify import Classifier
from wardstead.inspection.inspector import PolicyInspector


def inspector(deployment: Deployment) -> PolicyInspector:
    """What inspects prompts and answers, compiled. Raises ``ConfigurationError``."""
    return PolicyInspector(
        deployment.detectors(),
        deployment.classification(),
        deployment.settings.inspection.canaries,
        text_detectors=text_detectors(deployment),
    )


def classifier(deployment: Deployment, *, scan: bool) -> Classifier:
    """What explains a text; ``scan`` where there is much of it. Raises ``ConfigurationError``."""
    return Classifier(
        deployment.detectors(),
        deployment.classification(),
        deployment.settings.inspection.canaries,
        text_detectors=text_detectors(deployment),
        scan=scan,
    )
