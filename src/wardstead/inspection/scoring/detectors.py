"""Detectors over trained scores: what a text as a whole is, and how sure the score is of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np

from wardstead.inspection.extraction import own_text
from wardstead.inspection.patterns.decoding import decodings
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.inspection.scoring.features import fold, known_words
from wardstead.inspection.scoring.scorer import Scorer, Scores

JOINED_CHARACTERS: Final = 4096
"""Of a conversation, what is read together: its end."""
REMEMBERED: Final = 4096
"""Scores of texts that come back with every request of a conversation, by a digest of the text."""
_WORDS_THAT_TELL: Final = 3
_OF_EVERYTHING: Final = frozenset({"rot13", "reversed"})
"""Readings that exist of every text: scored where they say more of what injections are made of than the text does."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a score looks at. ``readings``: at what a text says decoded, too. ``conversation``: at all texts in a row, too.

    ``head_characters``: of each text, what is looked at. ``least_bytes``: a text that is shorter says too little to be scored.
    """

    directions: frozenset[Direction]
    origins: frozenset[Origin]
    readings: bool = False
    conversation: bool = False
    head_characters: int | None = None
    least_bytes: int = 0


_Known = tuple[Scores, tuple[tuple[str, float], ...]]
"""The scores of a text, and of the types that are found in it."""


class ScoreDetector:
    """A ``TextDetector`` over a model. Each finding marks the whole text."""

    marks = True
    slow = False
    cuts = False

    def __init__(self, scorer: Scorer, use: Use, thresholds: Mapping[str, float]) -> None:
        """``thresholds``: by type, in place of the model's own."""
        header = scorer.model.header
        self.id = header.name
        self.types: Mapping[str, str] = {head.type: header.category for head in header.heads}
        self.directions = use.directions
        self.origins = use.origins
        self.thresholds = {head.type: thresholds.get(head.type, head.threshold) for head in header.heads}
        self.weights = scorer.model.digest
        limits = ",".join(f"{one:.6g}" for one in self.thresholds.values())
        self.version = f"{header.version}:{self.weights[:12]}@{limits}"
        self._limits = np.array(list(self.thresholds.values()))
        self._scorer = scorer
        self._use = use
        self._remembered: dict[bytes, _Known] = {}

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """See ``TextDetector.detect``."""
        found = [self._known(text)[1] for text in texts]
        if self._use.conversation and len(texts) > 1 and not any(found):
            # What is harmless in pieces may not be so in a row: it counts against the last piece, which completes it.
            found[-1] = self._known("\n".join(texts)[-JOINED_CHARACTERS:])[1]
        return [
            [Span(kind, 0, len(text), score) for kind, score in one] if text else []
            for text, one in zip(texts, found, strict=True)
        ]

    def scores(self, text: str) -> Scores:
        """How sure it is of each type."""
        return self._known(text)[0]

    def _known(self, text: str) -> _Known:
        text = text[: self._use.head_characters]
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._remembered.get(key)
        if known is None:
            scores = self._highest(text)
            kinds = tuple(self.types)
            found = tuple((kinds[at], float(scores[at])) for at in np.flatnonzero(scores >= self._limits))
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            known = self._remembered[key] = (scores, found)
        return known

    def _highest(self, text: str) -> Scores:
        start, end = own_text(text)
        # A threshold is that of a text alone: neither our lines around a document nor its name may take it below.
        return np.maximum(self._as_read(text), self._as_read(text[start:end])) if start else self._as_read(text)

    def _as_read(self, text: str) -> Scores:
        if len(text.encode("utf-8", "replace")) < self._use.least_bytes:
            return np.zeros(len(self._limits))
        scores = self._scorer.probabilities(text)
        if self._use.readings:
            for reading in _telling(text):
                scores = np.maximum(scores, self._scorer.probabilities(reading))
        return scores


def _telling(text: str) -> Iterator[str]:
    """The readings of ``text`` that are worth a score."""
    least = 0
    for reading in decodings(text):
        if reading.kind in _OF_EVERYTHING:
            known = known_words(fold(reading.text))
            # Mostly it has too few by itself: only else is asked how many the text has as it stands.
            if known < _WORDS_THAT_TELL:
                continue
            least = least or known_words(fold(text)) + 1
            if known < least:
                continue
        yield reading.text
