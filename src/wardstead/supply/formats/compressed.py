"""Single compressed streams: what they hold is looked at as it is unpacked."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, Final

from wardstead.supply.ports import Inner, Malformed, Source, Steps
from wardstead.supply.sources import UNPACKED_BYTES, Unpacked

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEMORY: Final = 128 << 20
"""An xz or zstd stream may ask for gigabytes of window: these are allowed."""
_TRIED: Final = 1 << 16
_SKIPPED: Final = tuple(bytes([0x50 | number]) + b"\x2a\x4d\x18" for number in range(16))
"""Frames of zstd that are skipped (RFC 8878)."""
_HEAD: Final = 4096
_SIZES: Final = 1 << 40
_FOREIGN: Final = (
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "rar"),
    (b"ZF0x", "joblib's oldest"),
    (b"\x1f\x9d", "compress"),
    (b"\xff\x06\0\0sNaPpY", "snappy"),
    (b"LZIP", "lzip"),
    (b"\x89LZO\0", "lzop"),
    (b"MSCF", "a cabinet"),
    (b"!<arch>\n", "ar"),
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"070707", "cpio"),
    (b"hsqs", "squashfs"),
    (b"xar!", "xar"),
)


def form_of(head: bytes) -> str:
    """How a stream that begins so is compressed; empty where it is not."""
    return next((form for form, matches in _FORMS if matches(head)), "") or next(
        (form for magic, form in _FOREIGN if head.startswith(magic)), ""
    )


def _is_lzma(head: bytes) -> bool:
    """By its usual properties, a size, and the zero with which what follows begins."""
    size = head[5:13]
    return (
        len(head) > 13 and head[0] == 0x5D and not head[13] and any(head[1:5])
        and (size == b"\xff" * 8 or int.from_bytes(size, "little") < _SIZES)
    )  # fmt: skip


def _is_zlib(head: bytes) -> bool:
    """By its two bytes (RFC 1950), which many a text has, and by whether what follows can be unpacked."""
    if len(head) < 6 or head[0] & 15 != 8 or head[0] > 0x78 or (head[0] << 8 | head[1]) % 31 or head[1] & 0x20:
        return False
    unpacker = zlib.decompressobj()
    try:
        return bool(unpacker.decompress(head, _TRIED)) and (unpacker.eof or len(head) >= _HEAD)
    except zlib.error:
        return False


_FORMS: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("gzip", lambda head: head.startswith(b"\x1f\x8b")),
    ("bzip2", lambda head: head.startswith(b"BZh") and head[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}),
    ("xz", lambda head: head.startswith(b"\xfd7zXZ\0")),
    ("zstd", lambda head: head.startswith((b"\x28\xb5\x2f\xfd", *_SKIPPED))),
    ("lzma", _is_lzma),
    ("zlib", _is_zlib),
)


def check(source: Source) -> Steps:
    """What is inside."""
    form = form_of(source.read(0, _HEAD))
    name = f"{source.name} > unpacked"
    if form in {"gzip", "zlib"}:
        bits = 31 if form == "gzip" else 15
        yield Inner(Unpacked(source, lambda: zlib.decompressobj(bits), name, (zlib.error,)))
    elif form == "bzip2":
        yield Inner(of_bzip2(source, name))
    elif form == "zstd":
        yield Inner(of_zstd(source, name))
    elif form in {"xz", "lzma"}:
        yield Inner(of_xz(source, name, lzma.FORMAT_XZ if form == "xz" else lzma.FORMAT_ALONE))
    else:
        raise Malformed(
            f"its form is {form}" if form else "its name says that it is compressed, its bytes do not say how", 0, rule="packed"
        )


def of_bzip2(source: Source, name: str) -> Unpacked:
    """What a bzip2 stream holds."""
    return Unpacked(source, bz2.BZ2Decompressor, name, (OSError, ValueError, EOFError), ratio=UNPACKED_BYTES)


def of_xz(source: Source, name: str, form: int = lzma.FORMAT_XZ) -> Unpacked:
    """What a stream of xz, or of lzma alone, holds."""

    def make() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(form, memlimit=MEMORY)

    return Unpacked(source, make, name, (lzma.LZMAError, EOFError), ratio=UNPACKED_BYTES)


def of_zstd(source: Source, name: str) -> Unpacked:
    """What a stream of zstd holds, frame by frame."""

    def make() -> Any:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MEMORY.bit_length() - 1})

    return Unpacked(source, make, name, (zstd.ZstdError, EOFError), ratio=UNPACKED_BYTES)
