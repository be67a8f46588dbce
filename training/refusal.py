"""Trains the score of refusals: ``python -m training.refusal --data PATH`` (README.md)."""

from __future__ import annotations

import argparse
import csv
import random
import re
from pathlib import Path

import numpy as np

from training import lab, recipe, sources
from training.grammar import Grammar, rules
from training.sources import Sample
from wardstead.inspection.scoring.features import FEATURES

HERE = Path(__file__).parent
OUT = HERE.parent / "src/wardstead/catalogues/weights"
BITS, PENALTY, FALSE_ALARMS = 17, 3e-5, 0.01
HEAD_CHARACTERS = 400
_CUE = re.compile(
    r"\b(can't|cannot|can not|sorry|unable|won't|not able|decline|refuse|apolog|against my|not going to|don't feel)",
    re.IGNORECASE,
)
_DOUBTFUL = re.compile(rf"{_CUE.pattern}|n't\b|\bnot\b|\bno\b|afraid|rather", re.IGNORECASE)
"""Nobody labelled these answers: what may refuse is left out."""


def samples(data: Path) -> list[Sample]:
    """Beginnings of answers."""
    found: list[Sample] = []
    for name in ("refusal", "refusal_extra"):
        with (data / f"refusal/{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(line for line in file if not line.startswith("#")):
                text, refused = row["assistant_response"], row["human_score"] == "1"
                if refused and not _CUE.search(text.replace("’", "'")[:HEAD_CHARACTERS]):
                    continue  # off the point, which its set counts as refusing; this score does not
                found.append(Sample(text, int(refused), name, name))
    for turns in sources.hh_dialogues(data / "harm/hhrlhf_harmless_test.jsonl.gz"):
        for who, text in turns:
            if who == "Assistant" and len(text) > 20 and not _DOUBTFUL.search(text.replace("’", "'")[:200]):
                found.append(Sample(text, 0, "hh-answers", "hh-answers"))
    read = rules((HERE / "refusal_rules.txt").read_text("utf-8"))
    for part, seed in (("own", 1), ("own-other", 2)):
        half = slice(0, None, 2) if part == "own" else slice(1, None, 2)
        chosen = {name: ones[half] if name in {"refusal", "answer"} else ones for name, ones in read.items()}
        grammar = Grammar(chosen, random.Random(recipe.SEED + seed))
        found += [Sample(text, 1, f"{part}-refusals", part) for text in grammar.samples("refusal", 600)]
        found += [Sample(text, 0, f"{part}-answers", part) for text in grammar.samples("answer", 600)]
    return [Sample(one.text[:HEAD_CHARACTERS], one.label, one.source, one.family) for one in sources.deduplicated(found)]


def main() -> None:
    """Train, report, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    folds = {name: (name,) for name in ("refusal", "refusal_extra", "hh-answers", "own", "own-other")}
    corpus = recipe.Corpus(samples(given.data), folds)
    labels = np.array([one.label for one in corpus.samples])
    table = lab.Table([one.text for one in corpus.samples], BITS)
    out = recipe.left_out(corpus, table, labels, PENALTY)
    limit = recipe.threshold(out, FALSE_ALARMS)
    print(recipe.report(out, limit))
    head, row = recipe.head(corpus, table, out, limit, kind="refusal", penalty=PENALTY)
    header = lab.Header(
        name="refusal", version=f"1:{recipe.SEED}", category="conduct", features=FEATURES, bits=BITS, heads=(head,)
    )
    recipe.write(given.out, "refusal", lab.write_model(header, row[None, :]))


if __name__ == "__main__":
    main()
