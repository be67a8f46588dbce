"""Which formats a file is, by its name and its first bytes. It may be several: then each is looked at."""

from __future__ import annotations

from typing import Final

from wardstead.supply.formats import gguf, safetensors

_NAMES: Final = {
    ".safetensors": "safetensors", ".gguf": "gguf", ".safetensors.index.json": "safetensors-index", ".jinja": "template",
    ".jinja2": "template", ".json": "config",
}  # fmt: skip


def by_name(name: str) -> str:
    """What a file's name says that it is; empty where that says nothing."""
    name = name.rsplit("/", 1)[-1].lower()
    ending = max((one for one in _NAMES if name.endswith(one)), key=len, default="")
    return _NAMES.get(ending, "")


def by_bytes(head: bytes, size: int) -> str:
    """What a file's first bytes say that it is; empty where they say nothing."""
    if head.startswith(gguf.MAGIC):
        return "gguf"
    if safetensors.is_safetensors(head, size):
        return "safetensors"
    return ""
