"""``make bench``: Wardstead with all controls on, nginx as a plain proxy and the upstream direct, in one run, as ratios.

Two cores: the mock model server and the load driver on one, the target on the other. Rounds are interleaved and the median
is shown. It ends with an error when a measurement is invalid (failed requests, missing chunks), never because of a speed.
"""

from __future__ import annotations

import argparse
import json
import platform
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import targets
from bench.targets import LOAD_CORE, Target, pinned

HERE = Path(__file__).parent
LOAD = HERE / "load"
BUILD = HERE / ".build"
DOCS = HERE.parent / "docs" / "benchmarks.md"
console = Console(stderr=True)
Row = dict[str, float]


class Bench:
    """One run: ``rounds`` of ``seconds`` for each measurement."""

    def __init__(self, driver: Path, rounds: int, seconds: float) -> None:
        self.driver, self.rounds, self.seconds = driver, rounds, seconds

    def load(self, target: Target, *options: str) -> dict[str, Any]:
        """Run the driver once. Raises ``SystemExit`` when anything failed."""
        command = pinned(LOAD_CORE, self.driver, "-p", str(target.port), "-A", target.token, *options)
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        result: dict[str, Any] = json.loads(said)
        if result["err"] or not result["ok"]:
            raise SystemExit(
                f"{target.name}: {result['err']} of {result['ok'] + result['err']} requests failed: {result['sample']}"
            )
        return result

    def closed(self, target: Target, connections: int) -> Row:
        """Requests per second, as many as it takes, and CPU for each."""
        before = target.cpu_s()
        result = self.load(target, "-c", str(connections), "-d", str(self.seconds), "-b", str(LOAD / "body.json"))
        return {"rps": result["rps"], "cpu_us": (target.cpu_s() - before) / result["ok"] * 1e6}

    def paced(self, target: Target) -> Row:
        """Latency at 150 requests per second, counted from when each was due."""
        result = self.load(target, "-c", "16", "-r", "150", "-d", str(self.seconds), "-b", str(LOAD / "body.json"))
        return {name: result[name] / 1000 for name in ("p50", "p95", "p99")}

    def streams(self, target: Target) -> Row:
        """40 streams of 100 chunks, 10 ms apart: time to the first byte, CPU and delay for each chunk."""
        before = target.cpu_s()
        result = self.load(target, "-c", "40", "-n", "80", "-k", "100", "-b", str(LOAD / "sse_paced.json"))
        return {
            "ttft": result["ttft50"] / 1000,
            "relay": result["rel50"] / 1000,
            "chunk_us": (target.cpu_s() - before) / result["chunks"] * 1e6,
        }

    def one_stream(self, target: Target) -> Row:
        """One stream at a time: what a person feels."""
        result = self.load(target, "-c", "1", "-n", "3", "-k", "100", "-b", str(LOAD / "sse_paced.json"))
        return {"ttft_alone": result["ttft50"] / 1000}

    def over_tls(self, target: Target) -> Row:
        """Requests per second over TLS 1.3, as many as it takes. By wrk: our own driver speaks no TLS."""
        script = BUILD / "post.lua"
        body = (LOAD / "body.json").read_text()
        script.write_text(
            f'wrk.method = "POST"\nwrk.body = [==[{body}]==]\n'
            f'wrk.headers["Authorization"] = "Bearer {target.token}"\nwrk.headers["Content-Type"] = "application/json"\n'
        )
        url = f"https://127.0.0.1:{target.port}/v1/chat/completions"
        command = pinned(LOAD_CORE, "wrk", "-t1", "-c16", f"-d{self.seconds:.0f}s", "-s", script, url)
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if "Non-2xx" in said:
            raise SystemExit(f"{target.name}: requests failed over TLS: {said}")
        return {"rps": float(said.split("Requests/sec:")[1].split()[0])}

    def all(self, everything: list[Target], measure: Callable[[Target], Row]) -> dict[str, Row]:
        """Every target in turn, ``rounds`` times; medians."""
        found: dict[str, list[Row]] = {target.name: [] for target in everything}
        for _ in range(self.rounds):
            for target in everything:
                found[target.name].append(measure(target))
        return {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for name, rows in found.items()}


def unread_stream(target: Target) -> float:
    """How many MB the target grows by while a client does not read a 75 MB stream."""
    body = json.loads((LOAD / "sse_burst.json").read_text()) | {"model": "mock-n3000000-d0"}
    data = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:{target.port}\r\nauthorization: Bearer {target.token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    before = target.memory_mb()
    with socket.create_connection(("127.0.0.1", target.port)) as plain:
        client = plain
        if target.tls and target.directory is not None:
            client = ssl.create_default_context(cafile=target.directory / "tls" / "ca.crt").wrap_socket(
                plain, server_hostname="localhost"
            )
        client.sendall(head.encode() + data)
        client.recv(1024)
        time.sleep(3)
        return target.memory_mb() - before


def measure(everything: list[Target], bench: Bench) -> dict[str, Row]:
    """All measurements of all targets."""
    rows: dict[str, Row] = {target.name: {} for target in everything}
    steps: list[tuple[str, Callable[[Target], Row]]] = [
        ("requests per second, 16 connections", lambda target: bench.closed(target, 16)),
        ("latency at 150 requests per second", bench.paced),
        ("40 streams", bench.streams),
        ("one stream", bench.one_stream),
    ]
    for title, step in steps:
        console.print(f"· {title}")
        for name, row in bench.all(everything, step).items():
            rows[name] |= row
    for target in everything:
        rows[target.name]["memory_mb"] = target.memory_mb()
        if target.directory is not None:
            console.print("· a 75 MB stream that nobody reads")
            rows[target.name]["unread_mb"] = unread_stream(target)
    return rows


def table(rows: dict[str, Row]) -> list[list[str]]:
    """Rows of text: figures, and ratios against the upstream direct and nginx."""
    direct, nginx = rows["direct"], rows.get("nginx")
    out = []
    for name, row in rows.items():
        of_nginx = f"{row['rps'] / nginx['rps']:.1%}" if nginx else "–"
        out.append(
            [
                name,
                f"{row['rps']:,.0f}",
                f"{row['rps'] / direct['rps']:.1%}",
                of_nginx,
                f"{row['cpu_us']:,.0f}",
                " / ".join(f"{row[key] - direct[key]:.2f}" for key in ("p50", "p95", "p99")),
                f"{row['ttft_alone'] - direct['ttft_alone']:.2f}",
                f"{row['ttft'] - direct['ttft']:.1f}",
                f"{row['chunk_us']:.0f}",
                f"{row['memory_mb']:.0f}",
                f"{row['unread_mb']:+.1f}" if "unread_mb" in row else "–",
            ]
        )
    return out


HEADINGS = [
    "target", "req/s", "of direct", "of nginx", "CPU µs/request", "added p50/p95/p99 ms", "added first byte ms (1 stream)",
    "added first byte ms (40 streams)", "CPU µs/chunk", "memory MB", "75 MB unread MB",
]  # fmt: skip


TLS_HEADINGS = ["target, TLS 1.3 in front", "req/s", "of nginx with TLS"]


def over_tls(mock: Path, folder: Path, bench: Bench) -> list[list[str]]:
    """nginx and Wardstead with TLS in front, in one run. Empty where wrk or nginx is not to be had."""
    if not targets.have("wrk", "wrk"):
        console.print("wrk is not installed and cannot be installed here: nothing is measured over TLS")
        return []
    everything = [targets.start_mock(mock, folder)]
    try:
        wardstead = targets.start_wardstead(everything[0].port, folder / "with-tls", tls=True)
        everything.append(wardstead)
        files = (folder / "with-tls/tls/server.crt", folder / "with-tls/tls/server.key")
        nginx = targets.start_nginx(everything[0].port, folder, files)
        if nginx is None:
            return []
        everything.append(nginx)
        console.print("· requests per second over TLS 1.3")
        rows = bench.all([nginx, wardstead], bench.over_tls)
    finally:
        for target in reversed(everything):
            target.stop()
    return [[name, f"{row['rps']:,.0f}", f"{row['rps'] / rows[nginx.name]['rps']:.1%}"] for name, row in rows.items()]


def show(lines: list[list[str]], headings: list[str]) -> None:
    """A table on the terminal."""
    drawn = Table(*headings)
    for line in lines:
        drawn.add_row(*line)
    Console(width=220).print(drawn)


def write_docs(lines: list[list[str]], tls: list[list[str]], core: dict[str, Any]) -> None:
    """The tables in docs/benchmarks.md, between its marks."""
    text = DOCS.read_text()
    begin, end = "<!-- results:begin -->", "<!-- results:end -->"
    day = time.strftime("%Y-%m-%d", time.gmtime())
    facts = f"Measured {day} on {core['cpu']}, Python {core['python']}; medians of {core['rounds']} rounds."
    parts = [facts, _markdown(HEADINGS, lines), _markdown(TLS_HEADINGS, tls)]
    DOCS.write_text(text.split(begin)[0] + begin + "\n" + "\n\n".join(parts) + "\n" + end + text.split(end)[1])


def _markdown(headings: list[str], lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, ["---"] * len(headings), *lines])


def machine(rounds: int) -> dict[str, Any]:
    """Where this was measured."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    return {
        "cpu": f"{len(names)} cores of {names[0] if names else 'unknown'}",
        "python": platform.python_version(),
        "rounds": rounds,
    }


def main() -> int:
    """Measure, show, and keep."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--write-docs", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    mock, driver = targets.compile_tools(BUILD)
    rounds, seconds = (1, 2.0) if arguments.quick else (5, 4.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        everything = [targets.start_mock(mock, folder)]
        try:
            console.print("· starting nginx and Wardstead")
            nginx = targets.start_nginx(everything[0].port, folder, None)
            if nginx is None:
                console.print("nginx is not installed and cannot be installed here: there is no ratio to it")
            else:
                everything.append(nginx)
            everything.append(targets.start_wardstead(everything[0].port, folder / "deployment", tls=False))
            rows = measure(everything, Bench(driver, rounds, seconds))
        finally:
            for target in reversed(everything):
                target.stop()
        tls = over_tls(mock, folder, Bench(driver, rounds, seconds))
    lines = table(rows)
    show(lines, HEADINGS)
    show(tls, TLS_HEADINGS)
    facts = machine(rounds)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json").write_text(
        json.dumps({"machine": facts, "rows": rows}, indent=2)
    )
    if arguments.write_docs:
        write_docs(lines, tls, facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
