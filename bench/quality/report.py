"""The tables of a run: short ones for docs/benchmarks.md, by type for docs/reference/detector-quality.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.quality.scoring import Tally


def percent(share: float, places: int = 1) -> str:
    return f"{share * 100:.{places}f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def replace(file: Path, name: str, text: str) -> None:
    """Put ``text`` between the markers ``name`` of a file; at its end where it has none."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    old = file.read_text("utf-8") if file.is_file() else ""
    if begin not in old:
        old = old.rstrip("\n") + f"\n\n{begin}\n{end}\n"
    before, rest = old.split(begin)
    file.write_text(before + f"{begin}\n{text}\n{end}" + rest.split(end)[1], "utf-8")


class Section:
    """What a run comes to."""

    def __init__(self) -> None:
        self.short: list[str] = []
        self.long: list[str] = []

    def personal(
        self, title: str, tallies: Mapping[str, tuple[Tally, Tally]], structured: Sequence[str] | None, refused: Mapping[str, str]
    ) -> None:
        """One set of documents."""
        rows = []
        for name, (overlap, strict) in tallies.items():
            all_, exact = overlap.rates(), strict.rates()
            row = [
                name,
                f"{all_.precision:.3f}",
                f"{all_.recall:.3f}",
                f"{all_.f1:.3f}",
                f"{exact.precision:.2f} / {exact.recall:.2f}",
            ]
            rows.append([*row, f"{overlap.rates(structured).recall:.3f}"] if structured else row)
        rows += [[name, f"not installed: {why}", *[""] * (len(rows[0]) - 2)] for name, why in refused.items()]
        head = ["engine", "precision", "recall", "F1", "with exact borders, P / R"]
        self.short.append(f"**{title}**\n\n" + table([*head, "recall, structured ids"] if structured else head, rows))
        first = next(iter(tallies.values()))[0]
        labels = sorted(first.labelled, key=lambda label: (-first.labelled[label], label))
        wide = [
            [f"`{label}`", str(first.labelled[label])] + [_cell(overlap, label) for overlap, _ in tallies.values()]
            for label in labels
        ]
        unlabelled = Counter({one: n for one, n in first.predicted.items() if not first.labelled[one]})
        text = f"### {title}\n\nPrecision / recall by label.\n\n" + table(["label", "spans", *tallies], wide)
        if unlabelled:
            said = ", ".join(f"`{one}` {n}" for one, n in unlabelled.most_common(20))
            text += f"\n\nFound by patterns and prose and of no label of the set, so counted as wrong: {said}."
        self.long.append(text)

    def secrets(
        self,
        rows: Sequence[Sequence[str]],
        sizes: tuple[int, int, int, int],
        misses: Counter[str],
        flagged: Counter[str],
        of: Counter[str],
    ) -> None:
        """Credentials."""
        head = [
            "engine", f"credentials of providers found ({sizes[0]:,})", f"chosen passwords found ({sizes[1]:,})",
            f"lookalikes flagged ({sizes[2]:,})", f"benign documents flagged ({sizes[3]:,})",
        ]  # fmt: skip
        self.short.append(
            "**Secrets**: made-up credentials in the contexts of `bench/quality/secrets.py`\n\n" + table(head, rows)
        )
        missed = ", ".join(f"`{one}` {n}" for one, n in misses.most_common(60)) or "none"
        kinds = ", ".join(f"{source}: {flagged[source]} of {n:,}" for source, n in of.items())
        self.long.append(f"### Secrets\n\nMissed, by provider or context: {missed}.\n\nBenign documents flagged: {kinds}.")


def _cell(overlap: Tally, label: str) -> str:
    rates = overlap.rates([label])
    return f"{rates.precision:.2f} / {rates.recall:.2f}" if rates.predicted else f"– / {rates.recall:.2f}"
