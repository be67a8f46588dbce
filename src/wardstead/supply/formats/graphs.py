"""Graphs of operators: ONNX (onnx.proto), TensorFlow's SavedModel (saved_model.proto, graph.proto), PaddlePaddle's programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from wardstead.supply.formats import keras_config, opaque
from wardstead.supply.formats.json_input import parse_json
from wardstead.supply.formats.protobuf import Budget, Field, fields, text_at
from wardstead.supply.formats.zips import leads_out
from wardstead.supply.ports import Malformed, Seen, Source, Steps
from wardstead.supply.sources import blocks, text_of

_DEEPEST: Final = 40
_STANDARD: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"})
_COMMON: Final = frozenset(
    ["com.microsoft", "com.microsoft.nchwc", "ai.onnx.contrib", "pkg.onnxscript.torch_lib", "pkg.onnxscript.torch_lib.common"]
)
_RUNS: Final = frozenset({"PyOp", "PythonOp", "PyCustomOp", "PyFunc", "EagerPyFunc", "PyFuncStateless"})
_FILES: Final = frozenset(
    {
        "ReadFile", "WriteFile", "MatchingFiles", "WholeFileReader", "WholeFileReaderV2", "Save", "SaveSlices", "PrintV2",
        "LoadLibrary", "FixedLengthRecordReader", "TextLineReader", "SqlDataset", "WriteAudioSummary", "WriteGraphSummary",
        "DebugIdentityV2", "DebugIdentityV3", "ImmutableConst", "RpcCall", "RpcClient", "InitializeTableFromTextFile",
        "DataServiceDataset", "DataServiceDatasetV2", "DataServiceDatasetV3", "DataServiceDatasetV4", "RegisterDataset",
        "RegisterDatasetV2", "SaveDataset", "SaveDatasetV2", "LoadDataset", "SnapshotDataset", "SnapshotDatasetV2",
        "CSVDataset", "CSVDatasetV2", "LMDBDataset", "ExperimentalLMDBDataset", "TFRecordDataset", "TFRecordDatasetV2",
        "TextLineDataset", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "FixedLengthRecordReaderV2",
        "TextLineReaderV2", "TFRecordReader", "TFRecordReaderV2", "LMDBReader", "CreateSummaryFileWriter",
        "CreateSummaryDbWriter", "ImportEvent", "RpcServer", "FileSystemSetConfiguration", "BigQueryReader", "DebugIdentity",
        "DebugNanCount", "DebugNumericSummary", "DebugNumericSummaryV2",
    }
)  # fmt: skip


def check_onnx(source: Source) -> Steps:
    """An ONNX model: its graph (7), its functions (25), its sets of operators (8)."""
    budget, found = Budget(), False
    for field in fields(source, 0, source.size, budget):
        if field.number == 7 and field.length:
            found = True
            yield from _graph(source, field, budget, 0)
        elif field.number == 25:
            for inner in _inside(source, field, budget):
                if inner.number == 7:
                    yield from _node(source, inner, budget, 0)
        elif field.number == 8:
            for inner in _inside(source, field, budget):
                if inner.number == 1 and (domain := text_at(source, inner)) not in _STANDARD | _COMMON:
                    yield Seen("graph-custom", f"it needs the operators of {domain[:80]!r}", inner.start)
        elif field.number == 14:
            yield from _metadata(source, field, budget)
    if not found:
        raise Malformed("it has no graph")


def _metadata(source: Source, field: Field, budget: Budget) -> Steps:
    for inner in _inside(source, field, budget):
        if inner.number == 2 and re.search(
            r"(?i)<script|javascript:|\bimport os\b|\beval\(|\bexec\(|__import__", text_at(source, inner)
        ):
            yield Seen("graph-code", "its metadata hold code", inner.start)


def _inside(source: Source, field: Field, budget: Budget) -> Iterator[Field]:
    return fields(source, field.start, field.start + field.length, budget)


def _graph(source: Source, graph: Field, budget: Budget, depth: int) -> Steps:
    if depth > _DEEPEST:
        raise Malformed("its graphs nest too deeply", graph.start)
    for field in _inside(source, graph, budget):
        if field.number == 1:
            yield from _node(source, field, budget, depth)
        elif field.number == 5:
            yield from _tensor(source, field, budget)
        elif field.number == 15:  # sparse initializers: values and indices
            for inner in _inside(source, field, budget):
                if inner.number in {1, 2}:
                    yield from _tensor(source, inner, budget)


def _node(source: Source, node: Field, budget: Budget, depth: int) -> Steps:
    kind = domain = ""
    for field in _inside(source, node, budget):
        if field.number == 4:
            kind = text_at(source, field)
        elif field.number == 7:
            domain = text_at(source, field)
        elif field.number == 5:
            for inner in _inside(source, field, budget):
                if inner.number in {6, 11}:
                    yield from _graph(source, inner, budget, depth + 1)
                elif inner.number in {5, 10}:
                    yield from _tensor(source, inner, budget)
    if kind in _RUNS or (domain == "ai.onnx.contrib" and kind.startswith("Py")):
        yield Seen("graph-code", f"the operator {domain[:40]}.{kind[:60]} runs Python", node.start)
    elif domain not in _STANDARD | _COMMON:
        yield Seen("graph-custom", f"the operator {kind[:60]!r} of {domain[:60]!r}", node.start)


def _tensor(source: Source, tensor: Field, budget: Budget) -> Steps:
    for field in _inside(source, tensor, budget):
        if field.number == 13:
            pair = {inner.number: text_at(source, inner) for inner in _inside(source, field, budget)}
            key, value = pair.get(1), pair.get(2, "")
            if key == "location" and (leads_out(value) or "://" in value or value.startswith("~")):
                yield Seen("path-traversal", f"a tensor's data are in {value[:120]!r}", field.start)
            elif key in {"offset", "length"} and not (value.isdigit() and len(value) < 19):
                yield Seen("tensor-bounds", f"a tensor's {key} is {value[:40]!r}", field.start)


def check_saved_model(source: Source) -> Steps:
    """TensorFlow: every node of every graph, and of the functions beside it."""
    budget, count = Budget(), 0
    for meta in fields(source, 0, source.size, budget):
        if meta.number != 2 or not meta.length:
            continue
        for graph in _inside(source, meta, budget):
            if graph.number == 2:
                for node, kind in _operators(source, graph, budget):
                    count += 1
                    yield from check_operator(kind, node.start)
    if not count:
        raise Malformed("it has no graph")


def _operators(source: Source, graph: Field, budget: Budget) -> Iterator[tuple[Field, str]]:
    for field in _inside(source, graph, budget):
        if field.number == 1:
            yield from _kind(source, field, budget)
        elif field.number == 2:
            for function in _inside(source, field, budget):
                if function.number == 1:
                    for node in _inside(source, function, budget):
                        if node.number == 3:
                            yield from _kind(source, node, budget)


def _kind(source: Source, node: Field, budget: Budget) -> Iterator[tuple[Field, str]]:
    for field in _inside(source, node, budget):
        if field.number == 2:
            yield node, text_at(source, field)


def check_operator(kind: str, at: int) -> Steps:
    """One operator of TensorFlow's, by its name."""
    if kind in _RUNS:
        yield Seen("graph-code", f"the operator {kind} runs Python", at)
    elif kind in _FILES:
        yield Seen("graph-code", f"the operator {kind} reads, writes or connects", at)


def check_frozen(source: Source) -> Steps:
    """A file that is called as TensorFlow's graphs are, alone (``.pb``) or described (``.meta``); others are called so, too."""
    whole, budget = Field(0, 0, 0, source.size), Budget()
    try:
        graphs = [whole, *(one for one in fields(source, 0, source.size, budget) if one.number == 2 and one.length)]
    except Malformed:
        return
    for graph in graphs:
        try:
            found = [step for node, kind in _operators(source, graph, budget) for step in check_operator(kind, node.start)]
        except Malformed:
            continue
        yield from found


def check_tflite(source: Source) -> Steps:
    """TensorFlow Lite: operators of TensorFlow's that it takes along ("Flex") stand in it by their names. Its mark is weak."""
    yield from opaque.check(source)
    for at, block in blocks(source, overlap=64):
        for found in re.finditer(rb"Flex(\w{3,50})\0", block):
            yield from check_operator(found[1].decode(), at + found.start())


def check_keras_metadata(source: Source) -> Steps:
    """What Keras keeps beside a SavedModel (``keras_metadata.pb``): configurations as JSON."""
    budget = Budget()
    for node in fields(source, 0, source.size, budget):
        if node.number == 1 and node.length:
            for field in _inside(source, node, budget):
                text = source.read(field.start, min(field.length, 8 << 20)).decode("utf-8", "replace")
                if field.number in {4, 5} and text.lstrip().startswith("{"):
                    yield from keras_config.check_tree(parse_json(text)[0])


_PADDLE: Final = (b"py_func", b"PyLayer", b"pylayer")


def check_paddle(source: Source) -> Steps:
    """PaddlePaddle: an operator that calls Python is told by its name."""
    for at, block in blocks(source, overlap=16):
        for name in _PADDLE:
            if (found := block.find(name)) >= 0:
                yield Seen("graph-code", f"the operator {name.decode()} runs Python", at + found)
                return


_SCRIPT: Final = re.compile(
    r"\bops\.(?!prim\b|aten\b|quantized\b|torchvision\b|_caffe2\b|mkldnn_prepacked\b|prepacked\b|torchaudio\b|inductor\b)(\w+)\.(\w+)"
)
_SCRIPT_FILES: Final = re.compile(
    r"\b(?:ops\.aten\.(?:save|from_file|load)|torch\.(?:save|from_file|load)|ops\.prim\.(?:ModuleContainer\w*|PythonOp))\b"
)


def check_torchscript(source: Source) -> Steps:
    """Code of TorchScript, which its own interpreter runs: operators that touch files, and those of other libraries."""
    text = text_of(source)
    for found in _SCRIPT_FILES.finditer(text):
        yield Seen("graph-code", f"the operator {found[0]} reads or writes a file", found.start())
    for found in _SCRIPT.finditer(text):
        yield Seen("graph-custom", f"the operator {found[0][:80]}", found.start())
