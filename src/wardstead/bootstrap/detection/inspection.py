"""The inspection room, wired: all detectors of a deployment under its classification policy."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from wardstead.adapters.compiled import CompiledFolder
from wardstead.adapters.keys.folder import CREDENTIALS
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.detectors import text_detectors
from wardstead.bootstrap.detection.known import windowed
from wardstead.bootstrap.detection.patterns import patterns
from wardstead.bootstrap.processes.watching import Watched
from wardstead.inspection.classify import Classifier
from wardstead.inspection.combining import Kind
from wardstead.inspection.content.leakage import leakage
from wardstead.inspection.content.planted import PlantedCanaries, Planter
from wardstead.inspection.fitting import places_of
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import Detector, canary, trusting
from wardstead.inspection.patterns.scanning import Kept
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import TextDetector


def pattern_detectors(deployment: Deployment) -> tuple[Detector, ...]:
    """The detectors that ship with the product, with the hosts that this deployment trusts."""
    return trusting(patterns(), deployment.trusted_hosts)


@dataclass(frozen=True, slots=True)
class Detected:
    """What is found in texts: kinds of places, by number, and detectors that need a whole text."""

    places: tuple[Kind, ...]
    text_detectors: tuple[TextDetector, ...]


def detected(deployment: Deployment) -> Detected:
    """What a start would look for now. Nothing is compiled. Raises ``ConfigurationError``."""
    patterns = (*pattern_detectors(deployment), *(canary(one) for one in deployment.settings.inspection.canaries))
    own = (*windowed(deployment), *planted(deployment))
    return Detected(places_of(patterns, own), (*text_detectors(deployment), leakage(())))


def inspector(deployment: Deployment, *, watched: bool = False, policy: ClassificationPolicy | None = None) -> PolicyInspector:
    """What inspects prompts and answers, compiled. ``watched``: what fails is noted. ``policy`` in place of the one in force.

    Raises ``ConfigurationError``.
    """
    texts: Sequence[TextDetector] = text_detectors(deployment)
    if watched:
        texts = [Watched(one, deployment.places.run) for one in texts]
    return PolicyInspector(
        pattern_detectors(deployment),
        policy or deployment.classification(),
        deployment.settings.inspection.canaries,
        text_detectors=tuple(texts),
        own=(*windowed(deployment), *planted(deployment)),
        leakage=partial(leakage, trusted_hosts=deployment.trusted_hosts),
        kept=_kept(deployment),
        max_findings=deployment.settings.inspection.max_findings,
    )


def planter(deployment: Deployment) -> Planter | None:
    """What plants canaries in a model's instructions, where the settings say so."""
    if not deployment.settings.inspection.plant_canaries:
        return None
    return Planter(hmac.digest(deployment.pepper, b"wardstead planted canaries v1", "sha256"))


def planted(deployment: Deployment) -> tuple[PlantedCanaries, ...]:
    """What finds them."""
    plants = planter(deployment)
    return (PlantedCanaries(plants),) if plants is not None else ()


def classifier(deployment: Deployment, *, scan: bool, policy: ClassificationPolicy | None = None) -> Classifier:
    """What explains a text; ``scan`` where there is much of it. ``policy`` in place of the one in force.

    Raises ``ConfigurationError``.
    """
    return Classifier(
        pattern_detectors(deployment),
        policy or deployment.classification(),
        deployment.settings.inspection.canaries,
        # No text by itself gives away what another said; policies may speak of it all the same.
        text_detectors=(*text_detectors(deployment), leakage(())),
        own=windowed(deployment),
        scan=scan,
        kept=_kept(deployment),
    )


def _kept(deployment: Deployment) -> Kept | None:
    """What was compiled before; nothing where there is no key that would tell it from what somebody else put there."""
    if not (deployment.keys.has(CREDENTIALS) and deployment.keys.open):
        return None
    key = hmac.digest(deployment.pepper, b"wardstead compiled detectors v1", "sha256")
    return CompiledFolder(deployment.places.state / "compiled", key)
