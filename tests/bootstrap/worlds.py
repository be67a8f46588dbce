"""A worker's snapshot of which only the inspector is asked, with few detectors: compiled in a moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from wardstead.bootstrap.policy.classified import ready_made
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import load_catalogues
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import TextDetector


def inspector(policy: str = "version: 1\nextends: general\n", *text_detectors: TextDetector) -> PolicyInspector:
    """What inspects, with the detectors of payment data alone."""
    catalogue = (files("wardstead.catalogues") / "detectors" / "payment.yaml").read_text()
    loaded = load_policy(policy, "classification.yaml", lambda name: (ready_made()[name], name))
    return PolicyInspector(load_catalogues({"payment.yaml": catalogue}), loaded, text_detectors=text_detectors)


@dataclass
class Worlds:
    """Holds the same inspector and directory for ever."""

    inspector: Any
    directory: Any = None
    decisions: Any = None

    @cached_property
    def current(self) -> Any:
        return self
