"""Wardstead as the bench runs it: patterns, phrases and, where asked for, the model of names of the installed product."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from typing import NamedTuple

from wardstead.inspection.classify import Classifier
from wardstead.inspection.entities.prose import ProseDetector, load_phrases
from wardstead.inspection.patterns.catalogue import Detector, load_catalogues
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import TextDetector


class Prediction(NamedTuple):
    """What an engine says of a place, in its own words. ``category`` is the catalogue's, empty for peers."""

    type: str
    start: int
    end: int
    category: str = ""
    detector: str = ""


class Engine:
    """The catalogues and text detectors, each place once: as ``wardstead classify`` shows it."""

    def __init__(self, *others: TextDetector) -> None:
        """``others``: text detectors besides those of prose."""
        self.detectors: tuple[Detector, ...] = load_catalogues(_texts("detectors"))
        self.prose = ProseDetector(load_phrases(_texts("prose")))
        policy = load_policy(
            (files("wardstead.catalogues") / "policies" / "classification.yaml").read_text("utf-8"),
            "classification.yaml",
            lambda name: ((files("wardstead.catalogues") / "classification" / f"{name}.yaml").read_text("utf-8"), name),
        )
        self._text_detectors = (self.prose, *others)
        self._classifier = Classifier(self.detectors, policy)

    @cached_property
    def categories(self) -> dict[str, str]:
        """The category of each type."""
        out = {one.type: one.category for one in self.detectors}
        for other in self._text_detectors:
            out.update(other.types)
        return out

    def detect(self, texts: Sequence[str]) -> list[list[Prediction]]:
        """For each text, what is in it, in order. What overlaps and is of one type is said once, and so is a postcode in an address."""
        out = []
        for text in texts:
            shown = [
                Prediction(one.type, one.start, one.end, one.category, one.detector)
                for one in self._classifier.classify(text).findings
            ]
            for other in self._text_detectors:
                for span in other.detect([text])[0]:
                    one = Prediction(span.type, span.start, span.end, other.types[span.type], other.id)
                    if not any(_is_part(one, old) or _is_same(one, old) for old in shown):
                        shown = [old for old in shown if not _is_part(old, one)] + [one]
            out.append(sorted(shown, key=lambda one: (one.start, one.end)))
        return out


def _is_same(one: Prediction, other: Prediction) -> bool:
    """Whether both say the same of places that overlap."""
    return one.type == other.type and one.start < other.end and other.start < one.end


_SAID_BETTER = {("postal-code", "postal-address"), ("date", "date-of-birth"), ("age", "age-over-89")}


def _is_part(one: Prediction, other: Prediction) -> bool:
    """Whether it lies in another of its type, or in one that says the same more exactly."""
    same = one.type == other.type or (one.type, other.type) in _SAID_BETTER
    return same and other.start <= one.start and one.end <= other.end


def _texts(folder: str) -> dict[str, str]:
    catalogue = files("wardstead.catalogues") / folder
    return {f"{folder}/{one.name}": one.read_text("utf-8") for one in catalogue.iterdir() if one.name.endswith(".yaml")}
