"""The detectors that are more than a pattern: each room's, wired to this deployment. One place to add a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from wardstead.adapters.models.classifier import OwnClassifier
from wardstead.adapters.models.judge import JudgeDetector
from wardstead.adapters.models.names import LOADING_S, InstalledModel, NamesDetector
from wardstead.adapters.models.pool import WorkerPool
from wardstead.adapters.models.worker import Load, Worker, lacks
from wardstead.adapters.plugins import checked, plugin
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.content import content
from wardstead.bootstrap.detection.known import documents
from wardstead.bootstrap.detection.prose import prose
from wardstead.config.sections import ClassifierSection, JudgeSection, NamesSection
from wardstead.inspection.contract import Checkup
from wardstead.inspection.entities.medical import MedicalTerms
from wardstead.inspection.judging import load_bench
from wardstead.inspection.ports import Direction, Origin, TextDetector
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import read_yaml


def text_detectors(deployment: Deployment) -> tuple[TextDetector, ...]:
    """Every ``TextDetector`` that the configuration asks for, in the order in which they are asked.

    Nothing is loaded here that takes long: a detector loads what it needs when it is first asked, and says then what it
    lacks. Raises ``ConfigurationError`` where the configuration itself is wrong.
    """
    from wardstead.bootstrap.detection.scores import scores  # numpy takes long to import, and most commands look at no text

    settings = deployment.settings.inspection
    found: list[TextDetector] = []
    if settings.medical_terms:
        found.append(MedicalTerms())
    if settings.names.enabled:
        found.append(names(settings.names))
    found.append(prose())
    found += content(deployment)
    found += documents(deployment)
    found += scores(deployment)
    found += [_classifier(deployment, one) for one in settings.classifiers]
    place = str(deployment.places.config)
    if settings.judge.model:
        found.append(_judge(deployment, settings.judge, f"{place}: inspection.judge.model"))
    found += [plugin(one.name, one.settings, f"{place}: inspection.plugins", timeout_s=one.timeout_s) for one in settings.plugins]
    twice = sorted(name for name, count in Counter(one.id for one in found).items() if count > 1)
    if twice:
        raise ConfigurationError(f"two detectors are called {twice[0]!r}", where=f"{place}: inspection")
    return tuple(found)


def reports(deployment: Deployment, *, thorough: bool = True) -> list[Checkup]:
    """Of each text detector whether it works and keeps the contract. Takes a second at least: models are loaded."""
    # A judge is asked once: a thorough check would keep its model busy for minutes.
    return [checked(one, thorough=thorough and not isinstance(one, JudgeDetector)) for one in text_detectors(deployment)]


def lacking(detectors: Sequence[TextDetector]) -> dict[str, str]:
    """By detector, what its model lacks. Quick: nothing is loaded."""
    pools = {one.id: one.pool for one in detectors if isinstance(one, NamesDetector | OwnClassifier)}
    return {name: why for name, pool in pools.items() if (why := pool.lacks())}


def names(settings: NamesSection) -> NamesDetector:
    """The detector of people and places. Raises ``ConfigurationError`` where its model is not installed."""
    model = names_model()
    load = model.load({"person": settings.person, "place": settings.place})
    return NamesDetector(
        _pool(NamesDetector.id, load, settings.workers, settings.timeout_s), version=model.version, max_chars=settings.max_chars
    )


def names_installed() -> bool:
    """Whether the model of names is here."""
    try:
        names_model().load({})
    except ConfigurationError:
        return False
    return True


def names_model() -> InstalledModel:
    """Which model finds names: the catalogue's."""
    resource = files("wardstead.catalogues") / "models" / "names.yaml"
    return read_yaml(resource.read_text("utf-8"), "models/names.yaml", InstalledModel, ours=True)


def _judge(deployment: Deployment, settings: JudgeSection, where: str) -> JudgeDetector:
    """The judge reads every answer, so it must be cleared for all that any model may read, and read it where we isolate it."""
    models = {one.name: one for one in deployment.settings.models}
    model = models.get(settings.model)
    if model is None or model.upstream.kind != "embedded":
        raise ConfigurationError(f"there is no embedded model {settings.model!r}", where=where)
    clearance = deployment.clearance(model)
    beyond = sorted(name for name, one in models.items() if not clearance.dominates(deployment.clearance(one)))
    if beyond:
        raise ConfigurationError(
            "the judge may not read what it would judge", where=where, why=f"{beyond[0]} is cleared for more than it",
            next_step="give it a clearance that covers those of all models",
        )  # fmt: skip
    resource = files("wardstead.catalogues") / "judge" / "judge.yaml"
    socket = deployment.places.sockets(model.name) / "model.sock"
    bench = load_bench(resource.read_text("utf-8"), "judge/judge.yaml")
    return JudgeDetector(bench, socket, model.name, timeout_s=settings.timeout_s, chars=settings.chars)


def _classifier(deployment: Deployment, one: ClassifierSection) -> OwnClassifier:
    folder = deployment.places.directory
    wanted = {
        "model": (str(folder / one.model), one.sha256),
        "tokenizer": (str(folder / one.tokenizer), one.tokenizer_sha256),
    }
    options = {
        "task": one.task,
        "labels": [label.type for label in one.labels],
        "threshold": one.threshold,
        "activation": one.activation,
        "max_tokens": one.max_tokens,
    }
    load = Load("classifier", wanted, options, one.memory_bytes)
    return OwnClassifier(
        one.id,
        one.sha256[:12],
        _pool(one.id, load, one.workers, one.timeout_s),
        types={label.type: label.category for label in one.labels if label.type},
        marks=one.task == "text",
        cuts=one.cuts,
        directions=frozenset(map(Direction, one.directions)),
        origins=frozenset(map(Origin, one.origins)),
    )


def _pool(name: str, load: Load, workers: int, timeout_s: float) -> WorkerPool:
    def start() -> Worker:
        return Worker(load, timeout_s=LOADING_S)

    return WorkerPool(name, start, workers=workers, timeout_s=timeout_s, lacks=lambda: lacks(load))
