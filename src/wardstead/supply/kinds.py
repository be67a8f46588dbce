"""Which formats a file is, by its name and its first bytes. It may be several: then each is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from wardstead.supply.formats import compressed, gguf, hdf5, npy, opaque, pickles, safetensors, tars, texts
from wardstead.supply.formats.zips import LOCAL, find_end
from wardstead.supply.ports import Source

HEAD_BYTES: Final = 4096
_NAMES: Final = {
    ending: kind
    for kind, endings in {
        "safetensors": ".safetensors",
        "safetensors-index": ".safetensors.index.json",
        "gguf": ".gguf",
        "template": ".jinja .jinja2",
        "maybe-template": ".j2 .tmpl .template",
        "config": ".json",
        "pickle": ".pkl .pickle .p .joblib .dill .cloudpickle .pt .pth .ckpt .pt2",
        "npy": ".npy",
        "zip": ".zip .npz .keras .skops .mar .whl .jar",
        "tar": ".tar .nemo",
        "compressed": ".zst .zstd .lz4 .7z .rar .br .sz .snappy .lzma .lz .z .lzo",
        "hdf5": ".h5 .hdf5",
        "onnx": ".onnx",
        "saved-model": "saved_model.pb",
        "keras-metadata": "keras_metadata.pb",
        "paddle": ".pdmodel __model__",
        "yaml": ".yaml .yml mlmodel",
        "python": ".py .pyw",
        "notebook": ".ipynb",
        "graph": ".pb .meta",
        "tflite": ".tflite",
        "xml": ".xml .pmml",
        "requirements": "requirements.txt",
        "card": "readme.md",
        "licence": "license license.txt license.md licence copying",
        "modelfile": "modelfile",
        "triton": ".pbtxt",
        "script": ".sh .bash .zsh .fish .bat .cmd .ps1 .psm1 .vbs .vbe .jse .wsf .hta .desktop",
        "executable": ".so .dll .exe .dylib .pyd .pyc .pyo .node .scr .msi .lnk .class .luac",
        "text": ".md .txt .csv .tsv .model .vocab .gitattributes .gitignore .jsonl .toml .cfg .ini .lock .png .jpg .svg .pdf "
                ".html .gif .webp .wav .mp4 .bpe .msgpack",
    }.items()
    for ending in endings.split()
}  # fmt: skip
_GIT: Final = re.compile(r"(?:^|/)\.git/(?:modules/[^>]*/)?(?:hooks/[\w.-]+|config)$|(?:^|/)\.gitmodules$")
_WHOLE: Final = frozenset(
    {
        "saved_model.pb", "keras_metadata.pb", "__model__", "mlmodel", "readme.md", "license", "license.txt", "license.md",
        "licence", "copying", "modelfile", "requirements.txt",
    }
)  # fmt: skip
"""Names that count as a whole, not as endings."""
_SOFT: Final = frozenset({"pickle", "compressed", "zip", "tar", "npy", "hdf5", "text", "executable"})
"""Kinds that a name alone does not make of a file whose bytes say something else."""


def kinds(source: Source) -> list[str]:
    """Every format that a source is taken for by somebody."""
    head = source.read(0, HEAD_BYTES)
    named, read = by_name(source.name), by_bytes(head, source.size)
    if _GIT.search(source.name) is not None:
        # Git runs hooks that are called as it expects, not the examples that lie beside them; and what its settings name.
        read = "text" if read == "script" else read
        named = "text" if source.name.endswith(".sample") else "git-hook" if "/hooks/" in source.name else "git-settings"
    if named == "maybe-template":
        # Servers take a chat template from a file of any name; but nginx's settings are called so, too.
        named = "template" if b"{%" in head or b"{{" in head else "text"
    found = [read] if read and not (read == "config" and named) else []
    if named and (not found or named not in _SOFT):
        found.append(named)
    if read and read != "pickle" and (named == "pickle" or read == "tar"):
        found.append("maybe-pickle")  # a tar archive begins with a name, which may be instructions
    if read not in {"zip", "tar"} and source.exact and find_end(source) is not None:
        # Of a tar archive, it may be its last member; TFLite's labels and vocabularies come as an archive behind the model.
        found.append("tflite-files" if read == "tflite" else "zip-behind")
    if read != "hdf5" and source.exact and hdf5.begins_later(source):
        found.append("hdf5-behind")
    return list(dict.fromkeys(found)) or ["unknown"]


def by_name(name: str) -> str:
    """What a file's name says that it is; empty where that says nothing."""
    name = name.rsplit(" > ", 1)[-1].rsplit("/", 1)[-1].lower()
    if name in _WHOLE:
        return _NAMES[name]
    ending = max((one for one in _NAMES if one not in _WHOLE and name.endswith(one)), key=len, default="")
    return _NAMES.get(ending, "")


def by_bytes(head: bytes, size: int) -> str:
    """What a file's first bytes say that it is; empty where they say nothing."""
    for kind, matches in _BYTES:
        if matches(head):
            return kind
    return "safetensors" if safetensors.is_safetensors(head, size) else ""


def _is_compiled_python(head: bytes) -> bool:
    return head[2:4] == b"\r\n" and 3000 <= int.from_bytes(head[:2], "little") < 4000


_BYTES: Final[tuple[tuple[str, Callable[[bytes], object]], ...]] = (
    ("gguf", lambda head: head.startswith(gguf.MAGIC)),
    ("zip", lambda head: head.startswith((LOCAL, b"PK\x05\x06"))),
    ("executable", texts.program_for),
    ("hdf5", lambda head: head.startswith(hdf5.MAGIC)),
    ("npy", lambda head: head.startswith(npy.MAGIC)),
    ("pickle", pickles.looks_like_one),
    ("compressed", compressed.form_of),
    ("foreign-objects", opaque.language_of),
    ("shelf", opaque.is_shelf),
    ("executable", lambda head: head.startswith(b"\x1bLua") or _is_compiled_python(head)),
    ("tar", tars.is_tar),
    ("script", lambda head: head.startswith(b"#!") and b"python" not in head[:80]),
    ("python", lambda head: head.startswith(b"#!") and b"python" in head[:80]),
    ("go-template", lambda head: texts.is_go_template(head.decode("utf-8", "replace"))),
    ("xml", lambda head: head.removeprefix(b"\xef\xbb\xbf").startswith(b"<?xml")),
    ("config", lambda head: head.lstrip()[:1] == b"{" and head.lstrip()[1:].lstrip()[:1] in {b'"', b"}"}),
    ("tflite", lambda head: head[4:8] == b"TFL3"),
)
