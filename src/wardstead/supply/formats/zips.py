"""Zip archives, read the way an attacker's reader would: from the directory at their end, and from the headers before each entry.

Where the two say different things, programs differ in what they unpack. Nothing is unpacked but in windows, as it is looked at.
"""

from __future__ import annotations

import lzma
import re
import struct
import zlib
from typing import Final, NamedTuple

from wardstead.supply.formats import compressed
from wardstead.supply.ports import Inner, Malformed, Seen, Source, Steps
from wardstead.supply.sources import UNPACKED_BYTES, Memory, Unpacked, Window, blocks, exactly, unpack

END: Final = b"PK\x05\x06"
LOCAL: Final = b"PK\x03\x04"
_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = struct.Struct("<4s4B4HL2L5H2L")
_COMMENT: Final = 65_535
_MOST: Final = 50_000
_MOST_DIRECTORY: Final = 32 << 20
_RATIO: Final = 200
_LARGE: Final = 1 << 30
_LINK, _DEVICE = 0o120000, {0o020000, 0o060000, 0o010000, 0o140000}
_PLAIN: Final = 0xFFFFFFFF
_WIDEST: Final = (0xFFFF, _PLAIN, _PLAIN)
"""Of the entries' count, the directory's size and its place, what says that it stands in the end of 64 bits."""
_STORAGE: Final = re.compile(
    r"(?:[^/]*/)?(?:data/\d+|\.data/serialization_id|\.format_version|byteorder|version|\.storage_alignment)"
)


class Entry(NamedTuple):
    """One file of an archive, as its directory has it."""

    name: str
    method: int
    flags: int
    packed: int
    size: int
    header: int
    mode: int
    other: str
    """A second name, which some programs prefer (Info-ZIP's extra field 0x7075)."""


class Directory(NamedTuple):
    """What the end of an archive says, and how many bytes stand before it that are no part of it."""

    entries: list[Entry]
    before: int
    start: int


def find_end(source: Source) -> int | None:
    """Where an archive's end stands, if the source ends like one."""
    size = min(source.size, _COMMENT + _END.size)
    tail = source.read(source.size - size, size)
    at = len(tail)
    while (at := tail.rfind(END, 0, at)) >= 0:
        if at + _END.size <= len(tail):
            fields = _END.unpack_from(tail, at)
            place = source.size - size + at
            if fields[5] == _PLAIN or (fields[5] <= place and source.read(place - fields[5], 4) in {b"PK\x01\x02", END}):
                return place
    return None


def check(source: Source, *, begins_later: bool = False) -> Steps:
    """Its entries, and what is wrong with them. ``begins_later``: its format has it behind something else."""
    end = find_end(source)
    if end is None:
        raise Malformed("its directory is missing")
    directory = _directory(source, end)
    if directory.before and not begins_later:
        yield Seen("polyglot", f"{directory.before:,} bytes stand before the archive", 0)
    yield from _names(directory.entries)
    packed, size = sum(one.packed for one in directory.entries), sum(one.size for one in directory.entries)
    if size > _LARGE and size > _RATIO * max(1, packed):
        yield Seen("bomb", f"{packed:,} bytes unpack to {size:,}")
        return
    torch = _kind_of_torch(directory.entries)
    at = directory.before
    for one in sorted(directory.entries, key=lambda each: each.header):
        place = one.header + directory.before
        if place < at:
            yield Seen("bomb", f"the entry {one.name[:80]!r} shares bytes with the one before", place)
            continue
        if _holds_entry(source, at, place):
            yield Seen("zip-confusion", "an entry that the directory does not list", at)
        start, problem = _local(source, one, place)
        if problem:
            yield Seen("zip-confusion", f"the entry {one.name[:80]!r}: {problem}", place)
        at = start + one.packed
        yield from _content(source, one, start, torch)
    if _holds_entry(source, at, directory.start):
        yield Seen("zip-confusion", "an entry that the directory does not list", at)


def _holds_entry(source: Source, start: int, end: int) -> bool:
    """Whether the header of an entry stands between two places."""
    return any(LOCAL in block for _, block in blocks(source, start, end, overlap=len(LOCAL) - 1))


def behind(source: Source) -> Steps:
    """An archive at the end of something else, which every program finds that looks for archives."""
    yield Seen("polyglot", "it ends as a zip archive")
    yield from check(source)


def begins(source: Source, end: int) -> int:
    """Where the archive begins that ends there. Raises ``Malformed``."""
    return _directory(source, end).before


def _directory(source: Source, end: int) -> Directory:
    _, disk, _, _, count, size, offset, _ = _END.unpack(exactly(source, end, _END.size))
    start = end - size
    said = count, size, offset
    if source.read(end - 20, 4) == b"PK\x06\x07":  # many readers go by it whatever stands here
        _, _, place, _ = unpack(source, "<4sLQL", end - 20)
        fields = unpack(source, "<4sQ2H2L4Q", place) if source.read(place, 4) == b"PK\x06\x06" else None
        if fields is None:
            raise Malformed("its directory of 64 bits is missing", end)
        count, size, offset = fields[7:]
        start = place - size
        if any(plain not in {wide, most} for plain, wide, most in zip(said, (count, size, offset), _WIDEST, strict=True)):
            raise Malformed("its directories of 32 and 64 bits differ", end, rule="zip-confusion")
    before = start - offset
    if disk or before < 0 or count > _MOST or size > _MOST_DIRECTORY or start < 0:
        raise Malformed("its directory lies elsewhere, or has too many entries", end)
    raw, entries, at = exactly(source, start, size), [], 0
    while at < len(raw):
        if raw[at : at + 4] != b"PK\x01\x02" or at + _ENTRY.size > len(raw):
            raise Malformed("its directory is broken", start + at)
        entry, at = _entry(raw, at)
        entries.append(entry)
    if len(entries) != count:
        raise Malformed(f"its directory has {len(entries):,} entries and says {count:,}", start)
    return Directory(entries, before, start)


def _entry(raw: bytes, at: int) -> tuple[Entry, int]:
    fields = _ENTRY.unpack_from(raw, at)
    flags, method, packed, size = fields[5], fields[6], fields[10], fields[11]
    name_bytes, extra_bytes, comment_bytes = fields[12:15]
    header, mode, system = fields[18], fields[17] >> 16, fields[2]
    at += _ENTRY.size
    name = raw[at : at + name_bytes].decode("utf-8" if flags & 0x800 else "cp437", "replace")
    extra = raw[at + name_bytes : at + name_bytes + extra_bytes]
    other = _field_of(extra, 0x7075)[5:].decode("utf-8", "replace")
    if _PLAIN in {size, packed, header}:
        size, packed, header = _wide(extra, size, packed, header)
    return Entry(
        name, method, flags, packed, size, header, mode if system == 3 else 0, other
    ), at + name_bytes + extra_bytes + comment_bytes


def _field_of(extra: bytes, wanted: int) -> bytes:
    """What an extra field holds; nothing where there is none."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _wide(extra: bytes, *values: int) -> tuple[int, int, int]:
    """Sizes and places of 64 bits, from the extra field 1."""
    data, found = _field_of(extra, 1), []
    for value in values:
        if value == _PLAIN and len(data) >= 8:
            found.append(int.from_bytes(data[:8], "little"))
            data = data[8:]
        else:
            found.append(value)
    return found[0], found[1], found[2]


def _names(entries: list[Entry]) -> Steps:
    seen: set[str] = set()
    for one in entries:
        name = one.name.replace("\\", "/")
        if leads_out(one.name):
            yield Seen("path-traversal", f"an entry is called {one.name[:120]!r}")
        if name.casefold() in seen:
            yield Seen("duplicate-entry", f"two entries are called {one.name[:120]!r}")
        seen.add(name.casefold())
        if one.other and one.other != one.name:
            yield Seen("zip-confusion", f"the entry {one.name[:80]!r} is called {one.other[:80]!r} besides")
        kind = one.mode & 0o170000
        if kind == _LINK:
            yield Seen("link-outside", f"the entry {one.name[:120]!r} is a symbolic link")
        elif kind in _DEVICE:
            yield Seen("special-file", f"the entry {one.name[:120]!r} is a device or a pipe")


def leads_out(name: str) -> bool:
    """Whether unpacking under that name could write outside of the folder."""
    parts = name.replace("\\", "/").split("/")
    return (
        name.startswith(("/", "\\")) or ".." in parts or "\0" in name or (len(name) > 1 and name[1] == ":" and name[0].isalpha())
    )


def _kind_of_torch(entries: list[Entry]) -> str:
    names = [one.name for one in entries]
    if not any(name.endswith("data.pkl") for name in names):
        return ""
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        return "torchscript"
    return "torch"


def _local(source: Source, one: Entry, place: int) -> tuple[int, str]:
    """Where an entry's bytes begin, and in what its own header differs from the directory."""
    fields = unpack(source, "<4s5H3L2H", place)
    start = place + 30 + fields[9] + fields[10]
    if fields[0] != LOCAL:
        return start, "its own header is missing"
    raw = source.read(place + 30, fields[9])
    name = raw.decode("utf-8" if fields[2] & 0x800 else "cp437", "replace")
    described = fields[2] & 8
    problem = ""
    if name != one.name:
        problem = f"its own header calls it {name[:80]!r}"
    elif fields[3] != one.method:
        problem = "its own header tells of another compression"
    elif not described and fields[7] not in {one.packed, _PLAIN}:
        problem = "its own header tells of another length"
    elif (fields[2] ^ one.flags) & 1:
        problem = "its own header differs in whether it is encrypted"
    return start, problem


def _content(source: Source, one: Entry, start: int, torch: str) -> Steps:
    name = f"{source.name} > {one.name[:200]}"
    if one.name.endswith("/") and not one.size:
        return
    if start + one.packed > source.size:
        yield Seen("unparsed", f"the entry {one.name[:80]!r} ends behind the archive's end", start)
        return
    if one.flags & 1:
        yield Seen("encrypted", f"the entry {one.name[:80]!r}", start)
    packed = Window(source, start, one.packed, name)
    kind = ""
    if torch:
        if one.method == 0 and _STORAGE.fullmatch(one.name):
            return
        if one.name.endswith(".pkl"):
            kind = torch
        elif torch == "torchscript" and "/code/" in one.name:
            if one.name.endswith(".debug_pkl"):
                kind = torch
            elif one.name.endswith(".py"):
                kind = "torchscript-code"
    if one.method == 0:
        yield Inner(packed, kind)
    else:
        yield Inner(_unpacked(packed, one, name), kind)


def _unpacked(packed: Window, one: Entry, name: str) -> Source:
    if one.method == 8:
        return Unpacked(packed, lambda: zlib.decompressobj(-15), name, (zlib.error,))
    if one.method == 12:
        return compressed.of_bzip2(packed, name)
    if one.method == 93:
        return compressed.of_zstd(packed, name)
    if one.method == 95:
        return compressed.of_xz(packed, name)
    if one.method == 14:
        head = packed.read(0, 4)
        size = int.from_bytes(head[2:4], "little")
        header = packed.read(4, size) + struct.pack("<Q", one.size)
        rest = Window(packed, 4 + size, packed.size, name)
        return Unpacked(
            _Joined(Memory(header, name), rest),
            lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=compressed.MEMORY),
            name,
            (lzma.LZMAError, EOFError),
            ratio=UNPACKED_BYTES,
        )
    raise Malformed(f"the entry {one.name[:80]!r} is compressed by method {one.method}", rule="packed")


class _Joined:
    """One source behind another."""

    def __init__(self, first: Source, second: Source) -> None:
        self._first, self._second = first, second
        self.name, self.size, self.exact = second.name, first.size + second.size, second.exact

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        data = self._first.read(offset, length) if offset < self._first.size else b""
        return data + self._second.read(max(0, offset - self._first.size), length - len(data))
