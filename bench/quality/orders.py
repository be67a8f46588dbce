"""``python -m bench.quality.orders``: orders that nobody of the conversation gave, of orders.yaml, into docs/reference.

Of ``tuned`` what was missed and what was flagged was looked at; of ``held``, not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import yaml

from bench.quality.report import replace, table
from wardstead.bootstrap.detection.prose import prose
from wardstead.bootstrap.detection.scores import USES, model
from wardstead.inspection.ports import TextDetector
from wardstead.inspection.scoring.detectors import ScoreDetector
from wardstead.inspection.scoring.scorer import Scorer

TEXTS: Final = Path(__file__).parent / "orders.yaml"
REFERENCE: Final = Path(__file__).parents[2] / "docs/reference/detector-quality.md"
CATEGORY: Final = "injection"


def main() -> None:
    """Measure and write."""
    halves: dict[str, dict[str, list[str]]] = yaml.safe_load(TEXTS.read_text("utf-8"))
    direct, planted = (ScoreDetector(Scorer(model(name)), USES[name], {}) for name in ("prompt-injection", "indirect-injection"))
    phrases = prose()
    typed, read = _finds(direct, phrases), _finds(planted, phrases)
    rows = []
    for kind in halves["tuned"]:
        texts = [(half, halves[half][kind]) for half in halves]
        rows.append([kind, *(f"{sum(map(finds, some))} of {len(some)}" for _, some in texts for finds in (typed, read))])
    head = ["texts", *(f"{half}, {where}" for half in halves for where in ("typed", "in a document"))]
    replace(REFERENCE, "orders", table(head, rows))


def _finds(*detectors: TextDetector) -> Callable[[str], bool]:
    """Whether one of them finds an injection in a text."""

    def finds(text: str) -> bool:
        return any(_injections(one, [text]) for one in detectors)

    return finds


def _injections(detector: TextDetector, texts: Sequence[str]) -> int:
    return sum(detector.types[span.type] == CATEGORY for spans in detector.detect(texts) for span in spans)


if __name__ == "__main__":
    main()
