"""``make bench-quality``: personal data and secrets, ours and the peers', into docs/benchmarks.md and docs/reference.

What is labelled is read from ``--data`` (see its README for licences); without it the made-up documents alone are measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.quality import personal, secrets
from bench.quality.documents import generated
from bench.quality.engine import Engine, Prediction
from bench.quality.peers import NotInstalled, ask
from bench.quality.report import Section, percent, replace
from bench.quality.scoring import Document, Rates, Span, Tally, tally
from bench.quality.values import SHAPES

DOCS = Path(__file__).parents[2] / "docs"
PERSONAL_PEERS = ("presidio", "presidio-md", "llm-guard-anonymize", "datafog", "scrubadub")
SECRET_PEERS = ("detect-secrets", "llm-guard")
EVERY = {"llm-guard": 8}
"""Of the texts with secrets a slow peer gets every so manieth, and our figures on the same are shown beside it."""
Finder = Callable[[Sequence[str]], list[list[Prediction]]]


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "wardstead-peers", help="their environments")
    options.add_argument("--documents", type=int, default=10_000, help="of each labelled set at most")
    options.add_argument("--benign", type=int, default=6_000, help="benign files at most")
    options.add_argument("--no-peers", action="store_true")
    asked = options.parse_args()
    engine, names = Engine(), _with_names()
    peers = () if asked.no_peers else PERSONAL_PEERS
    section = Section()
    _personal(section, asked, engine, names, peers)
    _secrets(section, asked, engine, () if asked.no_peers else SECRET_PEERS)
    where = f"Measured {time.strftime('%Y-%m-%d')} on {platform.machine()}, Python {platform.python_version()}."
    replace(DOCS / "benchmarks.md", "quality", where + "\n\n" + "\n\n".join(section.short))
    replace(DOCS / "reference" / "detector-quality.md", "patterns", where + "\n\n" + "\n\n".join(section.long))
    sys.stdout.flush()
    os._exit(0)  # the model's process would be waited for


def _with_names() -> Engine | None:
    from wardstead.bootstrap.detection.detectors import names, names_installed
    from wardstead.config.sections import NamesSection

    return Engine(names(NamesSection())) if names_installed() else None


def _personal(section: Section, asked: argparse.Namespace, engine: Engine, names: Engine | None, peers: Sequence[str]) -> None:
    public = personal.presidio_documents(asked.data)[: asked.documents]
    if public:
        finders: dict[str, Callable[[list[Document]], list[list[Span]]]] = {
            "Wardstead, patterns and prose": lambda docs: [personal.ours_as_labels(one) for one in engine.detect(_texts(docs))]
        }
        if names is not None:
            finders["Wardstead with its model of names"] = lambda docs: [
                personal.ours_as_labels(one) for one in names.detect(_texts(docs))
            ]
        tallies: dict[str, tuple[Tally, Tally]] = {}
        for name, find in finders.items():
            found = find(public)
            tallies[name] = (tally(public, found), tally(public, found, strict=True))
        refused = {}
        for peer in peers:
            try:
                found = [personal.peers_as_labels(peer, one) for one in ask(peer, asked.peers, _texts(public))]
            except NotInstalled as error:
                refused[peer] = str(error)
                continue
            tallies[peer] = (tally(public, found), tally(public, found, strict=True))
        section.personal(f"presidio-research, {len(public):,} synthetic documents", tallies, personal.STRUCTURED, refused)
    for held_out in (False, True):
        documents = generated(held_out=held_out)
        tallies = {}
        for name, one in (("Wardstead, patterns and prose", engine), ("Wardstead with its model of names", names)):
            if one is None:
                continue
            found = [personal.ours_as_types(predicted) for predicted in one.detect(_texts(documents))]
            tallies[name] = (tally(documents, found), tally(documents, found, strict=True))
        kind = "held out: templates and locales that nothing was tuned on" if held_out else "tuned on"
        section.personal(f"Made-up documents ({len(documents):,}, {kind})", tallies, (*SHAPES, "email", "ip-address", "url"), {})


def _secrets(section: Section, asked: argparse.Namespace, engine: Engine, peers: Sequence[str]) -> None:
    tokens, words, lookalikes = secrets.positives(), secrets.passwords(), secrets.negatives()
    benign = list(secrets.benign(asked.data, asked.benign))
    rows, misses = [], Counter[str]()

    def ours(documents: Sequence[Document]) -> list[bool]:
        out = []
        for document, found in zip(documents, engine.detect(_texts(documents)), strict=True):
            credentials = [one for one in found if one.category == "credentials"]
            labels = document.spans
            out.append(
                any(one.start < span.end and span.start < one.end for one in credentials for span in labels)
                if labels
                else bool(credentials)
            )
        return out

    hits = {name: ours(documents) for name, documents in (("t", tokens), ("p", words), ("n", lookalikes), ("b", benign))}
    misses.update(document.spans[0].label for document, hit in zip(tokens, hits["t"], strict=True) if not hit)
    misses.update(document.source for document, hit in zip(words, hits["p"], strict=True) if not hit)
    rows.append(_secret_row("Wardstead", hits))
    flagged = Counter(document.source for document, hit in zip(benign, hits["b"], strict=True) if hit)
    for peer in peers:
        every = EVERY.get(peer, 1)
        chosen = {name: documents[::every] for name, documents in (("t", tokens), ("p", words), ("n", lookalikes), ("b", benign))}
        try:
            found = iter(ask(peer, asked.peers, [text for documents in chosen.values() for text in _texts(documents)]))
            said = {name: [bool(next(found)) for _ in documents] for name, documents in chosen.items()}
        except NotInstalled as error:
            rows.append([peer, f"not installed: {error}", "", "", ""])
            continue
        rows.append(_secret_row(f"{peer}, every {every}th text" if every > 1 else peer, said))
        if every > 1:
            rows.append(_secret_row("Wardstead, the same texts", {name: one[::every] for name, one in hits.items()}))
    section.secrets(
        rows,
        (len(tokens), len(words), len(lookalikes), len(benign)),
        misses,
        flagged,
        Counter(document.source for document in benign),
    )


def _secret_row(name: str, hits: dict[str, list[bool]]) -> list[str]:
    def rate(key: str) -> str:
        return percent(Rates(0, 0, sum(hits[key]), len(hits[key])).recall)

    return [name, rate("t"), rate("p"), rate("n"), f"{percent(sum(hits['b']) / max(1, len(hits['b'])), 2)} ({sum(hits['b'])})"]


def _texts(documents: Sequence[Document]) -> list[str]:
    return [one.text for one in documents]


if __name__ == "__main__":
    main()
