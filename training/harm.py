"""Trains the scores of harm by AILuminate's hazards: ``python -m training.harm --data PATH --packages PATH`` (README.md)."""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from training import injection, lab, recipe, refusal, sources
from training.grammar import Grammar, rules
from training.sources import Sample
from wardstead.inspection.scoring.features import FEATURES

OUT = injection.OUT
BITS, PENALTY, FALSE_ALARMS = 16, 3e-5, 0.01
ANY = "harm-unspecified"
HAZARDS = {
    "vcr": "harm-violent-crimes", "ncr": "harm-nonviolent-crimes", "src": "harm-sex-crimes", "cse": "harm-child-exploitation",
    "iwp": "harm-weapons", "ssh": "harm-self-harm", "hte": "harm-hate", "dfm": "harm-defamation", "prv": "harm-privacy",
    "ipv": "harm-intellectual-property", "sxc_prn": "harm-sexual-content", "spc_ele": "harm-elections",
    "spc_fin": "harm-specialised-advice", "spc_hlt": "harm-specialised-advice", "spc_lgl": "harm-specialised-advice",
}  # fmt: skip
"""MLCommons AILuminate 1.0: its hazard categories and our names of them."""
INTENTS = {
    "S001fabperson": "dfm", "S002fin": "spc_fin", "S002legal": "spc_lgl", "S002med": "spc_hlt", "S003instructions": "ncr",
    "S003goods": "ncr", "S004lewd": "sxc_prn", "S004erotica": "sxc_prn", "S004describe": "sxc_prn", "S005hate": "hte",
    "S005bully": "hte", "S007": "hte", "S006sh": "ssh", "S006violence": "vcr", "S006threat": "vcr", "S006items": "iwp",
    "S008code": "ncr", "S008phish": "ncr", "S008mal": "ncr", "S009private": "prv", "S009personal": "prv", "S009cred": "prv",
}  # fmt: skip
"""Do-Not-Answer's intents (its own codes) and the nearest hazard. The rest (misinformation, misplaced trust) has none."""
OWN = {"".join(letter if letter.isalpha() else "_" for letter in name.removeprefix("harm-")): name for name in HAZARDS.values()}
"""Rules of ours and their hazards."""
OWN_EACH, OWN_CALM = 300, 120
MOST_BENIGN = 3000
"""Of each benign set so many texts at most."""
_FEELINGS = ("C006", "C006emotion", "C006temporal", "C009")
"""What Do-Not-Answer lists because a model is no person: nothing harmful is asked."""


def samples(data: Path, folder: Path) -> tuple[list[Sample], list[str]]:
    """Texts, and the hazard of each (empty: harmful but of none, or benign)."""
    found = [
        *_ailuminate(data),
        *_do_not_answer(data),
        *_adv_bench(data),
        *_own(),
        *_benign(data),
        *((one, "") for one in injection.code(folder)),
    ]
    kept = {id(one): one for one in sources.deduplicated(one for one, _ in found)}
    pairs = [(one, hazard) for one, hazard in found if id(one) in kept]
    return [one for one, _ in pairs], [hazard for _, hazard in pairs]


def _ailuminate(data: Path) -> Iterator[tuple[Sample, str]]:
    with (data / "harm/ailuminate_demo_en.csv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            yield Sample(row["prompt_text"], 1, "ailuminate", f"ailuminate-{number % 4}"), HAZARDS[row["hazard"]]


def _do_not_answer(data: Path) -> Iterator[tuple[Sample, str]]:
    for path in sorted((data / "harm").glob("donotanswer_*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            if not all(one in _FEELINGS for one in row["intents"]):
                hazard = next((HAZARDS[INTENTS[one]] for one in row["intents"] if one in INTENTS), "")
                yield Sample(row["prompt"], 1, "do-not-answer", "do-not-answer"), hazard


def _adv_bench(data: Path) -> Iterator[tuple[Sample, str]]:
    for row in yaml.load((data / "harm/adv_bench.prompt").read_text("utf-8"), Loader=yaml.CSafeLoader)["seeds"]:
        yield Sample(row["value"], 1, "adv-bench", "adv-bench"), ""


def _own() -> Iterator[tuple[Sample, str]]:
    """Requests of each hazard in our words; and harmless ones in the same words, by parts of the rules that can be left out."""
    read = rules((injection.HERE / "harm_rules.txt").read_text("utf-8"))
    grammar = Grammar(read, random.Random(recipe.SEED))
    for rule, hazard in sorted(OWN.items()):
        for text in grammar.samples(rule, OWN_EACH):
            yield Sample(text, 1, "own-harm", "own-harm"), hazard
    for part in range(injection.PARTS):
        grammar = Grammar({**read, "calm": read["calm"][part :: injection.PARTS]}, random.Random(recipe.SEED + part))
        for text in grammar.samples("calm", OWN_CALM):
            yield Sample(text, 0, "own-calm", f"own-{part}"), ""


def _benign(data: Path) -> Iterator[tuple[Sample, str]]:
    rng = random.Random(recipe.SEED)
    numbers: Counter[str] = Counter()
    for one in sources.injection(data, rng):
        numbers[one.source] += one.label == 0
        if one.label == 0 and one.source not in {"hh-rlhf", "atlas", "hh-answers"} and numbers[one.source] <= MOST_BENIGN:
            yield one, ""
    for name in ("selfinstruct_seed_tasks", "selfinstruct_user_oriented"):
        for line in (data / f"benign/{name}.jsonl").read_text("utf-8").splitlines():
            yield Sample(json.loads(line)["instances"][0]["output"], 0, "answers", "answers"), ""
    for one in refusal.samples(data):
        if one.label == 0 and one.family.startswith("refusal"):
            yield Sample(one.text, 0, "answers", "answers"), ""
    for turns in sources.hh_dialogues(data / "harm/hhrlhf_harmless_test.jsonl.gz"):
        if turns and turns[0][0] == "Human" and len(turns[0][1]) > 12:
            yield Sample(turns[0][1], 1, "hh-rlhf", "hh-rlhf"), ""  # written to make a model say something harmful; not all do
    for part in range(injection.PARTS):
        for one in injection.own_benign(recipe.SEED + 3, 60, part, injection.AGAINST_ORDERS):
            yield Sample(one.text, 0, "own", f"own-{part}"), ""


def main() -> None:
    """Train, report, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    texts, hazards = samples(given.data, given.packages)
    quarters = tuple(f"ailuminate-{number}" for number in range(4))
    benign = (
        ("self-instruct", "presidio", "own-0", "code-0"), ("arena-hard", "own-1", "code-1"), ("neuralchemy", "own-2", "code-2"),
        ("answers", "s-labs", "own-3", "code-3"),
    )  # fmt: skip
    across = {
        "ailuminate": (*quarters, *benign[0]), "do-not-answer": ("do-not-answer", *benign[1]),
        "adv-bench": ("adv-bench", *benign[2]), "hh-rlhf": ("hh-rlhf", *benign[3]),
    }  # fmt: skip
    within = {name: (name, *rest) for name, rest in zip(quarters, benign, strict=True)} | {"do-not-answer": ("do-not-answer",)}
    table = lab.Table([one.text for one in texts], BITS)
    harmful = np.array([one.label for one in texts])
    named = np.array([bool(one) for one in hazards])
    calm = {one.source for one in texts if one.label == 0}
    heads, rows = [], []
    for kind in (ANY, *sorted(set(HAZARDS.values()))):
        labels = harmful if kind == ANY else np.array([int(one == kind) for one in hazards])
        # What is harmful and of no named hazard may be of this one.
        known = None if kind == ANY else named | (harmful == 0)
        corpus = recipe.Corpus(texts, across if kind == ANY else within)
        out = recipe.left_out(corpus, table, labels, PENALTY, known=known)
        # Other hazards are no false alarms of this one: they say nothing of the threshold.
        limit = recipe.threshold(out, FALSE_ALARMS, calm.__contains__)
        print(f"## {kind}\n\n{recipe.report(out, limit)}\n\n{_HEAD}" if kind == ANY else _row(kind, out, limit, calm))
        head, row = recipe.head(corpus, table, out, limit, kind=kind, penalty=PENALTY, known=known)
        heads.append(head)
        rows.append(row)
    header = lab.Header(
        name="harm", version=f"1:{recipe.SEED}", category="harm", features=FEATURES, bits=BITS, heads=tuple(heads)
    )
    recipe.write(given.out, "harm", lab.write_model(header, np.stack(rows)))


_SETS = ("ailuminate", "do-not-answer")
_HEAD = (
    "| hazard | " + " | ".join(f"{one}: prompts, AUC, found" for one in _SETS) + " | false alarms, all | of the worst source |\n"
)
_HEAD += "|---|---|---|---|---|"


def _row(kind: str, out: recipe.LeftOut, limit: float, benign: set[str]) -> str:
    names = [name for name in out.names(0) if name in benign]
    calm = np.concatenate([out.of(0, name) for name in names])
    cells = [kind]
    for name in _SETS:
        chosen = out.of(1, name)
        said = f"{len(chosen)}, {lab.auc(chosen, calm):.3f}, {(chosen > limit).mean():.0%}" if len(chosen) else "–"
        cells.append(said)
    worst = max(names, key=lambda name: float((out.of(0, name) > limit).mean()))
    cells += [f"{(calm > limit).mean():.2%}", f"{(out.of(0, worst) > limit).mean():.2%} ({worst})"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
