"""Scores a text with a model: the whole of it, and its windows."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from wardstead.inspection.scoring.features import BLOCKS, CELL_BYTES, PRIORS, SCALES, Features, features, fold
from wardstead.inspection.scoring.model import Model

PART_CHARACTERS: Final = 1 << 16
"""A longer text is scored in parts of this size, and the highest counts: they stay in the processor's cache."""
OVERLAP_CHARACTERS: Final = 512

Scores = npt.NDArray[np.float64]


class Scorer:
    """Computes a model's scores. Safe for threads."""

    def __init__(self, model: Model) -> None:
        """Keeps the model's weights."""
        self.model = model
        self._shift = np.uint64(64 - model.header.bits)
        self._weights = np.ascontiguousarray(model.table.T)
        self._bias = np.array([head.bias for head in model.header.heads])

    def raw(self, text: str) -> Scores:
        """The score of each head: the mean of the whole text's and of its highest window's."""
        begins = range(0, max(1, len(text) - OVERLAP_CHARACTERS), PART_CHARACTERS - OVERLAP_CHARACTERS)
        parts = (text[at : at + PART_CHARACTERS] for at in begins)
        highest: Scores = np.max(np.stack([self._raw(_LATEST.features(part)) for part in parts]), axis=0)
        return highest

    def probabilities(self, text: str) -> Scores:
        """The same as probabilities."""
        raw = self.raw(text)
        heads = self.model.header.heads
        return np.array([_sigmoid(head.slope * one + head.intercept) for head, one in zip(heads, raw, strict=True)])

    def _raw(self, found: Features) -> Scores:
        cells = max(1, -(-found.size_bytes // CELL_BYTES))
        sums = np.zeros((BLOCKS, len(self._bias), cells))
        counts = np.zeros((BLOCKS, cells))
        for block in range(BLOCKS):
            cell = found.places[block] // CELL_BYTES
            index = (found.hashes[block] >> self._shift).astype(np.int64)
            counts[block] = np.bincount(cell, minlength=cells)
            sums[block] = self._by_cell(index, cell, cells) * SCALES[block]
        whole = self._bias + sum(sums[b].sum(1) / _root(counts[b].sum() + PRIORS[b]) for b in range(BLOCKS))
        if cells < 3:
            return np.asarray(whole)
        windows = self._bias[:, None] + sum(
            (sums[b][:, :-1] + sums[b][:, 1:]) / _root(counts[b][:-1] + counts[b][1:] + PRIORS[b]) for b in range(BLOCKS)
        )
        return np.asarray((whole + windows.max(axis=1)) / 2)

    def _by_cell(self, index: npt.NDArray[np.int64], cell: npt.NDArray[np.int64], cells: int) -> Scores:
        """The sum of the weights of each cell's features, by head."""
        if len(self._bias) == 1:
            only: Scores = np.bincount(cell, weights=self._weights[index, 0], minlength=cells)[None, :].astype(np.float64)
            return only
        sums = np.zeros((cells, len(self._bias)))
        if len(cell):
            order = np.argsort(cell.astype(np.uint16) if cells < 1 << 16 else cell, kind="stable")  # 16 bits: a radix sort
            in_order = cell[order]
            starts = np.flatnonzero(np.diff(in_order, prepend=-1))
            sums[in_order[starts]] = np.add.reduceat(self._weights[index[order]], starts, axis=0)
        return sums.T


class _Latest:
    """The features of the last few texts that were scored: models look at the same ones, one after the other.

    What is kept are hashes, not what the texts say. Safe for threads: what was found is replaced, and never changed.
    """

    def __init__(self) -> None:
        self._found: dict[bytes, Features] = {}

    def features(self, text: str) -> Features:
        """Those of a text as it came."""
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        latest = self._found
        found = latest.get(key)
        if found is None:
            found = features(fold(text))
            self._found = dict([*latest.items(), (key, found)][-_FEW:])
        return found


_FEW: Final = 4
_LATEST: Final = _Latest()


def _root(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sqrt(np.maximum(counts, 1.0))


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -40, 40))))
