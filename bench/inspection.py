"""``make bench-inspection``: what the patterns cost a text and a chunk of a stream, beside the bare engines, in one run.

All rows do the same: say whether a text of 2 KB holds anything that the catalogue's patterns look for. Hyperscan alone answers
from automata that may be wrong on the safe side, RE2 and Python's ``re`` look for each pattern in turn; Wardstead also folds the
text, reads encoded runs, checks words nearby and checksums, and can do it for a text that arrives in pieces. Figures are CPU
time, the best of several rounds: another process on the machine can only make them worse.
"""

from __future__ import annotations

import platform
import re
import statistics
import sysconfig
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha1
from importlib.resources import files
from pathlib import Path

import re2
from rich.console import Console

from bench.cpu import cpu_us
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import Detector, load_catalogues
from wardstead.inspection.patterns.scanning import Scanner
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import ANSWER, PROMPT

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- inspection:begin -->", "<!-- inspection:end -->"
BYTES, CHUNK, ROUNDS = 2048, 64, 3
MODULES = 1200
PROSE = (
    "The committee met on Tuesday to discuss the new proposal for a community garden near the river. Several members were "
    "worried about the cost, while others argued that volunteers would do most of the work, and that the benefit to children in "
    "the area was worth more than any money. In the end they agreed to ask the council for advice, and to meet again. "
)
COMMIT = "3f9a1c0b7de24518a6c2e0f9b81d77433f9a1c0b"
NUMBERS = (
    "1. In 2024 the plant made 1,250 units (up 12.5%) at a cost of 3.40 each; see table 7.\n2. Run `pip install "
    "example==2.31.0` and open http://localhost:8080/docs/getting-started/index.html?page=2.\n3. def area(width: float = 10.0) "
    f"-> float: return width * 2.5\n4. Commit {COMMIT} changed 14 files; the build of 10 March "
    "took 312 seconds.\n"
)
RUSSIAN = "Комитет собрался во вторник, чтобы обсудить новое предложение об общем саде у реки. Некоторых беспокоила цена. "
console = Console(stderr=True)


def sized(text: str) -> str:
    """2 KB of it, over and over, each time with another commit: what was decoded once need not be decoded again."""
    times = [text.replace(COMMIT, sha1(bytes([time])).hexdigest()) for time in range(BYTES // len(text) + 1)]
    return "".join(times).encode()[:BYTES].decode("utf-8", "ignore")


TEXTS = {"prose": sized(PROSE), "numbers, code, links": sized(NUMBERS), "Russian": sized(RUSSIAN)}


def p99_ms(work: Callable[[], object], times: int) -> float:
    """The wall time that 99 of 100 calls stay below, in milliseconds."""
    took = []
    for _ in range(times):
        before = time.perf_counter()
        work()
        took.append((time.perf_counter() - before) * 1e3)
    return statistics.quantiles(took, n=100)[98]


def searched(patterns: Sequence[object], text: bytes) -> int:
    """How many of compiled patterns occur, each looked for by itself."""
    return sum(one.search(text) is not None for one in patterns)  # type: ignore[attr-defined]


def streamed(inspector: PolicyInspector, text: str, size: int) -> None:
    """A stream in chunks of one size."""
    guard = inspector.guard(ANSWER)
    for at in range(0, len(text), size):
        guard.feed(text[at : at + size])
    guard.finish()


def measured(detectors: Sequence[Detector], inspector: PolicyInspector) -> list[str]:
    """The table."""
    options = re2.Options()
    options.encoding, options.log_errors, options.max_mem = re2.Options.Encoding.LATIN1, False, 64 << 20
    bare = Scanner({number: one.outline for number, one in enumerate(detectors)})
    in_re2 = [re2.compile(one.pattern.encode(), options=options) for one in detectors]
    in_re = [re.compile(one.pattern.encode()) for one in detectors]
    rows = ["| text of 2 KB | by | CPU µs | MB/s |", "| --- | --- | --- | --- |"]
    for name, text in TEXTS.items():
        data = text.encode()
        ways: dict[str, tuple[Callable[[], object], int]] = {
            "Wardstead, whole": (lambda text=text: inspector.inspect(text, PROMPT), 100),
            f"Wardstead, stream of {CHUNK} characters": (lambda text=text: streamed(inspector, text, CHUNK), 20),
            "Hyperscan alone, outlines of the same patterns": (lambda data=data: bare.hits(data), 20),
            "RE2, each pattern": (lambda data=data: searched(in_re2, data), 2),
            "Python's re, each pattern": (lambda data=data: searched(in_re, data), 1),
        }
        for way, (work, times) in ways.items():
            took = cpu_us(work, times, rounds=ROUNDS)
            rows.append(f"| {name} | {way} | {took:,.0f} | {len(data) / took:,.1f} |")
            console.print(rows[-1])
    rows += ["", "| a stream that holds nothing | CPU µs a chunk | first text after, p99 ms |", "| --- | --- | --- |"]
    for name, text in TEXTS.items():
        for size in (4, CHUNK, 256):
            whole = cpu_us(lambda text=text, size=size: streamed(inspector, text, size), 20, rounds=ROUNDS)
            chunk = whole / -(-len(text) // size)
            first = p99_ms(lambda text=text, size=size: inspector.guard(ANSWER).feed(text[:size]), 200)
            rows.append(f"| {name}, {size} characters | {chunk:,.1f} | {first:.2f} |")
            console.print(rows[-1])
    return rows


def unseen(inspector: PolicyInspector) -> list[str]:
    """The table of texts that are new. The engines make states as texts need them: of one text over and over, no more."""
    sources = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))[:MODULES]
    texts = [text[BYTES : 2 * BYTES] for path in sources if len(text := path.read_text("utf-8", "replace")) > 2 * BYTES]
    before, *thirds = (texts[at::4] for at in range(4))
    ways: dict[str, tuple[Callable[[str], object], int]] = {
        "2 KB, whole": (lambda text: inspector.inspect(text, PROMPT), 1),
        f"a chunk of {CHUNK} characters": (lambda text: streamed(inspector, text, CHUNK), BYTES // CHUNK),
        "a chunk of 4 characters": (lambda text: streamed(inspector, text, 4), BYTES // 4),
    }
    rows = ["", f"| new to it after {len(before)} others: Python's own library | CPU µs |", "| --- | --- |"]
    for (way, (work, parts)), new in zip(ways.items(), thirds, strict=True):
        for text in before:
            work(text)
        begin = time.process_time()
        for text in new:
            work(text)
        rows.append(f"| {way} | {(time.process_time() - begin) * 1e6 / len(new) / parts:,.1f} |")
        console.print(rows[-1])
    return rows


def main() -> None:
    """Measure, show, and write into the docs."""
    catalogues = files("wardstead.catalogues")
    yaml = [one for one in (catalogues / "detectors").iterdir() if one.name.endswith(".yaml")]
    detectors = load_catalogues({one.name: one.read_text("utf-8") for one in yaml})
    policy = load_policy(
        (catalogues / "policies/classification.yaml").read_text("utf-8"),
        "classification.yaml",
        lambda name: ((catalogues / f"classification/{name}.yaml").read_text("utf-8"), name),
    )
    before = time.process_time()
    inspector = PolicyInspector(detectors, policy)
    compiled_s = time.process_time() - before
    rows = measured(detectors, inspector) + unseen(inspector)
    on = f"{platform.machine()}, Python {platform.python_version()}, one core of a machine that other work shared"
    said = (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {on}; {len(detectors)} patterns, compiled in {compiled_s:.1f} s of CPU time."
    )
    text = DOCS.read_text("utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    DOCS.write_text("\n".join([text[:begin], said, "", *rows, text[end:]]), "utf-8")


if __name__ == "__main__":
    main()
