"""What the recipes share: leaving sources out, setting a threshold, and the report of how good a score is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from training import lab
from training.sources import Sample

SEED = 20261125
FEWEST = 50
"""A benign source of fewer texts sets no threshold."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled texts, and the folds: which families of sources are left out together."""

    samples: list[Sample]
    folds: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The score of each text by a model that has seen nothing of its family of sources. ``fold`` is empty where none was."""

    scores: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    fold: np.ndarray

    def of(self, label: int, source: str = "") -> np.ndarray:
        """The scores of left out texts with that label, of one source or of all."""
        chosen = (self.labels == label) & (self.fold != "")
        return self.scores[chosen & (self.sources == source) if source else chosen]

    def names(self, label: int) -> list[str]:
        """The sources that were left out and have such texts."""
        return sorted(set(self.sources[(self.labels == label) & (self.fold != "")]))


def left_out(
    corpus: Corpus,
    table: lab.Table,
    labels: np.ndarray,
    penalty: float,
    telling: int = 0,
    *,
    rarity: bool = False,
    known: np.ndarray | None = None,
) -> LeftOut:
    """Train without each fold, and score it. Of some texts the label is not known: they are neither learnt from nor measured."""
    known = np.ones(len(labels), bool) if known is None else known
    names = np.array([one.source for one in corpus.samples])
    families = np.array([one.family for one in corpus.samples])
    scores = np.zeros(len(labels))
    folds = np.full(len(labels), "", object)
    for fold, members in corpus.folds.items():
        held = np.isin(families, members) & known
        learnt = ~held & known
        weights = np.zeros(len(labels))
        weights[learnt] = lab.balanced(list(names[learnt]), labels[learnt])
        found, bias = table.fit(learnt, labels, weights, penalty, telling, rarity=rarity)
        scores[held] = table.scores(found, bias, held)[held]
        folds[held] = fold
    return LeftOut(scores, labels, names, folds)


def threshold(out: LeftOut, false_alarms: float, counts: Callable[[str], bool] = lambda _: True, *, together: str = "") -> float:
    """The lowest score at which no benign source that counts has more false alarms than that, when it is left out.

    Those whose names begin with ``together`` are one source: what one hand wrote, rule by rule.
    """
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for name in filter(counts, out.names(0)):
        found[together if together and name.startswith(together) else name].append(out.of(0, name))
    every = [scores for parts in found.values() if len(scores := np.concatenate(parts)) >= FEWEST]
    return max(float(np.sort(scores)[-1 - int(false_alarms * len(scores))]) for scores in every)


def head(
    corpus: Corpus,
    table: lab.Table,
    out: LeftOut,
    limit: float,
    *,
    kind: str,
    penalty: float,
    telling: int = 0,
    rarity: bool = False,
    known: np.ndarray | None = None,
) -> tuple[lab.Head, np.ndarray]:
    """The score trained on everything: its numbers and its row of the table."""
    known = np.ones(len(out.labels), bool) if known is None else known
    names = np.array([one.source for one in corpus.samples])
    weights = np.zeros(len(out.labels))
    weights[known] = lab.balanced(list(names[known]), out.labels[known])
    found, bias = table.fit(known, out.labels, weights, penalty, telling, rarity=rarity)
    measured = out.fold != ""
    slope, intercept = lab.platt(out.scores[measured], out.labels[measured])
    row, scale = lab.packed(found)
    at = float(lab.probability(np.array([limit]), slope, intercept)[0])
    return lab.Head(type=kind, bias=bias, scale=scale, slope=slope, intercept=intercept, threshold=at), row


def write(folder: Path, name: str, data: bytes) -> None:
    """Write a model's file, and record the digests of all."""
    (folder / f"{name}.bin").write_bytes(data)
    sums = [f"{sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in sorted(folder.glob("*.bin"))]
    (folder / "SHA256SUMS").write_text("".join(sums))


def report(out: LeftOut, limit: float) -> str:
    """The figures, source by source, in Markdown."""
    benign = out.of(0)
    lines = ["| source, left out | texts | AUC against all benign | found |", "|---|---|---|---|"]
    for name in out.names(1):
        chosen = out.of(1, name)
        lines.append(f"| {name} | {len(chosen)} | {lab.auc(chosen, benign):.3f} | {(chosen > limit).mean():.0%} |")
    every = out.of(1)
    lines.append(f"| **all** | {len(every)} | **{lab.auc(every, benign):.3f}** | {(every > limit).mean():.0%} |")
    lines += ["", "| benign source, left out | texts | false alarms |", "|---|---|---|"]
    for name in out.names(0):
        chosen = out.of(0, name)
        lines.append(f"| {name} | {len(chosen)} | {(chosen > limit).mean():.2%} |")
    lines.append(f"| **all** | {len(benign)} | **{(benign > limit).mean():.2%}** |")
    return "\n".join(lines)
