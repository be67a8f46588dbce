"""Scores a text with a model: the whole of it, and its windows."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from wardstead.inspection.scoring.features import BLOCKS, CELL_BYTES, PRIORS, SCALES, Features, Index, features, fold
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
        heads = model.header.heads
        self._bias = np.array([head.bias for head in heads])
        self._slopes = np.array([head.slope for head in heads])
        self._intercepts = np.array([head.intercept for head in heads])

    def raw(self, text: str) -> Scores:
        """The score of each head: the mean of the whole text's and of its highest window's."""
        if len(text) <= PART_CHARACTERS:
            return self._raw(_LATEST.placed(text))
        begins = range(0, len(text) - OVERLAP_CHARACTERS, PART_CHARACTERS - OVERLAP_CHARACTERS)
        parts = (text[at : at + PART_CHARACTERS] for at in begins)
        highest: Scores = np.max(np.stack([self._raw(_LATEST.placed(part)) for part in parts]), axis=0)
        return highest

    def probabilities(self, text: str) -> Scores:
        """The same as probabilities."""
        return np.asarray(1 / (1 + np.exp(-(self._slopes * self.raw(text) + self._intercepts).clip(-40, 40))))

    def _raw(self, found: _Placed) -> Scores:
        sums = self._by_cell(found)
        whole = self._bias + (sums.sum(2) / found.whole).sum(0)
        if found.windows is None:
            return np.asarray(whole)
        windows = self._bias[:, None] + ((sums[:, :, :-1] + sums[:, :, 1:]) / found.windows).sum(0)
        return np.asarray((whole + windows.max(axis=1)) / 2)

    def _by_cell(self, found: _Placed) -> Scores:
        """The scaled sum of the weights of each cell's features, by block and head."""
        index = (found.hashes >> self._shift).view(np.int64)
        size = BLOCKS * found.cells
        if len(self._bias) == 1:
            sums = np.bincount(found.cell, weights=self._weights[index, 0], minlength=size).astype(np.float64)[:, None]
        else:
            sums = np.zeros((size, len(self._bias)))
            if len(found.cell):
                order, starts = found.in_order
                sums[found.cell[order[starts]]] = np.add.reduceat(self._weights[index[order]], starts, axis=0)
        by_head = np.ascontiguousarray(sums.reshape(BLOCKS, found.cells, len(self._bias)).transpose(0, 2, 1))
        return np.asarray(by_head * _SCALES)


class _Placed:
    """The features of a text, each in its cell: the same for every model that looks at it."""

    def __init__(self, found: Features) -> None:
        self.hashes = found.hashes
        self.cells = max(1, -(-found.size_bytes // CELL_BYTES))
        self.cell = found.places // CELL_BYTES
        for block in range(1, BLOCKS):  # those of each block have numbers of their own
            self.cell[found.ends[block - 1] :] += self.cells
        counts = np.bincount(self.cell, minlength=BLOCKS * self.cells).reshape(BLOCKS, 1, self.cells)
        self.whole = _root(counts.sum(2) + _PRIORS[:, 0])
        self.windows = _root(counts[:, :, :-1] + counts[:, :, 1:] + _PRIORS) if self.cells >= _FEWEST_CELLS else None

    @cached_property
    def in_order(self) -> tuple[Index, Index]:
        """The features by cell, and where those of the next one begin."""
        few = BLOCKS * self.cells < 1 << 16
        order = np.argsort(self.cell.astype(np.uint16) if few else self.cell, kind="stable")  # 16 bits: a radix sort
        return order, np.flatnonzero(np.diff(self.cell[order], prepend=-1))


class _Latest:
    """The features of the last few texts that were scored: models look at the same ones, one after the other.

    What is kept are hashes, not what the texts say. Safe for threads: what was found is replaced, and never changed.
    """

    def __init__(self) -> None:
        self._found: dict[bytes, _Placed] = {}

    def placed(self, text: str) -> _Placed:
        """Those of a text as it came."""
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        latest = self._found
        found = latest.get(key)
        if found is None:
            found = _Placed(features(fold(text)))
            self._found = dict([*latest.items(), (key, found)][-_FEW:])
        return found


_FEW: Final = 4
_LATEST: Final = _Latest()


_FEWEST_CELLS: Final = 3
"""Of fewer the whole is a window."""
_PRIORS: Final = np.array(PRIORS).reshape(BLOCKS, 1, 1)
_SCALES: Final = np.array(SCALES).reshape(BLOCKS, 1, 1)


def _root(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sqrt(np.maximum(counts, 1.0))
