"""NumPy's files (numpy/lib/format.py): a header that is a Python literal, then the array, or a pickle where it holds objects."""

from __future__ import annotations

import ast
from typing import Any, Final

from wardstead.supply.formats.joblib_arrays import NotAnArray, size_of
from wardstead.supply.ports import Inner, Malformed, Seen, Source, Steps
from wardstead.supply.sources import Window, exactly, unpack

MAGIC: Final = b"\x93NUMPY"
_MOST: Final = 10_000
"""As ``numpy.load`` has it: parsing longer literals takes too much memory."""
_LARGEST: Final = 1 << 60


def check(source: Source) -> Steps:
    """What is wrong with it."""
    major = exactly(source, 6, 2)[0]
    if major not in {1, 2, 3}:
        raise Malformed(f"its version {major} does not exist", 6)
    (length,), start = (unpack(source, "<H", 8), 10) if major == 1 else (unpack(source, "<I", 8), 12)
    if length > _MOST:
        yield Seen("header-limits", f"its header has {length:,} bytes; {_MOST:,} are allowed", 8)
        return
    header = _literal(exactly(source, start, length), start)
    data = start + length
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise Malformed("its header does not describe an array", start)
    item = _item(header["descr"])
    if item is None:
        yield Inner(Window(source, data, source.size - data, f"{source.name} > objects"), "pickle")
        return
    size = item
    for one in header["shape"] if isinstance(header["shape"], tuple) else (-1,):
        if not isinstance(one, int) or one < 0 or size > _LARGEST:
            raise Malformed("its shape is none", start)
        size *= one
    if source.read(data + size, 1):
        yield Seen("trailing-data", "bytes after the array", data + size)
    elif size and not source.read(data + size - 1, 1):
        yield Seen("tensor-bounds", f"the array of {size:,} bytes is longer than the file", data)


def _literal(data: bytes, at: int) -> Any:
    try:
        return ast.literal_eval(data.decode("latin-1").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise Malformed("its header is no literal", at) from None


def _item(descr: Any) -> int | None:
    """Bytes of an element; none where it holds objects."""
    try:
        if isinstance(descr, str):
            return size_of(descr) or None
        if isinstance(descr, list):
            sizes = [_field(one) for one in descr]
            return None if None in sizes else sum(one or 0 for one in sizes)
    except NotAnArray as error:
        raise Malformed(str(error)) from None
    raise Malformed("its type is none")


def _field(field: Any) -> int | None:
    if not isinstance(field, tuple) or len(field) not in {2, 3}:
        raise Malformed("its type has a field that is none")
    size = _item(field[1])
    for one in field[2] if len(field) == 3 and isinstance(field[2], tuple) else ():
        if not isinstance(one, int) or one < 0:
            raise Malformed("its type has a field that is none")
        size = None if size is None else size * one
    return size
