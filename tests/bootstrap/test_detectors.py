"""Detectors from the configuration: a network of one's own, another package's, what is missing, what is broken."""

from __future__ import annotations

import hashlib
import os
import textwrap
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import msgspec
import pytest
from tests.adapters.models.tiny_network import network, tokenizer
from tests.e2e.faulty import until

from wardstead.adapters.models.classifier import OwnClassifier
from wardstead.adapters.plugins import MOST_LATE
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.detectors import lacking, reports, text_detectors
from wardstead.bootstrap.initialise import initialise
from wardstead.bootstrap.processes import doctor
from wardstead.bootstrap.processes.condition import posture
from wardstead.bootstrap.processes.watching import Watched, failing
from wardstead.config.sections import LabelSection
from wardstead.inspection.contract import State
from wardstead.inspection.ports import Direction, Origin, Span, TextDetector
from wardstead.isolation.posture import State as Light
from wardstead.kernel.errors import ConfigurationError, DetectorFailed, DetectorOverwhelmed

WORDS = ["[UNK]", "codename", "bluebird", "harmless"]
ROWS = [[4.0, 0.0], [-1.0, 4.0], [-1.0, 6.0], [5.0, 0.0]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detectors") / "deployment"
    initialise(folder, lambda _step: None)
    return folder


def configured(folder: Path, inspection: str) -> Deployment:
    base = (folder / "wardstead.yaml").read_text().partition("inspection:")[0]
    return Deployment(folder, {}, config=base + "inspection:\n" + textwrap.indent(textwrap.dedent(inspection), "  "))


def own(
    folder: Path, *, of_texts: bool, labels: str = "[{}, {type: codename, category: trade-secret}]", more: str = ""
) -> Deployment:
    files = {"own.onnx": network(ROWS, of_texts=of_texts), "own.json": tokenizer(WORDS)}
    for name, data in files.items():
        (folder / "models" / name).write_bytes(data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return configured(
        folder,
        f"""\
        classifiers:
          - id: own
            model: models/own.onnx
            sha256: {digests["own.onnx"]}
            tokenizer: models/own.json
            tokenizer_sha256: {digests["own.json"]}
            task: {"text" if of_texts else "words"}
            labels: {labels}
            threshold: 0.6
            {more}
        """,
    )


def the_own(deployment: Deployment) -> OwnClassifier:
    (found,) = (one for one in text_detectors(deployment) if isinstance(one, OwnClassifier))
    return found


@pytest.fixture
def closing() -> Iterator[list[OwnClassifier]]:
    opened: list[OwnClassifier] = []
    yield opened
    for one in opened:
        one.close()


def test_a_network_of_ones_own_marks_texts(made: Path, closing: list[OwnClassifier]) -> None:
    detector = the_own(own(made, of_texts=True, more="directions: [prompt]"))
    closing.append(detector)
    texts = ["codename bluebird", "harmless words", "", "😀 codename bluebird \ud800"]
    seen = [[span.type for span in spans] for spans in detector.detect(texts)]
    assert seen == [["codename"], [], [], ["codename"]]
    assert detector.marks
    assert detector.directions == {Direction.PROMPT}
    assert dict(detector.types) == {"codename": "trade-secret"}


def test_a_network_of_ones_own_finds_words(made: Path, closing: list[OwnClassifier]) -> None:
    detector = the_own(own(made, of_texts=False))
    closing.append(detector)
    text = "é of codename bluebird and of harmless " * 700
    found = [text[span.start : span.end] for span in detector.detect([text])[0]]
    assert found == ["codename bluebird"] * 700


def test_a_network_with_other_outputs_than_labels_is_a_failed_verdict(made: Path, closing: list[OwnClassifier]) -> None:
    for of_texts in (True, False):
        detector = the_own(own(made, of_texts=of_texts, labels="[{}, {type: a, category: b}, {}]"))
        closing.append(detector)
        with pytest.raises(DetectorFailed):
            detector.detect(["codename"])


def test_a_changed_network_is_named_before_and_fails_after(tmp_path: Path, closing: list[OwnClassifier]) -> None:
    made = tmp_path / "deployment"  # whose policy it changes
    initialise(made, lambda _step: None)
    deployment = own(made, of_texts=True)
    assert lacking(text_detectors(deployment)) == {}
    (made / "models" / "own.onnx").write_bytes(network([[0.0, 9.0]] * 4, of_texts=True))
    detector = the_own(deployment)
    closing.append(detector)
    assert "digest differs" in lacking([detector])["own"]
    with pytest.raises(DetectorFailed, match="digest differs"):
        detector.detect(["codename"])
    report = next(one for one in reports(deployment, thorough=False) if one.id == "own")
    assert report.state is State.DEGRADED
    policy = made / "policies" / "classification.yaml"
    rule = "{category: trade-secret, label: {level: restricted}, prompt: block, answer: block}"
    policy.write_text(f"version: 2\nextends: general\nrules: [{rule}]\n")
    (light,) = (check for check in posture(deployment) if check.id == "detectors")
    assert light.state is Light.RED
    assert "own" in light.evidence


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("id: Own", "id"),
        ("sha256: abc", "sha256"),
        ("labels: [{}]", "labels"),
        ("labels: [{type: a}]", "labels"),
        ("threshold: 0", "threshold"),
        ("workers: 0", "workers"),
        ("origins: [nobody]", "origins"),
        ("colour: blue", "colour"),
    ],
)
def test_what_is_wrong_in_the_configuration_is_named(made: Path, change: str, where: str) -> None:
    good = {
        "id": "own",
        "model": "m",
        "sha256": "a" * 64,
        "tokenizer": "t",
        "tokenizer_sha256": "a" * 64,
        "labels": "[{type: a, category: b}]",
    }
    key, _, value = change.partition(": ")
    lines = "\n".join(f"    {name}: {text}" for name, text in (good | {key: value}).items())
    with pytest.raises(ConfigurationError) as failed:
        _ = configured(made, f"classifiers:\n  -{lines[3:]}\n").settings
    assert where in str(failed.value)


GO_ON = threading.Event()


class Plugged:
    """What another package brings; it behaves as its settings say."""

    version, marks, slow, cuts = "1", False, False, False
    types: Mapping[str, str] = {"shoe-size": "personal"}
    directions, origins = frozenset(Direction), frozenset(Origin)

    def __init__(self, settings: Mapping[str, object]) -> None:
        self.id = str(settings.get("id", "shoes"))
        self.how = settings.get("how", "well")
        self.calls = 0
        if self.how == "cannot be made":
            raise RuntimeError("no")

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        self.calls += 1
        if self.how == "raises" or (self.how == "raises later" and self.calls > 1):
            raise ValueError(f"I quote {texts}")
        if self.how == "ends the process later" and self.calls > 1:
            raise SystemExit(3)
        if self.how == "hangs later" and self.calls > 1 and "hang" in texts[0]:
            GO_ON.wait(60)
        if self.how == "undeclared":
            return [[Span("hat-size", 0, 1)] if text else [] for text in texts]
        return [[Span("shoe-size", at, at + 4)] if (at := text.find("size")) >= 0 else [] for text in texts]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package is installed that brings a detector."""
    info = tmp_path / "shoes-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shoes\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[wardstead.detectors]\nshoes = shoes:make\n")
    (tmp_path / "shoes.py").write_text("make = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import shoes  # type: ignore[import-not-found]

    monkeypatch.setattr(shoes, "make", Plugged)


def plugged(deployment: Deployment) -> TextDetector:
    (found,) = (one for one in text_detectors(deployment) if "shoe-size" in one.types)
    return found


@pytest.mark.usefixtures("package")
def test_another_package_s_detector_is_loaded_where_it_is_asked_for(made: Path) -> None:
    assert "shoe-size" not in {name for one in text_detectors(configured(made, "canaries: []")) for name in one.types}
    detector = plugged(configured(made, "plugins: [{name: shoes, settings: {id: big-shoes}}]"))
    assert detector.id == "big-shoes"
    assert detector.detect(["my size is 45", ""]) == [[Span("shoe-size", 3, 7)], []]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("plugins", "why"),
    [
        ("[{name: hats}]", "no detector 'hats'"),
        ("[{name: shoes, settings: {how: cannot be made}}]", "cannot be made"),
        ("[{name: shoes, settings: {how: undeclared}}]", "does not declare"),
        ("[{name: shoes, settings: {how: raises}}]", "raises ValueError"),
        ("[{name: shoes, settings: {id: Bad Id}}]", "id"),
        ("[{name: shoes}, {name: shoes}]", "two detectors"),
        ("[{name: shoes, settings: {id: repetition}}]", "two detectors"),
    ],
)
def test_what_cannot_be_loaded_or_breaks_the_contract_refuses_the_start(made: Path, plugins: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as failed:
        text_detectors(configured(made, f"plugins: {plugins}"))
    assert why in str(failed.value)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("how", ["raises later", "ends the process later"])
def test_a_detector_that_breaks_later_is_a_failed_verdict_that_quotes_nothing(made: Path, how: str) -> None:
    detector = plugged(configured(made, f"plugins: [{{name: shoes, settings: {{how: {how}}}}}]"))
    with pytest.raises(DetectorFailed) as failed:
        detector.detect(["my secret"])
    assert "secret" not in str(failed.value.diagnostics())


@pytest.mark.usefixtures("package")
def test_a_detector_that_hangs_has_failed_and_works_again_when_it_does(made: Path) -> None:
    detector = plugged(configured(made, "plugins: [{name: shoes, timeout_s: 0.2, settings: {how: hangs later}}]"))
    GO_ON.clear()
    try:
        for _ in range(MOST_LATE):
            with pytest.raises(DetectorFailed) as late:
                detector.detect(["hang"])
            assert "longer than 0.2 s" in late.value.why
        with pytest.raises(DetectorFailed) as busy:
            detector.detect(["my size"])  # no more threads than these
        assert "of before" in busy.value.why
    finally:
        GO_ON.set()

    def works() -> bool:
        try:
            return detector.detect(["my size"]) == [[Span("shoe-size", 3, 7)]]
        except DetectorFailed:
            return False

    until("it answers again", works)


@pytest.mark.usefixtures("package")
def test_the_posture_names_what_failed_when_it_was_last_asked_until_it_works(made: Path) -> None:
    deployment = configured(made, "plugins: [{name: shoes, timeout_s: 60}]")
    (inner,) = (one for one in text_detectors(deployment) if one.id == "shoes")
    watched, answers = Watched(inner, deployment.places.run), inner.detect
    deployment.places.run.mkdir(exist_ok=True)
    for error, state in ((DetectorOverwhelmed("too long"), Light.GREEN), (DetectorFailed("no"), Light.RED), (None, Light.GREEN)):
        inner.detect = Mock(side_effect=error) if error else answers  # type: ignore[method-assign]
        with pytest.raises(type(error)) if error else nullcontext():
            watched.detect(["my size"])
        (light,) = (check for check in posture(deployment) if check.id == "detectors")
        assert light.state is state
        assert ("failed when they were last asked: shoes" in light.evidence) == (state is Light.RED)
    (deployment.places.run / "failing.99999999.shoes").touch()  # of a worker that is gone
    assert failing(deployment) == []


def test_doctor_tells_what_failed_where_it_serves_though_it_works_when_it_is_tried_anew(made: Path) -> None:
    deployment = configured(made, "{}")
    deployment.places.run.mkdir(exist_ok=True)
    note = deployment.places.run / f"failing.{os.getpid()}.names"
    tried, sound = doctor._tried(deployment)
    note.touch()
    try:
        again, fault = doctor._tried(deployment)
    finally:
        note.unlink()
    assert sound is None
    assert {one.state for one in (*tried, *again)} == {State.READY}
    assert fault is not None
    assert fault.evidence.startswith("failed when they were last asked: names")


def test_everything_that_ships_keeps_the_contract(made: Path) -> None:
    results = reports(configured(made, "names: {enabled: true, timeout_s: 120}"))
    assert {one.id for one in results} >= {"names", "medical-terms"}
    assert [one for one in results if one.state is not State.READY] == []


def test_the_posture_says_where_names_are_not_looked_for(made: Path) -> None:
    lights = {
        enabled: next(one for one in posture(configured(made, f"names: {{enabled: {enabled}}}")) if one.id == "detectors").state
        for enabled in ("true", "false")
    }
    assert lights == {"true": Light.GREEN, "false": Light.AMBER}


def test_init_asks_for_names(made: Path) -> None:
    assert Deployment(made, {}).settings.inspection.names.enabled


def test_a_judge_is_one_of_our_own_models_cleared_for_what_it_judges(made: Path) -> None:
    found = text_detectors(configured(made, "judge: {model: smollm2}"))
    assert "judge" in {one.id for one in found}
    with pytest.raises(ConfigurationError, match="no embedded model 'other'"):
        text_detectors(configured(made, "judge: {model: other}"))
    deployment = configured(made, "judge: {model: smollm2}")
    models = deployment.settings.models
    more = msgspec.structs.replace(
        models[0], name="more", clearance=LabelSection(level="restricted", compartments=("trade-secrets",))
    )
    deployment.settings = msgspec.structs.replace(deployment.settings, models=(*models, more))  # type: ignore[misc]
    with pytest.raises(ConfigurationError, match="more is cleared for more"):
        text_detectors(deployment)
