"""How fast a large file is hashed and looked at, beside hashing alone, and how much memory that takes."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import statistics
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.supply.families.tensors import gguf

PIECE = 64 << 20
ROUNDS = 5
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


def seconds(what: Callable[[], object]) -> float:
    """The median of some rounds, the first left out."""
    what()
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        what()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def hashed(path: Path) -> str:
    """SHA-256 alone, as the standard library does it fastest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def measure(folder: Path, size: int) -> list[tuple[str, float, float, int]]:
    """For each format: its name, bytes a second hashed alone and scanned, and what memory grew by."""
    from wardstead.bootstrap.scanning import scan, to_scan

    results = []
    for name, make in (("model.safetensors", safetensors), ("model.gguf", gguf_file)):
        path = folder / name
        make(path, size)
        bytes_ = path.stat().st_size
        alone = seconds(lambda path=path: hashed(path))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        (one,) = scan(to_scan(path), lambda _: None)
        assert one.sha256 == hashed(path), name
        assert not one.findings, one.findings
        both = seconds(lambda path=path: list(scan(to_scan(path), lambda _: None)))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        results.append((name, bytes_ / alone, bytes_ / both, grown))
        path.unlink()
        print(f"· {name}: {bytes_ / alone / 1e6:,.0f} MB/s alone, {bytes_ / both / 1e6:,.0f} MB/s scanned", file=sys.stderr)
    return results
