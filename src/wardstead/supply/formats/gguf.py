"""GGUF (ggml-org/ggml, docs/gguf.md): metadata of any kind, a table of tensors, the tensors. The header alone is read."""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from wardstead.supply.formats import templates
from wardstead.supply.formats.safetensors import gaps
from wardstead.supply.ports import Malformed, Seen, Source, Steps
from wardstead.supply.sources import Cursor

MAGIC: Final = b"GGUF"
_U8, _I8, _U16, _I16, _U32, _I32, _F32, _U64, _I64, _F64 = (struct.Struct(f"<{one}") for one in "BbHhIifQqd")
_NUMBERS: Final = {0: _U8, 1: _I8, 2: _U16, 3: _I16, 4: _U32, 5: _I32, 6: _F32, 7: _U8, 10: _U64, 11: _I64, 12: _F64}
_STRING, _ARRAY, _BOOL = 8, 9, 7
_MOST_TENSORS: Final = 1 << 20
_MOST_PAIRS: Final = 1 << 16
_MOST_ITEMS: Final = 1 << 22
"""Of all arrays together: tokens and their scores. The largest vocabularies have 300,000."""
_MOST_KEY: Final = 65_535
_MOST_TEXT: Final = 4 << 20
_MOST_DIMENSIONS: Final = 4
_LARGEST: Final = (1 << 63) - 1
_KEPT: Final = 16
"""Items of an array that are kept: nothing that is looked at has more."""
_BLOCKS: Final = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 4: (32, 20), 5: (32, 22), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
    27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 31: (32, 18), 32: (32, 18), 33: (32, 18), 34: (256, 54), 35: (256, 66),
    36: (32, 18), 37: (32, 18), 38: (32, 18), 39: (32, 17), 40: (64, 36),
}  # fmt: skip
"""Elements and bytes of a block, by type (ggml.h, ``enum ggml_type``)."""


class Header(NamedTuple):
    """What the metadata say, and where each pair stands."""

    pairs: dict[str, Any]
    twice: list[tuple[str, int]]
    tensors: int


def check(source: Source) -> Steps:
    """What is wrong with it."""
    cursor = Cursor(source)
    header = read_header(cursor)
    for key, at in header.twice:
        yield Seen("duplicate-entry", f"the metadata have the key {key[:80]!r} twice", at)
    yield from _texts(header.pairs)
    alignment = header.pairs.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 8 or alignment > 1 << 20 or alignment & (alignment - 1):
        yield Seen("header-limits", f"the alignment {str(alignment)[:30]} is no power of two from 8 on")
        return
    yield from _tensors(cursor, header.tensors, alignment, source)


def read_header(cursor: Cursor) -> Header:
    """The metadata, with arrays cut to their first items. Raises ``Malformed``."""
    if cursor.take(4) != MAGIC:
        raise Malformed("it does not begin with GGUF", 0)
    version = cursor.unpack(_U32)
    if version not in {2, 3}:
        raise Malformed(f"its version {version} is none that is read (2 and 3, little-endian)", 4)
    tensors, pairs = cursor.unpack(_U64), cursor.unpack(_U64)
    if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
        raise Malformed(f"it announces {tensors:,} tensors and {pairs:,} pairs of metadata", 8, rule="header-limits")
    found: dict[str, Any] = {}
    twice: list[tuple[str, int]] = []
    room = [_MOST_ITEMS]
    for _ in range(pairs):
        at = cursor.at
        key = _string(cursor, _MOST_KEY).decode("utf-8", "replace")
        value = _value(cursor, cursor.unpack(_U32), room, 0)
        if key in found:
            twice.append((key, at))
        else:
            found[key] = value
    return Header(found, twice, tensors)


def _value(cursor: Cursor, kind: int, room: list[int], depth: int) -> Any:
    if (form := _NUMBERS.get(kind)) is not None:
        at, value = cursor.at, cursor.unpack(form)
        if kind == _BOOL and value not in {0, 1}:
            raise Malformed(f"a boolean is {value}", at, rule="header-limits")
        return value
    if kind == _STRING:
        return _string(cursor, _MOST_TEXT).decode("utf-8", "replace")
    if kind == _ARRAY:
        return _array(cursor, room, depth)
    raise Malformed(f"a value has the type {kind}, which does not exist", cursor.at, rule="header-limits")


def _array(cursor: Cursor, room: list[int], depth: int) -> list[Any]:
    at, kind, count = cursor.at, cursor.unpack(_U32), cursor.unpack(_U64)
    if count > room[0] or depth > 2:
        raise Malformed(f"an array has {count:,} items, or arrays nest too deeply", at, rule="header-limits")
    room[0] -= count
    if (form := _NUMBERS.get(kind)) is not None:
        first = cursor.at
        kept = [cursor.unpack(form) for _ in range(min(count, _KEPT))]
        if count:
            cursor.leap(first + count * form.size - 1)
            cursor.take(1)
        return kept
    kept = []
    for number in range(count):
        value = _string(cursor, _MOST_TEXT) if kind == _STRING else _value(cursor, kind, room, depth + 1)
        if number < _KEPT:
            kept.append(value)
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in kept]


def _string(cursor: Cursor, limit: int) -> bytes:
    length = cursor.unpack(_U64)
    if length > limit:
        raise Malformed(f"a text has {length:,} bytes; {limit:,} are read", cursor.at - 8, rule="header-limits")
    return cursor.take(length)


def _texts(pairs: dict[str, Any]) -> Steps:
    for key, value in pairs.items():
        if isinstance(value, str) and (key == "tokenizer.chat_template" or key.startswith("tokenizer.chat_template.")):
            yield from templates.check_text(value, key)
    if isinstance(licence := pairs.get("general.license"), str):
        yield Seen("licence", f"general.license: {licence[:80]}")


def _tensors(cursor: Cursor, count: int, alignment: int, source: Source) -> Steps:
    seen: set[bytes] = set()
    spans: list[tuple[int, int, str]] = []
    for _ in range(count):
        at, raw = cursor.at, _string(cursor, _MOST_KEY)
        name = raw[:80].decode("utf-8", "replace")
        if raw in seen:
            yield Seen("duplicate-entry", f"two tensors are called {name!r}", at)
        seen.add(raw)
        dimensions = cursor.unpack(_U32)
        if dimensions > _MOST_DIMENSIONS:
            raise Malformed(f"tensor {name!r} has {dimensions:,} dimensions", at, rule="tensor-type")
        shape = [cursor.unpack(_U64) for _ in range(dimensions)]
        kind, offset = cursor.unpack(_U32), cursor.unpack(_U64)
        size, problem = _size(shape, kind)
        if problem:
            yield Seen("tensor-type", f"tensor {name!r}: {problem}", at)
        elif offset % alignment:
            yield Seen("tensor-bounds", f"tensor {name!r} is not aligned to {alignment} bytes", at)
        else:
            spans.append((offset, offset + size, name))
    data = -(-cursor.at // alignment) * alignment
    if not count and source.size <= data:
        return  # metadata alone, as vocabularies are published
    end = source.size - data
    for begin, until, name in spans:
        if until > end:
            yield Seen("tensor-bounds", f"tensor {name!r} ends at byte {until:,} of {end:,} (from {begin:,})", data)
    padded = [(begin, -(-until // alignment) * alignment, name) for begin, until, name in spans if until <= end]
    yield from gaps(padded, end, data)


def _size(shape: list[int], kind: int) -> tuple[int, str]:
    """Bytes of a tensor, and what is wrong with it."""
    if kind not in _BLOCKS:
        return 0, f"its type {kind} does not exist"
    elements, bytes_ = _BLOCKS[kind]
    count = 1
    for dimension in shape:
        count *= dimension
        if count > _LARGEST or dimension > _LARGEST:
            return 0, "its shape has more elements than 63 bits can count"
    if shape and shape[0] % elements:
        return 0, f"its rows of {shape[0]:,} are no multiple of {elements}"
    if not count:
        return 0, "it has no elements"
    return count // elements * bytes_, ""
