"""``make bench-supply``: how well harmful model files are told from others, peers beside, and how fast, into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.quality.peers import NotInstalled
from bench.quality.report import replace
from bench.supply.case import Case
from bench.supply.corpus import corpus
from bench.supply.peers import NAMES, ask
from bench.supply.speed import Measured, measure

DOCS = Path(__file__).parents[2] / "docs"


def ours(paths: list[Path]) -> list[str]:
    """What Wardstead says of each path."""
    from wardstead.bootstrap.models.scanning import scan, to_scan
    from wardstead.supply.ports import Severity

    said = []
    for path in paths:
        found = {finding.severity for file in scan(to_scan(path), lambda _: None) for finding in file.findings}
        said.append("block" if Severity.BLOCK in found else "warn" if Severity.WARN in found else "clean")
    return said


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "wardstead-peers", help="their environments")
    options.add_argument("--no-peers", action="store_true")
    options.add_argument("--megabytes", type=int, default=3000, help="of the large files; 0: the speed stays as it was measured")
    asked = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wardstead-corpus-"))
    try:
        cases = list(corpus())
        paths = [case.write(folder) for case in cases]
        said, seconds, missing = {}, {}, []
        for name in ("Wardstead", *(() if asked.no_peers else NAMES)):
            begun = time.perf_counter()
            try:
                said[name] = ours(paths) if name == "Wardstead" else ask(name, asked.peers, paths)
            except NotInstalled as error:
                missing.append(f"{name}: {error}")
                continue
            seconds[name] = time.perf_counter() - begun
            print(f"· {name}: {seconds[name]:.0f} s", file=sys.stderr)
        text = [f"Measured {time.strftime('%Y-%m-%d')} on {platform.machine()}, Python {platform.python_version()}."]
        text += [_table(cases, said), _times(said, seconds), *missing]
        replace(DOCS / "benchmarks.md", "supply", "\n\n".join(text))
    finally:
        shutil.rmtree(folder)
    if asked.megabytes:
        _measure_speed(asked.megabytes * 1_000_000)


def _measure_speed(size: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="wardstead-speed-"))
    try:
        replace(DOCS / "benchmarks.md", "supply-speed", _speed(measure(folder, size)))
    finally:
        shutil.rmtree(folder)


def _table(cases: list[Case], said: dict[str, list[str]]) -> str:
    families: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for number, case in enumerate(cases):
        families[(case.family, case.harmful)].append(number)
    lines = ["| harmful files | " + " | ".join(said) + " |", "|---|" + "---:|" * len(said)]
    for (family, harmful), numbers in families.items():
        if harmful:
            lines.append(f"| {family} ({len(numbers)}) | " + " | ".join(_counts(one, numbers) for one in said.values()) + " |")
    for title, harmful in (("all harmful", True), ("benign, and refused", False)):
        numbers = [number for number, case in enumerate(cases) if case.harmful is harmful]
        cells = [
            f"{_counts(one, numbers)} ({sum(one[number] == 'block' for number in numbers) / len(numbers):.1%})"
            for one in said.values()
        ]
        lines.append(f"| **{title} ({len(numbers)})** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _counts(said: list[str], numbers: list[int]) -> str:
    """Refused, and behind a plus what was only warned of."""
    block, warn = (sum(said[number] == one for number in numbers) for one in ("block", "warn"))
    return f"{block}+{warn}w" if warn else str(block)


def _times(said: dict[str, list[str]], seconds: dict[str, float]) -> str:
    errors = {name: one.count("error") for name, one in said.items()}
    told = ", ".join(
        f"{name} {seconds[name]:.0f} s" + (f" ({errors[name]} files it failed on)" if errors[name] else "") for name in said
    )
    return f"A number is how many were refused; `+w` were warned of. Time for all: {told}."


def _speed(results: list[Measured]) -> str:
    head = "| large file | SHA-256 alone, MB/s | hashed and scanned | ratio | the same by the processor's clock | ratio | memory grew by |"
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|"]
    for one in results:
        cpu = f"{one.alone_cpu:,.0f} and {one.scanned_cpu:,.0f}"
        ratios = one.scanned / one.alone, one.scanned_cpu / one.alone_cpu
        lines.append(
            f"| {one.name} | {one.alone:,.0f} | {one.scanned:,.0f} | {ratios[0]:.0%} | {cpu} | {ratios[1]:.0%} | {one.grown / 1024:,.0f} MB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
