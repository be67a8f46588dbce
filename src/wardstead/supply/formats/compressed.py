"""Single compressed streams: what they hold is looked at as it is unpacked."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Final

from wardstead.supply.ports import Inner, Malformed, Source, Steps
from wardstead.supply.sources import Unpacked

_MEMORY: Final = 128 << 20
"""An xz stream may ask for gigabytes of window: these are allowed."""
_FOREIGN: Final = {
    b"\x04\x22\x4d\x18": "lz4",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "rar",
    b"ZF0x": "joblib's oldest",
}


def form_of(head: bytes) -> str:
    """How a stream that begins so is compressed; empty where it is not."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh") and head[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}:
        return "bzip2"
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    if head.startswith(b"\x5d\0\0") and len(head) > 13:
        return "lzma"
    if len(head) > 2 and head[0] == 0x78 and head[1] in {0x01, 0x5E, 0x9C, 0xDA}:
        return "zlib"
    return _FOREIGN.get(head[:4], "")


def check(source: Source) -> Steps:
    """What is inside."""
    form = form_of(source.read(0, 32))
    name = f"{source.name} > unpacked"
    if form in {"gzip", "zlib"}:
        bits = 31 if form == "gzip" else 15
        yield Inner(Unpacked(source, lambda: zlib.decompressobj(bits), name, (zlib.error,)))
    elif form == "bzip2":
        yield Inner(Unpacked(source, bz2.BZ2Decompressor, name, (OSError, ValueError, EOFError)))
    elif form in {"xz", "lzma"}:
        kind = lzma.FORMAT_XZ if form == "xz" else lzma.FORMAT_ALONE
        yield Inner(Unpacked(source, lambda: lzma.LZMADecompressor(kind, memlimit=_MEMORY), name, (lzma.LZMAError, EOFError)))
    else:
        raise Malformed(f"it is compressed as {form}, which is not read here", 0)
