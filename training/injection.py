"""Trains the scores of injections: ``python -m training.injection --data PATH`` (README.md)."""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training import lab, sources
from training.grammar import Grammar, rules
from training.sources import Sample
from wardstead.inspection.scoring.features import FEATURES

HERE = Path(__file__).parent
OUT = HERE.parent / "src/wardstead/catalogues/weights"
SEED = 20261125
BITS = 19
PENALTY = 3e-5
FALSE_ALARMS = 0.02
DIRECT = (
    "leak", "simple_override", "persona", "suppressed", "fiction", "delimited", "tooling", "splitting", "encoded", "manyshot",
    "persuade", "overload", "indirect", "multi_override",
)  # fmt: skip
PLANTED = ("indirect", "indirect", "answer_goal", "simple_override", "delimited", "tooling", "code_goal")
BENIGN = ("trigger", "multi", "document", "code_ask", "task_long", "code_block")


def own_attacks(seed: int, each: int) -> list[Sample]:
    """Attacks of every family, written by the grammar."""
    grammar = Grammar(rules((HERE / "attack_rules.txt").read_text("utf-8")), random.Random(seed))
    return [Sample(text, 1, f"own-{rule}", "own") for rule in DIRECT for text in grammar.samples(rule, each)]


def own_benign(seed: int, each: int, part: slice = slice(None), source: str = "own") -> list[Sample]:
    """Benign texts that use the words of attacks, documents, code. ``part`` of the alternatives, so that others can test."""
    read = rules((HERE / "benign_rules.txt").read_text("utf-8"))
    chosen = {name: found[part] if name in BENIGN else found for name, found in read.items()}
    grammar = Grammar(chosen, random.Random(seed))
    return [Sample(text, 0, f"{source}-{rule}", source) for rule in BENIGN for text in grammar.samples(rule, each)]


def planted(document: str, attack: str, rng: random.Random) -> str:
    """``attack`` somewhere in ``document``: at its begin, its end, or after a sentence."""
    cut = rng.choice([0, len(document), len(document), *(at + 1 for at, char in enumerate(document) if char in ".\n")])
    return document[:cut] + rng.choice(["\n", " ", "\n\n"]) + attack + rng.choice(["\n", " "]) + document[cut:]


def indirect(found: sources.Bipia, seed: int, each: int) -> list[Sample]:
    """Documents with an instruction to the model in them, and the same documents without."""
    rng = random.Random(seed)
    attack = Grammar(rules((HERE / "attack_rules.txt").read_text("utf-8")), rng)
    benign = Grammar(rules((HERE / "benign_rules.txt").read_text("utf-8")), rng)
    documents = [benign.expand("<document>") for _ in range(each * 4)]
    samples = [Sample(one, 0, "own-document", "own") for one in documents]
    samples += [
        Sample(planted(rng.choice(documents), attack.expand(f"<{rule}>"), rng), 1, f"own-planted-{rule}", "own")
        for rule in PLANTED
        for _ in range(each)
    ]
    samples += [Sample(one, 0, "bipia-email", "bipia") for one in found.emails]
    for kind, texts in (found.attacks | found.code_attacks).items():
        samples += [Sample(planted(rng.choice(found.emails), text, rng), 1, f"bipia-{kind}", "bipia") for text in texts * 4]
    return samples


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled texts, and the folds: which families of sources are left out together."""

    samples: list[Sample]
    folds: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The score of each text by a model that has seen nothing of its family of sources."""

    scores: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    folds: np.ndarray


def left_out(corpus: Corpus, table: lab.Table, penalty: float) -> LeftOut:
    """Train without each fold, and score it."""
    labels = np.array([one.label for one in corpus.samples])
    names = np.array([one.source for one in corpus.samples])
    families = np.array([one.family for one in corpus.samples])
    scores = np.zeros(len(labels))
    folds = np.full(len(labels), "", object)
    for fold, members in corpus.folds.items():
        held = np.isin(families, members)
        weights = np.zeros(len(labels))
        weights[~held] = lab.balanced(list(names[~held]), labels[~held])
        found, bias = table.fit(~held, labels, weights, penalty)
        scores[held] = table.scores(found, bias, held)[held]
        folds[held] = fold
    return LeftOut(scores, labels, names, folds)


def threshold(out: LeftOut, false_alarms: float) -> float:
    """The lowest score at which no benign source has more false alarms than that, when left out."""
    benign = {name: out.scores[(out.sources == name) & (out.labels == 0)] for name in sorted(set(out.sources))}
    return max(float(np.quantile(found, 1 - false_alarms)) for found in benign.values() if len(found) >= 50)


def file_of(corpus: Corpus, table: lab.Table, out: LeftOut, limit: float, *, name: str, kind: str, penalty: float) -> bytes:
    """The model trained on everything, as a file."""
    labels = out.labels
    weights = lab.balanced([one.source for one in corpus.samples], labels)
    found, bias = table.fit(np.ones(len(labels), bool), labels, weights, penalty)
    slope, intercept = lab.platt(out.scores[out.folds != ""], labels[out.folds != ""])
    table8, scale = lab.packed(found)
    head = lab.Head(
        type=kind, bias=bias, scale=scale, slope=slope, intercept=intercept,
        threshold=float(lab.probability(np.array([limit]), slope, intercept)[0]),
    )  # fmt: skip
    version = f"1:{SEED}"
    header = lab.Header(name=name, version=version, category="injection", features=FEATURES, bits=BITS, heads=(head,))
    return lab.write_model(header, table8[None, :])


def report(out: LeftOut, limit: float) -> str:
    """The figures, source by source, as a table in Markdown."""
    benign = out.scores[(out.labels == 0) & (out.folds != "")]
    lines = ["| source (left out) | texts | AUC against all benign | found |", "|---|---|---|---|"]
    for name in sorted(set(out.sources[(out.labels == 1) & (out.folds != "")])):
        chosen = out.scores[(out.sources == name) & (out.labels == 1)]
        lines.append(f"| {name} | {len(chosen)} | {lab.auc(chosen, benign):.3f} | {(chosen > limit).mean():.2f} |")
    lines += ["", "| benign source (left out) | texts | flagged |", "|---|---|---|"]
    for name in sorted(set(out.sources[(out.labels == 0) & (out.folds != "")])):
        chosen = out.scores[(out.sources == name) & (out.labels == 0)]
        lines.append(f"| {name} | {len(chosen)} | {(chosen > limit).mean():.2%} |")
    attacks = out.scores[(out.labels == 1) & (out.folds != "")]
    lines += ["", f"All sources together: AUC {lab.auc(attacks, benign):.3f}."]
    return "\n".join(lines)


def direct_corpus(data: Path) -> Corpus:
    """For what a person writes."""
    rng = random.Random(SEED)
    samples = [
        *sources.injection(data, rng),
        *own_attacks(SEED, 250),
        *own_benign(SEED + 1, 350, slice(0, None, 2)),
        *own_benign(SEED + 2, 350, slice(1, None, 2), "own-other"),
    ]
    families = {
        "s-labs": ("s-labs",),
        "neuralchemy": ("neuralchemy",),
        "hackaprompt": ("hackaprompt", "arena-hard"),
        "yanismiraoui": ("yanismiraoui", "self-instruct"),
        "jailbreaks": ("jailbreak-templates", "hh-rlhf"),
        "documents": ("presidio", "atlas"),
        "own": ("own-other",),
    }
    return Corpus(samples, families)


def main() -> None:
    """Train, report, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    corpus = direct_corpus(given.data)
    table = lab.Table([one.text for one in corpus.samples], BITS)
    out = left_out(corpus, table, PENALTY)
    limit = threshold(out, FALSE_ALARMS)
    print(report(out, limit))
    data = file_of(corpus, table, out, limit, name="prompt-injection", kind="prompt-injection", penalty=PENALTY)
    (given.out / "prompt-injection.bin").write_bytes(data)


if __name__ == "__main__":
    main()
