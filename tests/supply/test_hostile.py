"""Damaged, nested and giant files end in a finding: never in an exception, a hang or the machine's memory."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

from tests.supply.hostile import examine, files

from wardstead.supply.scan import look
from wardstead.supply.sources import Memory

GIB = 1 << 30


def test_damaged_files_get_a_verdict() -> None:
    for name, data in itertools.islice(files(20261126), 800):
        examine(name, data)


def test_a_length_that_lies_leads_to_no_place_beyond_the_end() -> None:
    for data in (
        b"\x80\x02B\xff\xff\xff\x7f",
        b"\x80\x04\x8e" + b"\xff" * 7 + b"\x0fab",
        b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f",
    ):
        _, (found,) = look(Memory(data, "model.pkl"))
        assert (found.rule, found.offset) == ("unparsed", len(data))


def _bomb() -> bytes:
    zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(zeros.compress(bytes(1 << 20)) for _ in range(300)) + zeros.flush()


def _zip(name: str, data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return made.getvalue()


GIANTS = {
    "json-nesting.json": b"[" * 4_000_000,
    "json-keys.json": json.dumps({f"k{one}": [one] * 3 for one in range(200_000)}).encode(),
    "yaml-nesting.yaml": b"- " * 60_000,
    "yaml-flow.yaml": b"[" * 60_000,
    "braces.jinja": b"{{ " + b"((" * 40_000,
    "not.jinja": b"{{ " + b"not " * 30_000 + b"x }}",
    "sum.jinja": b"{{ 'a'" + b" ~ 'b'" * 12_000 + b" }}",
    "blocks.jinja": b"{% if a %}" * 8_000 + b"{% endif %}" * 8_000,
    "minus.py": b"x = " + b"-" * 200_000 + b"1",
    "attributes.py": b"x = a" + b".b" * 100_000,
    "calls.py": b"x = " + b"f(" * 90 + b")" * 90 + b"\n" + b"y = a" + b"()" * 50_000,
    "nul.py": b"x = 1\0",
    "marks.pkl": b"\x80\x04" + b"(" * 4_500_000,
    "doubled.pkl": b"\x80\x04]" + b"2" * 4_200_000,
    "long-line.pkl": b"S'" + b"x" * 30_000_000,
    "memo.pkl": b"\x80\x04N" + b"\x94" * 2_100_000 + b".",
    "gzip-bomb.pkl.gz": _bomb(),
    "gzip-of-gzips.gz": gzip.compress(gzip.compress(gzip.compress(_bomb()))),
    "tensors.gguf": b"GGUF" + struct.pack("<IQQ", 3, 1 << 20, 0) + struct.pack("<QIQIQ", 0, 1, 1, 0, 0) * 300_000,
    "header.safetensors": struct.pack("<Q", 20_000_000) + b'{"a":' + b"[" * 19_999_995,
    "fields.onnx": b"\x08\x01" * 500_000,
    "pattern.json": json.dumps({"Regex": "(" * 5000 + "a" + ")*" * 5000}).encode(),
    "members.zip": _zip("a", b"x" * 100)[:-22] * 2000,
    "headers.tar": (b"a" * 100 + bytes(412)) * 4000,
    "empty.gguf": b"",
}  # fmt: skip


def test_what_is_made_to_exhaust_does_not(tmp_path: Path) -> None:
    """In a process of its own with a gigabyte of memory and a limit on processor time: every one gets its verdict."""
    for name, data in GIANTS.items():
        (tmp_path / name).write_bytes(data)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB))
        resource.setrlimit(resource.RLIMIT_CPU, (200, 200))

    command = [sys.executable, "-m", "wardstead.cli", "model", "scan", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert done.returncode == 1, done.stderr[-500:]
    assert {one["file"] for one in json.loads(done.stdout)["files"]} == set(GIANTS)


def test_memory_does_not_grow_with_the_file() -> None:
    """A source of a hundred gigabytes that is never there as a whole."""

    size = 100 * GIB
    entry = {"a": {"dtype": "U8", "shape": [size - 4096], "data_offsets": [0, size - 4096]}}
    head = struct.pack("<Q", 4088) + json.dumps(entry).ljust(4088).encode()

    class Huge:
        name, exact = "huge.safetensors", True

        def __init__(self) -> None:
            self.size = size

        def read(self, offset: int, length: int) -> bytes:
            length = max(0, min(length, size - offset))
            return head[offset : offset + length].ljust(length, b"\0")

    tracemalloc.start()
    kind, findings = look(Huge())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (kind, findings) == ("safetensors", ())
    assert peak < 16 << 20


def test_a_stream_that_unpacks_to_more_than_is_held_is_still_read_to_its_end() -> None:
    payload = b"\x80\x04B" + struct.pack("<I", 60 << 20) + bytes(60 << 20) + b"0cos\nsystem\n\x8c\x04echo\x85R."
    _, findings = look(Memory(gzip.compress(payload, 1), "model.pkl.gz"))
    assert "pickle-code" in {one.rule for one in findings}
