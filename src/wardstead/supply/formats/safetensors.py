"""safetensors: eight bytes of length, a header of JSON, and tensors without a byte between (huggingface/safetensors, README).

Programs that read it leniently can be told apart from those that do not: whatever the description forbids is found here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from wardstead.supply.formats.json_input import parse_json
from wardstead.supply.ports import Malformed, Seen, Source, Steps
from wardstead.supply.sources import exactly, unpack

_MOST: Final = 100_000_000
"""The library's own limit on a header."""
_READ: Final = 32 << 20
"""The largest header that is parsed: a hundred times that of a model with a thousand layers."""
_BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip

_KEYS: Final = {"dtype", "shape", "data_offsets"}


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether it begins like one."""
    length = int.from_bytes(head[:8], "little")
    return length <= min(size, _MOST) and head[8:9] == b"{" and head[9:10] in {b'"', b"}", b" ", b"\n"}


def check(source: Source) -> Steps:
    """What is wrong with it."""
    (length,) = unpack(source, "<Q", 0)
    if length > _MOST:
        yield Seen("header-limits", f"the header is said to have {length:,} bytes; {_MOST:,} are allowed", 0)
        return
    if length > _READ:
        raise Malformed(f"its header has {length:,} bytes; more than {_READ:,} are not read", 0)
    raw = exactly(source, 8, length)
    if raw[:1] != b"{":
        raise Malformed("its header does not begin with a brace", 8)
    try:
        header, twice = parse_json(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Malformed("its header is no UTF-8", 8 + error.start) from None
    for key in twice:
        yield Seen("duplicate-entry", f"the header has the key {key!r} twice", 8)
    if not isinstance(header, dict):
        raise Malformed("its header is no object", 8)
    yield from _metadata(header.pop("__metadata__", {}))
    yield from _tensors(header, 8 + length, source)


def _metadata(metadata: Any) -> Steps:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        yield Seen("header-limits", "its metadata are no texts by name", 8)


def _tensors(header: dict[str, Any], data: int, source: Source) -> Steps:
    spans: list[tuple[int, int, str]] = []
    for name, tensor in header.items():
        problem, span = _one(tensor)
        if problem:
            yield Seen("tensor-type", f"tensor {name[:80]!r}: {problem}", 8)
        if span is not None:
            spans.append((*span, name[:80]))
    end = source.size - data
    for begin, until, name in spans:
        if begin > until or until > end:
            yield Seen("tensor-bounds", f"tensor {name!r} is said to end at byte {until:,} of {end:,}", data)
    yield from gaps(spans, end, data)


def _one(tensor: Any) -> tuple[str, tuple[int, int] | None]:
    """What is wrong with a tensor's entry, and where it lies."""
    if not isinstance(tensor, dict) or not tensor.keys() >= _KEYS:
        return "its entry lacks a type, a shape or its place", None
    offsets = tensor["data_offsets"]
    if not (_whole(offsets) and len(offsets) == 2):
        return "its place is not two numbers", None
    return _wrong(tensor, offsets[1] - offsets[0]), (offsets[0], offsets[1])


def _wrong(tensor: dict[str, Any], size: int) -> str:
    shape, dtype = tensor["shape"], tensor["dtype"]
    if extra := tensor.keys() - _KEYS:
        return f"its entry has a further key {min(extra)[:40]!r}"
    if not isinstance(dtype, str) or dtype not in _BITS:
        return f"its type {str(dtype)[:20]!r} does not exist"
    if not _whole(shape) or len(shape) > 64:
        return "its shape is no list of numbers"
    bits = _BITS[dtype]
    for dimension in shape:
        bits *= dimension
        if bits >= 1 << 67:
            return "its shape has more elements than 64 bits can count"
    if bits % 8 or bits // 8 != size:
        return f"its shape and type need {bits / 8:,.0f} bytes, and it has {size:,}"
    return ""


def _whole(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in numbers)


def gaps(spans: Iterable[tuple[int, int, str]], end: int, data: int) -> Steps:
    """Where tensors share bytes, and where bytes belong to none: ``spans`` and ``end`` count from byte ``data``."""
    at, before = 0, ""
    for begin, until, name in sorted(spans):
        if begin < at:
            yield Seen("tensor-overlap", f"tensors {before!r} and {name!r} share bytes", data + begin)
        elif begin > at:
            yield Seen("tensor-hole", f"{begin - at:,} bytes before tensor {name!r} belong to none", data + at)
        if until > at:
            at, before = until, name
    if at < end:
        yield Seen("trailing-data", f"{end - at:,} bytes after the last tensor", data + at)


def check_index(text: str, names: frozenset[str]) -> Steps:
    """An index of shards (``model.safetensors.index.json``): it names files beside it, which must be there."""
    index, twice = parse_json(text)
    for key in twice:
        yield Seen("duplicate-entry", f"the index has the key {key!r} twice")
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict):
        raise Malformed("it has no map of weights")
    for shard in sorted({str(one) for one in shards.values()}):
        if "/" in shard or "\\" in shard or shard.startswith(".") or "\0" in shard:
            yield Seen("path-traversal", f"the index points to {shard[:120]!r}")
        elif names and shard not in names:
            yield Seen("config-path", f"the index names {shard[:120]!r}, which is not there")
