"""How fast a large file is hashed and looked at, beside hashing alone, and how much memory that takes."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.supply.families.tensors import gguf

PIECE = 64 << 20
ROUNDS = 3
TENSORS = 400


def _fill(file, size: int) -> None:
    piece = os.urandom(PIECE)
    while size > 0:
        file.write(piece[: min(size, PIECE)])
        size -= PIECE


def safetensors(path: Path, size: int) -> None:
    """A file with some hundred tensors."""
    each = size // TENSORS // 4 * 4
    header = {
        f"layer.{one}.weight": {"dtype": "F32", "shape": [each // 4], "data_offsets": [one * each, (one + 1) * each]}
        for one in range(TENSORS)
    }
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        _fill(file, each * TENSORS)


def gguf_file(path: Path, size: int) -> None:
    """A file with a vocabulary of 150,000 and some hundred tensors."""
    each = size // TENSORS // 32 * 32
    pairs = [("general.architecture", "llama"), ("tokenizer.ggml.tokens", [f"token{one}" for one in range(150_000)]),
             ("tokenizer.ggml.merges", [f"a{one} b{one}" for one in range(150_000)])]  # fmt: skip
    tensors = [(f"blk.{one}.weight", [each // 4], 0, one * each) for one in range(TENSORS)]
    with path.open("wb") as file:
        file.write(gguf(pairs, tensors))
        _fill(file, each * TENSORS)


def seconds(*whats: Callable[[], object]) -> list[tuple[float, float]]:
    """Wall-clock and processor seconds of each, by turns: the least of some rounds, after one that does not count."""
    found: list[list[tuple[float, float]]] = [[] for _ in whats]
    for number in range(ROUNDS + 1):
        for what, times in zip(whats, found, strict=True):
            begun, used = time.perf_counter(), time.process_time()
            what()
            if number:
                times.append((time.perf_counter() - begun, time.process_time() - used))
    return [(min(one[0] for one in times), min(one[1] for one in times)) for times in found]


def hashed(path: Path) -> str:
    """SHA-256 alone, as the standard library does it fastest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Measured(NamedTuple):
    """Of one format: megabytes a second by the clock and by the processor's, hashed alone and scanned; memory grown by in KB."""

    name: str
    alone: float
    scanned: float
    alone_cpu: float
    scanned_cpu: float
    grown: int


def measure(folder: Path, size: int) -> list[Measured]:
    """Each format."""
    from wardstead.bootstrap.models.scanning import scan, to_scan

    results = []
    for name, make in (("model.safetensors", safetensors), ("model.gguf", gguf_file)):
        path = folder / name
        make(path, size)
        megabytes = path.stat().st_size / 1e6
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        (one,) = scan(to_scan(path), lambda _: None)
        assert one.sha256 == hashed(path), name
        assert not one.findings, one.findings
        both = seconds(lambda path=path: hashed(path), lambda path=path: list(scan(to_scan(path), lambda _: None)))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        (wall, cpu), (wall_scanned, cpu_scanned) = both
        results.append(
            Measured(name, megabytes / wall, megabytes / wall_scanned, megabytes / cpu, megabytes / cpu_scanned, grown)
        )
        path.unlink()
        print(f"· {results[-1]}", file=sys.stderr)
    return results
