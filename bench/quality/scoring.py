"""Spans, and what it means to have found one.

A labelled span is found when a predicted span of the same label overlaps it (*overlap*), or has its very borders (*strict*).
A prediction is right when it overlaps (equals) a labelled span of the same label. Every prediction of an engine counts
against its precision, those of a label that the set does not have too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """``text[start:end]`` (characters) is a ``label``."""

    label: str
    start: int
    end: int


class Document(NamedTuple):
    """A text, where it is from, and what is in it."""

    source: str
    text: str
    spans: tuple[Span, ...] = ()


@dataclass
class Tally:
    """Labelled spans and predictions, and how many of each agree."""

    labelled: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def rates(self, labels: Iterable[str] | None = None) -> Rates:
        """Of some labels together, or of all."""
        wanted = set(labels) if labels is not None else self.labelled.keys() | self.predicted.keys()

        def total(counter: Counter[str]) -> int:
            return sum(counter[label] for label in wanted)

        return Rates(total(self.right), total(self.predicted), total(self.found), total(self.labelled))


class Rates(NamedTuple):
    """Precision is ``right`` of ``predicted``, recall ``found`` of ``labelled``."""

    right: int
    predicted: int
    found: int
    labelled: int

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.found / self.labelled if self.labelled else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def _overlaps(one: Span, other: Span) -> bool:
    return one.label == other.label and one.start < other.end and other.start < one.end


def _equals(one: Span, other: Span) -> bool:
    return one == other


def tally(
    documents: Sequence[Document],
    predictions: Sequence[Sequence[Span]],
    *,
    strict: bool = False,
    only: Mapping[str, str] | None = None,
) -> Tally:
    """Compare. With ``only``, predictions of other labels than those are left out."""
    agree: Callable[[Span, Span], bool] = _equals if strict else _overlaps
    out = Tally()
    for document, predicted in zip(documents, predictions, strict=True):
        known = [one for one in predicted if only is None or one.label in only]
        for label in document.spans:
            out.labelled[label.label] += 1
            out.found[label.label] += any(agree(one, label) for one in known)
        for one in known:
            out.predicted[one.label] += 1
            out.right[one.label] += any(agree(one, label) for label in document.spans)
    return out
