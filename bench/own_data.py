"""What a deployment's own data costs, and what is found of it: ``python -m bench.own_data [--documents FOLDER]``.

Times are CPU time for 2 KB of prose, and for a chunk of 64 bytes as a guard looks at it. With a folder of texts: 40 of them are
fingerprinted, then looked for in excerpts and edited copies, and in the others.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.cpu import cpu_us
from wardstead.inspection.known.keyed import write_index
from wardstead.inspection.known.passages import KnownDocuments, index_document
from wardstead.inspection.known.ports import Known, Windowed
from wardstead.inspection.known.terms import Dictionary, TermMatcher
from wardstead.inspection.known.values import ValueMatcher, index_values

KEY = bytes(32)
PAGE = Path(__file__).parents[1] / "docs/explanation/architecture.md"
SYLLABLES = ["ka", "ro", "ti", "lun", "ve", "mar", "so", "den", "pa", "ul", "gre", "bo", "xi"]
COUNT = 100_000
TIMES, ROUNDS = 100, 3


def lists(chance: random.Random) -> dict[str, Windowed]:
    """100,000 terms, and as many values of each kind."""
    word = lambda: "".join(chance.choices(SYLLABLES, k=chance.randint(2, 4)))  # noqa: E731
    first, last = [word().title() for _ in range(3000)], [word().title() for _ in range(20000)]
    values = {
        "ids": [f"{chance.choice('ABCDE')}{chance.choice('KLM')}-{chance.randrange(10**6):06}" for _ in range(COUNT)],
        "numbers": [f"{chance.randrange(10**10):010}" for _ in range(COUNT)],
        "names": [f"{chance.choice(first)} {chance.choice(last)}" for _ in range(COUNT)],
    }
    made: dict[str, Windowed] = {}
    terms = tuple({f"{word()} {word()}" for _ in range(COUNT)})
    made["terms"] = TermMatcher([Dictionary(Known("terms", "term", "own-data"), terms)])
    for name, some in values.items():
        index = index_values(some, name, name, "own-data", KEY).index
        print(f"{name}: {len(write_index(index, KEY)) / len(index.digests):.1f} bytes a value")
        made[name] = ValueMatcher([index], KEY)
    return made


def speed() -> None:
    """Time for 2 KB and for a chunk."""
    data = PAGE.read_bytes()[:2048]
    begun = data[:320]
    for name, matcher in lists(random.Random(5)).items():
        whole = cpu_us(lambda matcher=matcher: matcher.matches(data, 0, len(data)), TIMES, rounds=ROUNDS)
        chunk = cpu_us(
            lambda matcher=matcher: matcher.matches(begun, 224, matcher.first_pending(begun, 224)), TIMES, rounds=ROUNDS
        )
        print(f"{name}: {whole:.0f} µs for 2 KB, {chunk:.0f} µs a chunk")


def documents(folder: Path) -> None:
    """How often excerpts and edited copies of a document are known, and other texts taken for it."""
    chance = random.Random(3)
    texts = [path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*")) if path.suffix in {".md", ".txt", ".rst"}]
    texts = [text for text in texts if 400 < len(text.split()) < 6000]
    chance.shuffle(texts)
    known, others = texts[:40], texts[40:]
    indexes = [index_document([text], f"d{at}", f"d{at}", "known-document", KEY) for at, text in enumerate(known)]
    detector = KnownDocuments(indexes, KEY)

    def excerpt(text: str, size: int) -> str:
        words = text.split()
        start = chance.randrange(max(1, len(words) - size))
        return " ".join(words[start : start + size])

    def edited(text: str, share: float) -> str:
        return " ".join("changed" if chance.random() < share else word for word in text.split())

    def shuffled(text: str) -> str:
        sentences = re.split(r"(?<=[.!?])\s+", text)
        chance.shuffle(sentences)
        return " ".join(sentences)

    ways: Sequence[tuple[str, Callable[[str], str]]] = [
        *((f"{size} words", lambda text, size=size: excerpt(text, size)) for size in (25, 40, 60, 100)),
        *(
            (f"300 words, {share:.0%} changed", lambda text, share=share: edited(excerpt(text, 300), share))
            for share in (0.1, 0.2)
        ),
        ("sentences shuffled", shuffled),
        ("capitals, no punctuation", lambda text: re.sub(r"[^\w\s]", " ", text.upper())),
    ]
    for name, way in ways:
        copies = [way(text) for text in known for _ in range(5)]
        hits = sum(any(span.type == f"d{at // 5}" for span in spans) for at, spans in enumerate(detector.detect(copies)))
        print(f"{name}: {hits} of {len(copies)}")
    print(f"others: {sum(bool(spans) for spans in detector.detect(others))} of {len(others)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path)
    chosen = parser.parse_args()
    speed()
    if chosen.documents:
        documents(chosen.documents)
