"""Scores a text with a model: the whole of it, and its windows."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from wardstead.inspection.scoring.features import BLOCKS, CELL_BYTES, PRIORS, SCALES, features, fold
from wardstead.inspection.scoring.model import Model

MOST_CHARACTERS: Final = 1 << 20
"""Beyond it a text is scored in parts of this size, and the highest counts."""
TOP_WINDOWS: Final = 3

Scores = npt.NDArray[np.float64]


class Scorer:
    """Computes a model's scores. Safe for threads."""

    def __init__(self, model: Model) -> None:
        """Keeps the model's weights."""
        self.model = model
        self._shift = np.uint64(64 - model.header.bits)
        self._bias = np.array([head.bias for head in model.header.heads])

    def raw(self, text: str) -> Scores:
        """The score of each head: the mean of the whole text's and of its highest windows'."""
        parts = [fold(text[at : at + MOST_CHARACTERS]) for at in range(0, max(1, len(text)), MOST_CHARACTERS)]
        highest: Scores = np.max(np.stack([self._raw(part) for part in parts]), axis=0)
        return highest

    def probabilities(self, text: str) -> Scores:
        """The same as probabilities."""
        raw = self.raw(text)
        heads = self.model.header.heads
        return np.array([_sigmoid(head.slope * one + head.intercept) for head, one in zip(heads, raw, strict=True)])

    def _raw(self, folded: str) -> Scores:
        found = features(folded)
        cells = max(1, -(-found.size_bytes // CELL_BYTES))
        sums = np.zeros((BLOCKS, len(self._bias), cells))
        counts = np.zeros((BLOCKS, cells))
        for block in range(BLOCKS):
            cell = found.places[block] // CELL_BYTES
            index = (found.hashes[block] >> self._shift).astype(np.int64)
            counts[block] = np.bincount(cell, minlength=cells)
            for head, table in enumerate(self.model.table):
                sums[block, head] = np.bincount(cell, weights=table[index], minlength=cells) * SCALES[block]
        whole = self._bias + sum(sums[b].sum(1) / _root(counts[b].sum() + PRIORS[b]) for b in range(BLOCKS))
        if cells < 3:
            return np.asarray(whole)
        windows = self._bias[:, None] + sum(
            (sums[b][:, :-1] + sums[b][:, 1:]) / _root(counts[b][:-1] + counts[b][1:] + PRIORS[b]) for b in range(BLOCKS)
        )
        top = np.sort(windows, axis=1)[:, -TOP_WINDOWS:].mean(axis=1)
        return np.asarray((whole + top) / 2)


def _root(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sqrt(np.maximum(counts, 1.0))


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -40, 40))))
