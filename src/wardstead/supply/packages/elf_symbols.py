"""A number that a Linux program or library keeps under a name: its table of symbols says where it lies.

Source: the System V ABI's ELF-64 object file format (sections, symbol tables); 64 bits and little-endian alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_HEAD: Final = b"\x7fELF\x02\x01"
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_PROGRAM_DATA: Final = 1
_TABLES: Final = frozenset({2, 11})
"""Of symbols: all of them, and those that are needed to link it, which a stripped program keeps."""
_OBJECT: Final = 1
_INT_BYTES: Final = 4
_MOST_SYMBOLS: Final = 2_000_000


class _Section(NamedTuple):
    kind: int
    address: int
    offset: int
    size: int
    link: int


def number(program: bytes, name: bytes) -> int | None:
    """The number of four bytes that is kept under ``name``; ``None`` where there is none, or only room for one."""
    try:
        sections = list(_sections(program))
        for table in sections:
            if table.kind in _TABLES and (found := _in_table(program, sections, table, name)) is not None:
                return found
    except (struct.error, IndexError, OverflowError):
        return None  # it is cut, or says that it is larger than it is
    return None


def _sections(program: bytes) -> Iterator[_Section]:
    if not program.startswith(_HEAD):
        return
    (at,) = struct.unpack_from("<Q", program, 40)
    size, count = struct.unpack_from("<HH", program, 58)
    for which in range(count if size == _SECTION.size else 0):
        _, kind, _, address, offset, length, link, _, _, _ = _SECTION.unpack_from(program, at + which * size)
        yield _Section(kind, address, offset, length, link)


def _in_table(program: bytes, sections: list[_Section], table: _Section, name: bytes) -> int | None:
    names = sections[table.link]
    texts = program[names.offset : names.offset + names.size]
    wanted: set[int] = set()
    at = texts.find(name + b"\0")
    while at >= 0:
        wanted.add(at)
        at = texts.find(name + b"\0", at + 1)
    if not wanted:
        return None
    for which in range(min(table.size // _SYMBOL.size, _MOST_SYMBOLS)):
        text, info, _, where, value, size = _SYMBOL.unpack_from(program, table.offset + which * _SYMBOL.size)
        if text in wanted and info & 15 == _OBJECT and size == _INT_BYTES and where < len(sections):
            held = sections[where]
            if held.kind == _PROGRAM_DATA and 0 <= value - held.address <= held.size - _INT_BYTES:
                return int(struct.unpack_from("<i", program, held.offset + value - held.address)[0])
    return None
