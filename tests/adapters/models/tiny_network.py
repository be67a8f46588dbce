"""A network small enough to be written by hand: each token has a score for each label; for a text, the mean of its tokens.

The bytes are an ONNX ``ModelProto`` (onnx.proto3, field numbers beside each line), so that no library is needed to make one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer, models, pre_tokenizers


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(kind: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    return b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, kind) + attributes


def _value(name: str, element: int, dimensions: Sequence[str]) -> bytes:
    shape = b"".join(_bytes(1, _bytes(2, one)) for one in dimensions)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, element) + _bytes(2, shape)))


def network(rows: Sequence[Sequence[float]], *, of_texts: bool) -> bytes:
    """ONNX: ``rows[id]`` are the scores of a token for the labels."""
    raw = b"".join(struct.pack("<f", score) for row in rows for score in row)
    table = _number(1, len(rows)) + _number(1, len(rows[0])) + _number(2, 1) + _bytes(8, "table") + _bytes(9, raw)
    nodes = [_node("Gather", ["table", "input_ids"], "tokens" if of_texts else "scores")]
    if of_texts:
        axes = _bytes(5, _bytes(1, "axes") + _number(8, 1) + _number(20, 7))
        keep = _bytes(5, _bytes(1, "keepdims") + _number(3, 0) + _number(20, 2))
        nodes.append(_node("ReduceMean", ["tokens"], "scores", axes + keep))
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, "tiny") + _bytes(5, table)
    graph += _bytes(11, _value("input_ids", 7, ["batch", "length"]))
    graph += _bytes(12, _value("scores", 1, ["batch", "labels"] if of_texts else ["batch", "length", "labels"]))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 17))


def tokenizer(words: Sequence[str]) -> bytes:
    """One that knows these words; every other is the first."""
    known: Mapping[str, int] = {word: number for number, word in enumerate(words)}
    one = Tokenizer(models.WordLevel(vocab=dict(known), unk_token=words[0]))
    one.pre_tokenizer = pre_tokenizers.Whitespace()
    return one.to_str().encode()
