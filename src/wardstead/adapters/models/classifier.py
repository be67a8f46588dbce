"""A deployment's own network as a detector: in processes like those of the model of names, and as confined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from wardstead.adapters.models.pool import WorkerPool
from wardstead.inspection.contract import wrong
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.kernel.errors import DetectorFailed

PART_CHARS: Final = 8192


class OwnClassifier:
    """A ``TextDetector`` over somebody's own network. Safe for threads."""

    slow = True

    def __init__(
        self, id: str, version: str, pool: WorkerPool, *, types: Mapping[str, str], marks: bool, cuts: bool,  # noqa: A002 -- the port's name
        directions: frozenset[Direction], origins: frozenset[Origin],
    ) -> None:  # fmt: skip
        """``marks``: it says something of texts as a whole. ``types``: see ``TextDetector``."""
        self.id, self.version, self.types = id, version, types
        self.marks, self.cuts, self.directions, self.origins = marks, cuts, directions, origins
        self.pool = pool

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """See ``TextDetector.detect``. Raises ``DetectorFailed``."""
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        parts = [(number, start, text[start:end]) for number, text in enumerate(clean) for start, end in stretches(text)]
        answer: list[list[Span]] = [[] for _ in texts]
        for (number, start, _), seen in zip(parts, self.pool.ask([part for _, _, part in parts]), strict=True):
            answer[number] += [Span(one.type, one.start + start, one.end + start, one.score) for one in seen]
        if self.marks:
            answer = [_surest(spans) for spans in answer]
        if problem := wrong(self, texts, answer) or ("" if self.marks else _overlapping(answer)):
            raise DetectorFailed("a detector failed", where=self.id, why=problem)
        return answer

    def close(self) -> None:
        """End the processes."""
        self.pool.close()


def stretches(text: str, most: int = PART_CHARS) -> Iterator[tuple[int, int]]:
    """A long text in parts that fit a job's time limit, cut between words where there is a gap in the last tenth."""
    start = 0
    while start < len(text):
        end = min(start + most, len(text))
        if end < len(text):
            gap = max(text.rfind(blank, end - most // 10, end) for blank in (" ", "\n"))
            end = gap + 1 if gap > start else end
        yield start, end
        start = end


def _surest(spans: Sequence[Span]) -> list[Span]:
    """Of each type one mark."""
    best: dict[str, Span] = {}
    for span in spans:
        if span.type not in best or span.score > best[span.type].score:
            best[span.type] = span
    return sorted(best.values(), key=lambda span: (span.start, span.type))


def _overlapping(answer: Sequence[Sequence[Span]]) -> str:
    apart = all(one.end <= other.start for spans in answer for one, other in pairwise(spans))
    return "" if apart else "its spans lie over one another"
