"""The detectors that are more than a pattern: each room's, wired to this deployment. One place to add a new one."""

from __future__ import annotations

from importlib.resources import files

from wardstead.adapters.models.names import LOADING_S, InstalledModel, NamesDetector
from wardstead.adapters.models.pool import WorkerPool
from wardstead.adapters.models.worker import Load, Worker
from wardstead.bootstrap.content import content
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.known import documents
from wardstead.config import NamesSection
from wardstead.inspection.ports import TextDetector
from wardstead.inspection.prose import ProseDetector, load_phrases
from wardstead.kernel.yaml_input import read_yaml


def text_detectors(deployment: Deployment) -> tuple[TextDetector, ...]:
    """Every ``TextDetector`` that the configuration asks for, in the order in which they are asked.

    Nothing is loaded here that takes long: a detector loads what it needs when it is first asked, and says then what it
    lacks. Raises ``ConfigurationError`` where the configuration itself is wrong.
    """
    settings = deployment.settings.inspection
    found: list[TextDetector] = []
    if settings.names.enabled:
        found.append(names(settings.names))
    found.append(prose())
    found += content(deployment)
    found += documents(deployment)
    return tuple(found)


def names(settings: NamesSection) -> NamesDetector:
    """The detector of people and places. Raises ``ConfigurationError`` where its model is not installed."""
    model = names_model()
    load = model.load({"person": settings.person, "place": settings.place})
    return NamesDetector(
        _pool(NamesDetector.id, load, settings.workers, settings.timeout_s), version=model.version, max_chars=settings.max_chars
    )


def prose() -> ProseDetector:
    """The detector of what stands in prose: addresses, dates, people with their titles."""
    folder = files("wardstead.catalogues") / "prose"
    return ProseDetector(
        load_phrases({f"prose/{one.name}": one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".yaml")})
    )


def names_model() -> InstalledModel:
    """Which model finds names: the catalogue's."""
    resource = files("wardstead.catalogues") / "models" / "names.yaml"
    return read_yaml(resource.read_text("utf-8"), "models/names.yaml", InstalledModel, ours=True)


def _pool(name: str, load: Load, workers: int, timeout_s: float) -> WorkerPool:
    return WorkerPool(name, lambda: Worker(load, timeout_s=LOADING_S), workers=workers, timeout_s=timeout_s)
