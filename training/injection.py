"""Trains the scores of injections: ``python -m training.injection --data PATH --packages PATH`` (README.md)."""

from __future__ import annotations

import argparse
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from training import lab, recipe, sources
from training.grammar import Grammar, rules
from training.packages import packages
from training.sources import Sample
from wardstead.inspection.scoring.features import FEATURES

HERE = Path(__file__).parent
OUT = HERE.parent / "src/wardstead/catalogues/weights"
BITS = 19
PENALTIES = {"prompt-injection": 1e-5, "indirect-injection": 5e-5}
TELLING = {"prompt-injection": 0, "indirect-injection": 2}
"""Of a text that is an attack, so many windows are learnt from (0: all)."""
RARITY = {"prompt-injection": False, "indirect-injection": True}
"""Whether a feature counts with its rarity: in prompts it costs more of what is found at few false alarms than it brings."""
PARTS = 4
MOST_IN_DOCUMENTS = 1000
"""For documents the sets of prompts are beside the point: of each only so many texts are learnt from."""
AROUND = 300
"""Of a document with an attack in it, so many characters before and after are learnt from."""
FALSE_ALARMS = 0.02
DIRECT = (
    "leak", "simple_override", "persona", "suppressed", "fiction", "delimited", "tooling", "splitting", "encoded", "manyshot",
    "persuade", "overload", "indirect", "multi_override", "leak_more", "pwn", "shellish", "multi_more", "demand", "shell_more",
    "override_send", "agent_goal", "plain_leak", "plain_override", "plain_persona",
)  # fmt: skip
FAR = ("far_zh", "far_ja", "far_ko", "far_ar", "far_hi", "far_tr", "far_slavic", "far_west")
"""In languages of which the public sets hold little."""
PLANTED = (
    "indirect", "indirect", "indirect_more", "answer_goal", "answer_goal_more", "simple_override", "delimited", "tooling",
    "code_goal", "code_goal_more", "leak", "leak_asked", "demand", "multi_more", "shell_more", "override_send", "override_send",
    "agent_goal", "agent_goal", "agent_goal", "agent_goal", "planted_plain", "planted_plain", "planted_plain", "far_any",
)  # fmt: skip
IN_CODE = (*PLANTED, "agent_goal", "agent_goal", "agent_goal", "code_goal", "code_goal_more")
BENIGN = (
    "trigger", "multi", "document", "code_ask", "task_long", "code_block", "reply", "role_task", "technical", "listing_ask",
    "manual", "bug_report", "guide", "settings", "calm_override", "far_calm", "free_words", "tool_result",
    "ai_news", "customer", "setup_line", "only_answer",
)  # fmt: skip
AGAINST_ORDERS = (
    "guide", "settings", "calm_override", "far_calm", "free_words", "tool_result", "ai_news", "customer", "setup_line",
    "only_answer",
)  # fmt: skip
"""Those that are there for the sake of injections alone: harm is not learnt from them."""
TYPED = ("free_words", "only_answer")
"""What people ask, and no document says."""
COMMENTS = ("# ", "// ", "/* ", "<!-- ", "-- ", "", "", "")
HOSTS = ("document", "page", "message", "code_block", "ticket", "tool_result")
"""Documents of ours that attacks are planted in: as they are they are learnt from, too, so they measure nothing."""


def own_attacks(seed: int, each: int, of: tuple[str, ...] = DIRECT) -> list[Sample]:
    """Attacks of every family, written by the grammar."""
    grammar = Grammar(rules((HERE / "attack_rules.txt").read_text("utf-8")), random.Random(seed))
    return [Sample(text, 1, f"own-{rule}", "own") for rule in of for text in grammar.samples(rule, each)]


def own_benign(seed: int, each: int, part: int, without: tuple[str, ...] = (), *, of: tuple[str, ...] = BENIGN) -> list[Sample]:
    """Benign texts that use the words of attacks, documents, code; of one ``part`` of the rules, so that it can be left out."""
    read = rules((HERE / "benign_rules.txt").read_text("utf-8"))
    chosen = {name: found[part::PARTS] if name in of else found for name, found in read.items()}
    grammar = Grammar(chosen, random.Random(seed))
    return [
        Sample(text, 0, f"own-{rule}", f"own-{part}")
        for rule in of
        if chosen[rule] and rule not in without
        for text in grammar.samples(rule, each)
    ]


def mixed(seed: int, count: int) -> list[Sample]:
    """Attacks that come after, or before, something harmless."""
    rng = random.Random(seed)
    attack = Grammar(rules((HERE / "attack_rules.txt").read_text("utf-8")), rng)
    benign = Grammar(rules((HERE / "benign_rules.txt").read_text("utf-8")), rng)
    found = []
    for _ in range(count):
        parts = [benign.expand(f"<{rng.choice(BENIGN)}>"), attack.expand(f"<{rng.choice(DIRECT)}>")]
        rng.shuffle(parts)
        found.append(Sample(rng.choice([" ", "\n", "\n\n"]).join(parts), 1, "own-mixed", "own"))
    return found


def code(folder: Path) -> list[Sample]:
    """What people paste: source code, scripts and manuals, with a question before or after it, or with none."""
    rng = random.Random(recipe.SEED + 11)
    asks = Grammar(rules((HERE / "benign_rules.txt").read_text("utf-8")), rng)
    return [replace(one, text=_asked(one.text, asks.expand("<about_code>"), rng)) for one in packages(folder, rng)]


def _asked(text: str, question: str, rng: random.Random) -> str:
    return rng.choice([text, text, f"{question}\n\n{text}", f"{text}\n\n{question}", f"{question}\n```\n{text}\n```"])


def planted(document: str, attack: str, rng: random.Random) -> str:
    """``attack`` somewhere in ``document`` (at its begin, its end, or after a sentence), and what stands around it."""
    cut = rng.choice([0, len(document), len(document), *(at + 1 for at, char in enumerate(document) if char in ".\n")])
    before, after = document[max(0, cut - AROUND) : cut], document[cut : cut + AROUND]
    return before + rng.choice(["\n", " ", "\n\n"]) + attack + rng.choice(["\n", " "]) + after


def planted_in_code(folder: Path, attack: Grammar, rng: random.Random, count: int) -> list[Sample]:
    """Attacks in a comment, or between the lines, of what is in packages."""
    hosts = packages(folder, rng)
    return [
        Sample(planted(rng.choice(hosts).text, rng.choice(COMMENTS) + attack.expand(f"<{rng.choice(IN_CODE)}>"), rng), 1,
               "own-planted-in-code", "own")
        for _ in range(count)
    ]  # fmt: skip


def indirect(data: Path, folder: Path) -> list[Sample]:
    """Documents with an instruction to the model in them, and documents without."""
    rng = random.Random(recipe.SEED + 7)
    attack = Grammar(rules((HERE / "attack_rules.txt").read_text("utf-8")), rng)
    benign = Grammar(rules((HERE / "benign_rules.txt").read_text("utf-8")), rng)
    found = sources.bipia(data)
    documents = [benign.expand(f"<{rule}>") for rule in HOSTS for _ in range(400)]
    samples = [Sample(one, 0, "own-documents", "own") for one in documents]
    samples += [Sample(one, 0, "own-about-attacks", "own") for one in benign.samples("about_attacks", 150)]
    samples += [
        Sample(planted(rng.choice(documents), attack.expand(f"<{rule}>"), rng), 1, f"own-planted-{rule}", "own")
        for rule in sorted(set(PLANTED))
        for _ in range(PLANTED.count(rule) * 150)
    ]
    samples += packages(folder, rng)
    samples += planted_in_code(folder, attack, rng, 600)
    samples += [Sample(one, 0, "bipia-emails", "bipia") for one in found.emails]
    for kind, texts in (found.attacks | found.code_attacks).items():
        name = "bipia-code" if kind in found.code_attacks else "bipia-text"
        samples += [Sample(planted(rng.choice(found.emails), text, rng), 1, name, "bipia") for text in texts * 4]
    return samples


def direct_corpus(data: Path, folder: Path) -> recipe.Corpus:
    """For what a person writes."""
    samples = [
        *sources.injection(data, random.Random(recipe.SEED)),
        *own_attacks(recipe.SEED, 230, DIRECT + FAR),
        *mixed(recipe.SEED + 3, 500),
        *(one for part in range(PARTS) for one in own_benign(recipe.SEED + part, 180, part)),
        *(one for part in range(PARTS) for one in own_benign(recipe.SEED + part, 250, part, of=("everyday",))),
        *code(folder),
    ]
    folds = {
        "s-labs": ("s-labs", "own-0", "code-0"),
        "neuralchemy": ("neuralchemy", "own-1", "code-1"),
        "hackaprompt": ("hackaprompt", "arena-hard", "own-2", "code-2"),
        "yanismiraoui": ("yanismiraoui", "self-instruct", "own-3", "code-3"),
        "jailbreaks": ("jailbreak-templates", "hh-rlhf"),
        "documents": ("presidio", "atlas"),
    }
    return recipe.Corpus(samples, folds)


def document_corpus(data: Path, folder: Path) -> recipe.Corpus:
    """For what nobody present wrote: tools' results, documents."""
    calm = {"presidio", "atlas", "hh-rlhf", "arena-hard", "self-instruct"}
    every = sources.injection(data, random.Random(recipe.SEED))
    random.Random(recipe.SEED).shuffle(every)
    numbers: Counter[str] = Counter()
    few = []
    for one in every:
        numbers[one.source] += 1
        if numbers[one.source] <= MOST_IN_DOCUMENTS:
            few.append(one)
    samples = [
        *indirect(data, folder),
        *(one for one in few if one.label == 1 or (one.family in calm and one.source != "hh-rlhf")),
        *own_attacks(recipe.SEED + 8, 120),
        *(one for part in range(PARTS) for one in own_benign(recipe.SEED + part, 80, part, HOSTS + TYPED)),
    ]
    folds = {
        "bipia": ("bipia", "atlas", "own-0", "code-0"),
        "s-labs": ("s-labs", "arena-hard", "own-1", "code-1"),
        "neuralchemy": ("neuralchemy", "self-instruct", "own-2", "code-2"),
        "jailbreaks": ("jailbreak-templates", "hh-rlhf", "presidio", "own-3", "code-3"),
    }
    return recipe.Corpus(samples, folds)


def main() -> None:
    """Train, report, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--only", choices=("prompt-injection", "indirect-injection"))
    given = parser.parse_args()
    for name, made in (("prompt-injection", direct_corpus), ("indirect-injection", document_corpus)):
        if given.only not in {None, name}:
            continue
        corpus, penalty = made(given.data, given.packages), PENALTIES[name]
        labels = np.array([one.label for one in corpus.samples])
        table = lab.Table([one.text for one in corpus.samples], BITS)
        out = recipe.left_out(corpus, table, labels, penalty, TELLING[name], rarity=RARITY[name])
        limit = recipe.threshold(out, FALSE_ALARMS, together="own-")
        print(f"\n## {name}\n\n{recipe.report(out, limit)}")
        head, row = recipe.head(corpus, table, out, limit, kind=name, penalty=penalty, telling=TELLING[name], rarity=RARITY[name])
        header = lab.Header(
            name=name, version=f"1:{recipe.SEED}", category="injection", features=FEATURES, bits=BITS, heads=(head,)
        )  # fmt: skip
        recipe.write(given.out, name, lab.write_model(header, row[None, :]))


if __name__ == "__main__":
    main()
