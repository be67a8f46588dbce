"""safetensors and GGUF: well made, and broken in every way that a reader could be led astray by."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

from bench.supply.case import Case

ENTRY = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}
SECOND = {"dtype": "F16", "shape": [8], "data_offsets": [64, 80]}


def safetensors(header: Any, data: bytes = bytes(64)) -> bytes:
    """A file with that header (an object, or its text)."""
    raw = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def _string(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_string(one.encode()) for one in value)
    return struct.pack("<I", 8) + _string(str(value).encode())


def gguf(
    pairs: list[tuple[str, Any]] = (), tensors: list[tuple[str, list[int], int, int]] = (), data: bytes = b"",
    *, counts: tuple[int, int] | None = None, version: int = 3, raw: bytes = b"",
) -> bytes:  # fmt: skip
    """A file with those pairs and tensors (name, shape, type, offset); ``raw`` stands between them."""
    many = counts or (len(tensors), len(pairs))
    head = b"GGUF" + struct.pack("<IQQ", version, *many)
    head += b"".join(_string(key.encode()) + _value(value) for key, value in pairs) + raw
    for name, shape, kind, offset in tensors:
        head += _string(name.encode()) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
    return head + bytes(-len(head) % 32) + data


PLAIN = [("general.architecture", "llama"), ("general.name", "tiny"), ("tokenizer.ggml.tokens", ["a", "b"])]
TENSORS = [("token_embd.weight", [4, 4], 0, 0), ("output.weight", [32, 2], 8, 64)]
DATA = bytes(64 + 96)


def _broken_safetensors() -> Iterator[tuple[str, bytes]]:
    plain = {"a": ENTRY}
    yield "trailing", safetensors(plain, bytes(64) + b"payload")
    yield "zip-behind", safetensors(plain, bytes(64) + b"PK\x03\x04" + bytes(40) + b"PK\x05\x06" + bytes(18))
    yield "hole", safetensors({"a": ENTRY, "b": {**SECOND, "data_offsets": [96, 112]}}, bytes(112))
    yield "hole-first", safetensors({"a": {**ENTRY, "data_offsets": [16, 80]}}, bytes(80))
    yield "overlap", safetensors({"a": ENTRY, "b": {**SECOND, "data_offsets": [32, 48]}})
    yield "outside", safetensors({"a": {**ENTRY, "shape": [400], "data_offsets": [0, 1600]}})
    yield "backwards", safetensors({"a": {**ENTRY, "data_offsets": [64, 0]}})
    yield "negative", safetensors({"a": {**ENTRY, "data_offsets": [-64, 0]}})
    yield "unknown-type", safetensors({"a": {**ENTRY, "dtype": "PICKLE"}})
    yield "shape-lies", safetensors({"a": {**ENTRY, "shape": [400]}})
    yield "shape-overflow", safetensors({"a": {**ENTRY, "shape": [1 << 62, 1 << 62]}})
    yield "twice", safetensors(f'{{"a":{json.dumps(ENTRY)},"a":{json.dumps(ENTRY)}}}')
    yield "metadata-twice", safetensors(f'{{"__metadata__":{{"x":"1","x":"2"}},"a":{json.dumps(ENTRY)}}}')
    yield "metadata-object", safetensors({"__metadata__": {"x": {"y": 1}}, "a": ENTRY})
    yield "header-too-long", struct.pack("<Q", 1 << 40) + b'{"a":1}'
    yield "header-beyond-end", struct.pack("<Q", 4096) + b'{"a":{}}'
    yield "no-json", safetensors('{"a":' + "[" * 20)
    yield "deep-json", safetensors('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    yield "no-utf8", struct.pack("<Q", 4) + b'{"\xff"'
    yield "further-key", safetensors({"a": {**ENTRY, "code": "import os"}})
    yield "pickle-inside-name", b"\x80\x04cos\nsystem\n(S'id'\ntR."
    yield "truncated", safetensors(plain)[:-32]


def _broken_gguf() -> Iterator[tuple[str, bytes]]:
    yield "version", gguf(PLAIN, TENSORS, DATA, version=99)
    yield "too-many-tensors", gguf(PLAIN, TENSORS, DATA, counts=(1 << 60, 3))
    yield "too-many-pairs", gguf(PLAIN, TENSORS, DATA, counts=(2, 1 << 60))
    yield "key-length", gguf(PLAIN, [], b"", counts=(0, 4), raw=struct.pack("<Q", 1 << 62))
    yield "text-length", gguf(PLAIN, [], b"", counts=(0, 4), raw=_string(b"k") + struct.pack("<IQ", 8, 1 << 62))
    yield "array-length", gguf(PLAIN, [], b"", counts=(0, 4), raw=_string(b"k") + struct.pack("<IIQ", 9, 4, 1 << 62))
    yield (
        "array-nesting",
        gguf(PLAIN, [], b"", counts=(0, 4), raw=_string(b"k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 40),
    )
    yield "value-type", gguf(PLAIN, [], b"", counts=(0, 4), raw=_string(b"k") + struct.pack("<I", 77))
    yield "pair-twice", gguf([*PLAIN, ("general.name", "other")], TENSORS, DATA)
    yield "alignment", gguf([*PLAIN, ("general.alignment", 7)], TENSORS, DATA)
    yield "alignment-zero", gguf([*PLAIN, ("general.alignment", 0)], TENSORS, DATA)
    yield "outside", gguf(PLAIN, [("a", [1024, 1024], 0, 0)], DATA)
    yield "offset-overflow", gguf(PLAIN, [("a", [4, 4], 0, (1 << 64) - 32)], DATA)
    yield "shape-overflow", gguf(PLAIN, [("a", [1 << 33, 1 << 33], 0, 0)], DATA)
    yield "dimensions", gguf(PLAIN, [("a", [1] * 60, 0, 0)], DATA)
    yield "type", gguf(PLAIN, [("a", [4, 4], 200, 0)], DATA)
    yield "rows", gguf(PLAIN, [("a", [5, 4], 8, 0)], DATA)
    yield "empty-tensor", gguf(PLAIN, [("a", [0, 4], 0, 0)], DATA)
    yield "overlap", gguf(PLAIN, [("a", [4, 4], 0, 0), ("b", [4, 4], 0, 32)], DATA[:96])
    yield "unaligned", gguf(PLAIN, [("a", [4, 4], 0, 3)], DATA)
    yield "hole", gguf(PLAIN, [("a", [4, 4], 0, 0), ("b", [4, 4], 0, 4096)], bytes(4096 + 64))
    yield "trailing", gguf(PLAIN, TENSORS, DATA + b"\x7fELF" + bytes(500))
    yield "tensor-twice", gguf(PLAIN, [("a", [4, 4], 0, 0), ("a", [4, 4], 0, 64)], DATA[:128])
    yield "truncated", gguf(PLAIN, TENSORS, DATA)[:90]


def cases() -> Iterator[Case]:
    """Both formats."""
    for name, data in _broken_safetensors():
        yield Case("safetensors", name, True, {"model.safetensors": data})
    for name, data in _broken_gguf():
        yield Case("gguf", name, True, {"model.gguf": data})
    for name, shard in (
        ("up", "../../../etc/passwd"),
        ("root", "/etc/passwd"),
        ("down", "sub/../../x.safetensors"),
        ("windows", "..\\x"),
    ):
        index = json.dumps({"metadata": {}, "weight_map": {"a": shard}}).encode()
        yield Case("safetensors", f"index-{name}", True, {"model.safetensors.index.json": index})
    good = {"one": {"a": ENTRY}, "two": {"__metadata__": {"format": "pt"}, "a": ENTRY, "b": SECOND}, "none": {}}
    for name, header in good.items():
        size = max((one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"), default=0)
        yield Case("safetensors", f"good-{name}", False, {"model.safetensors": safetensors(header, bytes(size))})
    padded = safetensors(json.dumps({"a": ENTRY}) + "   ")
    yield Case("safetensors", "good-padded", False, {"model.safetensors": padded})
    shards = {f"model-0000{number}-of-00002.safetensors": safetensors({"a": ENTRY}) for number in (1, 2)}
    index = json.dumps({"metadata": {"total_size": 128}, "weight_map": dict(zip("ab", shards, strict=True))}).encode()
    yield Case("safetensors", "good-shards", False, {**shards, "model.safetensors.index.json": index})
    yield Case("gguf", "good", False, {"model.gguf": gguf(PLAIN, TENSORS, DATA)})
    yield Case("gguf", "good-v2", False, {"model.gguf": gguf(PLAIN, TENSORS, DATA, version=2)})
    yield Case("gguf", "good-vocabulary", False, {"model.gguf": gguf(PLAIN)})
    aligned = gguf([*PLAIN, ("general.alignment", 64)], [("a", [4, 4], 0, 0)], b"")
    yield Case("gguf", "good-alignment", False, {"model.gguf": aligned + bytes(-len(aligned) % 64) + bytes(64)})
    yield Case("gguf", "good-values", False, {"model.gguf": gguf([*PLAIN, ("f", 1.5), ("b", True), ("n", 7)], TENSORS, DATA)})
