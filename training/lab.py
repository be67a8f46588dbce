"""Rows of features, a weighted logistic regression over them, and the measures that every recipe reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from wardstead.inspection.scoring.features import BLOCKS, CELL_BYTES, PRIORS, SCALES, Features, features, fold
from wardstead.inspection.scoring.model import Head, Header, write_model

MAX_CHARS = 6000
Row = tuple[np.ndarray, np.ndarray]


def rows(text: str, bits: int) -> list[Row]:
    """The whole text as (columns, values), then each pair of neighbouring cells where there are several."""
    found = features(fold(text[:MAX_CHARS]))
    bounds = [(0, found.size_bytes)]
    if found.size_bytes > 2 * CELL_BYTES:
        bounds += [(at, at + 2 * CELL_BYTES) for at in range(0, found.size_bytes - CELL_BYTES, CELL_BYTES)]
    return [_row(found, begin, end, bits) for begin, end in bounds]


def _row(found: Features, begin: int, end: int, bits: int) -> Row:
    columns, values = [np.zeros(0, np.int64)], [np.zeros(0)]
    for block in range(BLOCKS):
        hashes, places = found.block(block)
        inside = hashes[(places >= begin) & (places < end)]
        if len(inside):
            index, counts = np.unique((inside >> np.uint64(64 - bits)).astype(np.int64), return_counts=True)
            columns.append(index)
            values.append(counts * (SCALES[block] / np.sqrt(max(1.0, len(inside) + PRIORS[block]))))
    return np.concatenate(columns), np.concatenate(values)


class Table:
    """Texts as rows of features: the whole of each, and its windows (a short text is its own)."""

    def __init__(self, texts: Sequence[str], bits: int) -> None:
        """Computes them."""
        given: list[Row] = []
        owners: list[int] = []
        wholes: list[int] = []
        for number, text in enumerate(texts):
            found = rows(text, bits)
            wholes.append(len(given))
            given += found
            owners += [number] * len(found)
        self.owner = np.array(owners)
        self.whole = np.array(wholes)
        self.single = np.bincount(self.owner) == 1
        is_whole = np.zeros(len(given), bool)
        is_whole[self.whole] = True
        self.window = ~is_whole | self.single[self.owner]
        ends = np.cumsum([0, *(len(columns) for columns, _ in given)])
        columns = np.concatenate([one for one, _ in given]).astype(np.int32)
        values = np.concatenate([one for _, one in given])
        self.x = sparse.csr_matrix((values, columns, ends), shape=(len(given), 1 << bits))

    def fit(
        self,
        chosen: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        penalty: float,
        telling: int = 0,
        *,
        rarity: bool = False,
    ) -> tuple[np.ndarray, float]:
        """The regression on the windows of the chosen texts. ``weights`` are the texts'.

        Most of a document with an attack in it is harmless: with ``telling``, of what is labelled only so many windows are learnt
        from, the ones that a first regression on all of them scores highest. With ``rarity`` a feature counts with its own.
        """
        use = self.window & chosen[self.owner]
        found = self._regression(use, labels, weights, penalty, rarity)
        if telling:
            use &= (labels[self.owner] == 0) | self._highest(self.x @ found[0], telling)
            found = self._regression(use, labels, weights, penalty, rarity)
        return found

    def _highest(self, scores: np.ndarray, count: int) -> np.ndarray:
        """The ``count`` windows of each text that score highest."""
        places = np.flatnonzero(self.window)
        order = places[np.lexsort((-scores[places], self.owner[places]))]
        before = np.searchsorted(self.owner[order], self.owner[order])
        highest = np.zeros(len(scores), bool)
        highest[order[np.arange(len(order)) - before < count]] = True
        return highest

    def _regression(
        self, rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float, rarity: bool
    ) -> tuple[np.ndarray, float]:
        use = np.flatnonzero(rows)
        owner = self.owner[use]
        share = weights[owner] / np.bincount(owner, minlength=len(labels))[owner]
        x = self.x[use]
        scale = rare(x) if rarity else np.ones(x.shape[1])
        found, bias = regression(x @ sparse.diags(scale), labels[owner], share / share.sum(), penalty)
        return found * scale, bias

    def scores(self, weights: np.ndarray, bias: float, chosen: np.ndarray) -> np.ndarray:
        """What ``Scorer.raw`` gives for each chosen text (and 0 for the others)."""
        every = self.x @ weights + bias
        result = np.zeros(len(self.whole))
        for number in np.flatnonzero(chosen):
            first = self.whole[number]
            if self.single[number]:
                result[number] = every[first]
                continue
            last = self.whole[number + 1] if number + 1 < len(self.whole) else len(every)
            result[number] = (every[first] + every[first + 1 : last].max()) / 2
        return result


def balanced(groups: Sequence[str], labels: np.ndarray, power: float = 0.5) -> np.ndarray:
    """A weight for each text: a source counts with the root of its size, attacks as much as benign texts."""
    sizes = Counter(groups)
    weights = np.array([sizes[one] ** (power - 1) for one in groups])
    for value in (0, 1):
        weights[labels == value] /= max(weights[labels == value].sum(), 1e-12)
    return weights / 2


def rare(x: sparse.csr_matrix) -> np.ndarray:
    """How rare each feature is, from 0 (in every row) to 1 (in one): the penalty is to bear on what is everywhere."""
    rows = x.shape[0]
    return np.log((rows + 1) / (np.bincount(x.indices, minlength=x.shape[1]) + 1)) / np.log(rows + 1)


def regression(x: sparse.csr_matrix, y: np.ndarray, weights: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Weights and bias of the logistic regression with an L2 penalty (``weights`` sum to one), by dual coordinate descent."""
    found = LogisticRegression(solver="liblinear", dual=True, C=1 / penalty, tol=0.02, max_iter=60, random_state=0)
    found.fit(x, y, sample_weight=weights)
    return found.coef_[0], float(found.intercept_[0])


def platt(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Slope and intercept that make probabilities of scores."""
    weights = np.where(labels == 1, 0.5 / max(1, labels.sum()), 0.5 / max(1, (1 - labels).sum()))
    found = LogisticRegression(C=1e4, max_iter=200)
    found.fit(scores[:, None], labels, sample_weight=weights * len(labels))
    return float(found.coef_[0, 0]), float(found.intercept_[0])


def probability(scores: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Scores as probabilities."""
    return 1 / (1 + np.exp(-np.clip(slope * scores + intercept, -40, 40)))


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """The area under the ROC curve; ties count half."""
    if not len(positive) or not len(negative):
        return float("nan")
    every = np.sort(negative)
    less = np.searchsorted(every, positive, "left")
    upto = np.searchsorted(every, positive, "right")
    return float((less + upto).mean() / 2 / len(every))


def packed(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights as signed bytes and their scale; the few largest are clipped."""
    limit = max(float(np.quantile(np.abs(weights[weights != 0]), 0.9999)) if weights.any() else 1.0, 1e-9)
    scale = limit / 127
    return np.clip(np.round(weights / scale), -127, 127).astype(np.int8), scale


__all__ = [
    "Head",
    "Header",
    "Table",
    "auc",
    "balanced",
    "packed",
    "platt",
    "probability",
    "rare",
    "regression",
    "rows",
    "write_model",
]
