"""The detectors that are more than a pattern: each room's, wired to this deployment. One place to add a new one."""

from __future__ import annotations

from wardstead.bootstrap.deployment import Deployment
from wardstead.inspection.ports import TextDetector


def text_detectors(deployment: Deployment) -> tuple[TextDetector, ...]:
    """Every ``TextDetector`` that the configuration asks for, in the order in which they are asked.

    Nothing is loaded here that takes long: a detector loads what it needs when it is first asked, and says then what it
    lacks. Raises ``ConfigurationError`` where the configuration itself is wrong.
    """
    _ = deployment
    return ()
