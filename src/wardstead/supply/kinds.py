"""Which formats a file is, by its name and its first bytes. It may be several: then each is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wardstead.supply.formats import compressed, gguf, npy, pickles, safetensors, tars
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
        "config": ".json",
        "pickle": ".pkl .pickle .p .joblib .dill .cloudpickle .pt .pth .ckpt .pt2",
        "npy": ".npy",
        "zip": ".zip .npz .keras .skops .mar .whl .jar",
        "tar": ".tar .nemo",
    }.items()
    for ending in endings.split()
}
_SOFT: Final = frozenset({"pickle", "zip", "tar", "npy"})
"""Kinds that a name alone does not make of a file whose bytes say something else."""


def kinds(source: Source) -> list[str]:
    """Every format that a source is taken for by somebody."""
    head = source.read(0, HEAD_BYTES)
    named, read = by_name(source.name), by_bytes(head, source.size)
    found = [read] if read else []
    if named and (not read or named not in _SOFT):
        found.append(named)
    if read != "zip" and source.exact and find_end(source) is not None:
        found.append("zip-behind")
    return list(dict.fromkeys(found)) or ["unknown"]


def by_name(name: str) -> str:
    """What a file's name says that it is; empty where that says nothing."""
    name = name.rsplit(" > ", 1)[-1].rsplit("/", 1)[-1].lower()
    ending = max((one for one in _NAMES if name.endswith(one)), key=len, default="")
    return _NAMES.get(ending, "")


def by_bytes(head: bytes, size: int) -> str:
    """What a file's first bytes say that it is; empty where they say nothing."""
    for kind, matches in _BYTES:
        if matches(head):
            return kind
    return "safetensors" if safetensors.is_safetensors(head, size) else ""


_BYTES: Final[tuple[tuple[str, Callable[[bytes], object]], ...]] = (
    ("gguf", lambda head: head.startswith(gguf.MAGIC)),
    ("zip", lambda head: head.startswith((LOCAL, b"PK\x05\x06"))),
    ("npy", lambda head: head.startswith(npy.MAGIC)),
    ("pickle", pickles.looks_like_one),
    ("compressed", compressed.form_of),
    ("tar", tars.is_tar),
)
