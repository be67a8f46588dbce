"""More ways to the same ends: names that come by the memo or are computed, Python's databases, zip archives whose two lists differ."""

from __future__ import annotations

import base64
import io
import json
import pickle
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from bench.supply.case import Case
from bench.supply.families.pickled import BAD, call
from bench.supply.families.tensors import DATA, PLAIN, TENSORS, gguf

_ENDINGS = (
    "bin",
    "dat",
    "sav",
    "pk",
    "pth",
    "mar",
    "params",
    "weights",
    "txt",
    "json",
    "safetensors",
    "gguf",
    "jpg",
    "md",
    "npy",
    "ckpt",
)
_GOOD = pickle.dumps({"a": 1})
_ORDER = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
_PLAIN_TEMPLATE = "{% for m in messages %}{{ m.role + m.content }}{% endfor %}"


def _name(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def _found(module: str, name: str) -> bytes:
    return _name(module) + _name(name) + b"\x93"


def _four(opcodes: bytes, protocol: int = 4) -> bytes:
    return b"\x80" + bytes([protocol]) + opcodes + b"."


_ECHO = _name("echo") + b"\x85R"
_INNER = call("os", "system")
PICKLES = {
    "memo-get": _four(_name("os") + b"q\x00" + _name("system") + b"q\x0100h\x00h\x01\x93" + _ECHO),
    "memo-far": _four(_name("os") + b"r\0\0\1\0000" + _name("system") + b"r\1\0\1\0000j\0\0\1\0j\1\0\1\0\x93" + _ECHO),
    "frames": b"\x80\x04\x95\x04\0\0\0\0\0\0\0\x8c\x02os\x95\x0f\0\0\0\0\0\0\0\x8c\x06system\x93\x8c\x04echo\x85R.",
    "long-texts": _four(b"\x8d\x02\0\0\0\0\0\0\0os\x8d\x06\0\0\0\0\0\0\0system\x93" + _ECHO),
    "byte-array": _four(_found("_pickle", "loads") + b"\x96" + struct.pack("<Q", len(_INNER)) + _INNER + b"\x85R", 5),
    "getattr-of-import": _four(
        _found("builtins", "getattr") + _found("builtins", "__import__") + _name("os") + b"\x85R" + _name("system") + b"\x86R" + _ECHO
    ),
    "attrgetter-of-import": _four(
        _found("operator", "attrgetter") + _name("system") + b"\x85R" + _found("importlib", "import_module")
        + _name("os") + b"\x85R\x85R" + _ECHO
    ),
    "name-decoded": _four(_found("codecs", "decode") + _name("bf") + _name("rot13") + b"\x86R" + _name("system") + b"\x93" + _ECHO),
    "name-joined": _four(_found("builtins", "str.join") + _name("") + b"](\x8c\x01o\x8c\x01se\x86R" + _name("system") + b"\x93" + _ECHO),
    "state-of-a-function": _four(b"ccollections\nOrderedDict\n)R}" + _name("a") + b"cos\nsystem\nsb"),
    "factory": _four(_found("collections", "defaultdict") + _found("os", "getcwd") + b"\x85R"),
    "partial": _four(_found("functools", "partial") + _found("os", "system") + _name("echo") + b"\x86R)R"),
    "mapped": _four(_found("builtins", "list") + _found("builtins", "map") + _found("os", "system") + b"]\x8c\x04echoa\x86R\x85R"),
    "class-made": _four(_found("builtins", "type") + _name("X") + b")}\x87R"),
    "array-of-calls": _four(
        _found("numpy._core.multiarray", "_reconstruct") + _found("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R(K\x01K\x01\x85"
        + _found("numpy", "dtype") + b"\x8c\x02O8\x89\x88\x87R\x89]" + _found("os", "system") + _ECHO + b"atb"
    ),
    "array-to-file": _four(_found("numpy", "ndarray.tofile") + _ECHO),
    "persistent-of-call": _four(_found("os", "system") + _ECHO + b"Q"),
    "extension-registered": _four(_found("copyreg", "add_extension") + _found("os", "system") + b"K\x05\x87R0\x82\x05" + _ECHO),
    "reconstructor": _four(
        _found("copyreg", "_reconstructor") + _found("subprocess", "Popen") + _found("builtins", "object") + b"N\x87R"
    ),
    "old-instance": b"(S'echo'\nios\nsystem\n.",
    "old-object": b"(cos\nsystem\nS'echo'\no.",
    "behind-a-line": b"\n" + BAD,
    "in-base64": base64.b64encode(BAD),
}  # fmt: skip


def _zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return made.getvalue()


def _patched(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def archives() -> dict[str, bytes]:
    """PyTorch's, whose two lists of what is in them do not agree, or which are two at once."""
    bad = _zipped({"archive/data.pkl": BAD, "archive/version": b"3\n"})
    good = _zipped({"archive/data.pkl": _GOOD, "archive/version": b"3\n"})
    listed, end = bad.index(b"PK\x01\x02"), bad.index(b"PK\x05\x06")
    return {
        "checksum": bad.replace(struct.pack("<I", zlib.crc32(BAD)), bytes(4)),
        "encrypted-in-one-list": _patched(bad, listed + 8, b"\x01"),
        "method-in-one-list": _patched(bad, listed + 10, b"\x08\0"),
        "no-size-in-one-list": _patched(bad, listed + 20, bytes(8)),
        "name-in-one-list": _patched(bad, listed + 46, b"archivex"),
        "count": _patched(bad, end + 8, b"\1\0\1\0"),
        "good-behind": bad + good,
        "bad-behind": good + bad,
        "in-the-comment": good[:-2] + struct.pack("<H", len(bad)) + bad,
        "behind-a-pickle": BAD + good,
        "case": _zipped({"archive/DATA.PKL": BAD, "archive/data.pkl": _GOOD}),
        "folder": _zipped({"archive/data.pkl/": BAD, "archive/data.pkl": _GOOD}),
        "further": _zipped({"archive/data.pkl": _GOOD, "archive/extra/x": BAD}),
    }


def _layer(**layer: object) -> bytes:
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [layer]}, "registered_name": None}
    return _zipped({"config.json": json.dumps(config).encode(), "metadata.json": b'{"keras_version": "3.3.3"}'})


KERAS = {
    "module": _layer(module="os", class_name="system", config={}),
    "activation": _layer(
        module="keras.layers", class_name="Dense",
        config={"activation": {"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "function"}},
    ),
    "lambda": _layer(
        module="keras.layers", class_name="Lambda", config={"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}
    ),
    "vocabulary": _layer(module="keras.layers", class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
    "loss": _layer(
        module="keras.layers", class_name="Dense", config={},
        compile_config={"loss": {"module": "os", "class_name": "system", "config": {}}},
    ),
    "saved-model": _layer(module="keras.layers", class_name="TFSMLayer", config={"filepath": "/tmp/x"}),
}  # fmt: skip


def _table(name: str, values: list[tuple[bytes, bytes]]) -> bytes:
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE {name} (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)")
    database.executemany(f"INSERT INTO {name} VALUES (?, ?)", values)
    database.commit()
    made = database.serialize()
    database.close()
    return made


def cases() -> Iterator[Case]:
    """By family."""
    for name, data in PICKLES.items():
        yield Case("pickle-further", name, True, {"model.pkl": data})
    for ending in _ENDINGS:
        yield Case("pickle-named", ending, True, {f"file.{ending}": BAD})
    for name, data in archives().items():
        yield Case("zip-further", name, True, {"model.pt": data})
    for name, data in KERAS.items():
        yield Case("keras-further", name, True, {"model.keras": data})
    for key in ("tokenizer.chat_template.rag", "tokenizer.chat_template.tool_use"):
        pairs = [*PLAIN, ("tokenizer.chat_template", _PLAIN_TEMPLATE), (key, _ORDER)]
        yield Case("template-further", key.rpartition(".")[2], True, {"model.gguf": gguf(pairs, TENSORS, DATA)})
    for place in ("chat_template.json", "processor_config.json", "tokenizer_config.json"):
        yield Case("template-further", place.partition(".")[0], True, {place: json.dumps({"chat_template": _ORDER}).encode()})
    yield Case("template-further", "additional", True, {"additional_chat_templates/rag.jinja": _ORDER.encode()})
    yield Case(
        "pickle-further", "good-masked", False, {"search.pkl": pickle.dumps({"rank": np.ma.MaskedArray([1.0, 2.0], mask=[0, 1])})}
    )
    yield Case("shelf", "sqlite", True, {"model.db": _table("Dict", [(b"a", BAD)])})
    yield Case("shelf", "gdbm", True, {"model": struct.pack("<I", 0x13579ACF) + bytes(60) + BAD})
    yield Case("shelf", "berkeley", True, {"model.db": bytes(12) + struct.pack("<I", 0x061561) + bytes(60) + BAD})
    yield Case("shelf", "dumb", True, {"model.dir": b"'a', (0, 20)\n", "model.dat": BAD, "model.bak": b"'a', (0, 20)\n"})
    yield Case("shelf", "good-database", False, {"metrics.db": _table("runs", [(b"a", b"1")])})
