"""The instructions of pickles (CPython, ``Lib/pickletools.py``), read one by one; long contents are leapt over, not read."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from wardstead.supply.ports import Malformed, Source
from wardstead.supply.sources import Cursor

_KEPT: Final = 1 << 12
"""Of a text or of bytes, so many are kept: no name of a module or a class is longer."""
_LINE: Final = 1 << 24
_U1, _U2, _I4, _U4, _U8, _F8 = (struct.Struct(one) for one in ("<B", "<H", "<i", "<I", "<Q", ">d"))


class Blob(NamedTuple):
    """Long contents: where they stand."""

    offset: int
    length: int


def _counted(form: struct.Struct, text: bool) -> Callable[[Cursor], Any]:
    def read(cursor: Cursor) -> Any:
        length = cursor.unpack(form)
        if length < 0:
            raise Malformed("a length is negative", cursor.at)
        if length <= _KEPT:
            data = cursor.take(length)
            return data.decode("utf-8", "surrogateescape") if text else data
        at = cursor.at
        cursor.leap(at + length - 1)
        cursor.take(1)
        return Blob(at, length)

    return read


def _number(form: struct.Struct) -> Callable[[Cursor], Any]:
    return lambda cursor: cursor.unpack(form)


def _line(cursor: Cursor) -> str:
    return cursor.line(_LINE).decode("utf-8", "surrogateescape")


def _pair(cursor: Cursor) -> tuple[str, str]:
    return _line(cursor), _line(cursor)


def _quoted(cursor: Cursor) -> Any:
    at, line = cursor.at, cursor.line(_LINE)
    if len(line) < 2 or line[:1] not in {b"'", b'"'} or line[-1:] != line[:1]:
        raise Malformed("a text has no quotes around it", at)
    if len(line) > _KEPT:
        return Blob(at, len(line))
    try:
        return codecs.escape_decode(line[1:-1])[0].decode("utf-8", "surrogateescape")
    except ValueError:
        raise Malformed("a text has a wrong escape", at) from None


def _raw_unicode(cursor: Cursor) -> Any:
    at, line = cursor.at, cursor.line(_LINE)
    if len(line) > _KEPT:
        return Blob(at, len(line))
    try:
        return line.decode("raw-unicode-escape")
    except ValueError:
        raise Malformed("a text has a wrong escape", at) from None


def _decimal(cursor: Cursor) -> Any:
    at, line = cursor.at, cursor.line(_LINE).strip().removesuffix(b"L")
    if line in {b"00", b"01"}:
        return line == b"01"
    try:
        return int(line or b"0", 10) if len(line) < 100 else 0
    except ValueError:
        raise Malformed("a number is none", at) from None


def _float_line(cursor: Cursor) -> float:
    at = cursor.at
    try:
        return float(cursor.line(_LINE))
    except ValueError:
        raise Malformed("a number is none", at) from None


def _long(form: struct.Struct) -> Callable[[Cursor], Any]:
    counted = _counted(form, False)

    def read(cursor: Cursor) -> Any:
        data = counted(cursor)
        return int.from_bytes(data, "little", signed=True) if isinstance(data, bytes) else data

    return read


def _nothing(_: Cursor) -> None:
    return None


ARGUMENTS: Final[dict[int, tuple[str, Callable[[Cursor], Any]]]] = {
    ord(code) if isinstance(code, str) else code: (name, read)
    for code, name, read in (
        ("(", "MARK", _nothing), (".", "STOP", _nothing), ("0", "POP", _nothing), ("1", "POP_MARK", _nothing),
        ("2", "DUP", _nothing), ("F", "CONSTANT", _float_line), ("I", "CONSTANT", _decimal), ("J", "CONSTANT", _number(_I4)),
        ("K", "CONSTANT", _number(_U1)), ("L", "CONSTANT", _decimal), ("M", "CONSTANT", _number(_U2)),
        ("N", "CONSTANT", _nothing), ("P", "PERSID", _line), ("Q", "BINPERSID", _nothing), ("R", "REDUCE", _nothing),
        ("S", "CONSTANT", _quoted), ("T", "CONSTANT", _counted(_I4, True)), ("U", "CONSTANT", _counted(_U1, True)),
        ("V", "CONSTANT", _raw_unicode), ("X", "CONSTANT", _counted(_U4, True)), ("a", "APPEND", _nothing),
        ("b", "BUILD", _nothing), ("c", "GLOBAL", _pair), ("d", "DICT", _nothing), ("}", "EMPTY_DICT", _nothing),
        ("e", "APPENDS", _nothing), ("g", "GET", _decimal), ("h", "GET", _number(_U1)), ("i", "INST", _pair),
        ("j", "GET", _number(_U4)), ("l", "LIST", _nothing), ("]", "EMPTY_LIST", _nothing), ("o", "OBJ", _nothing),
        ("p", "PUT", _decimal), ("q", "PUT", _number(_U1)), ("r", "PUT", _number(_U4)), ("s", "SETITEM", _nothing),
        ("t", "TUPLE", _nothing), (")", "EMPTY_TUPLE", _nothing), ("u", "SETITEMS", _nothing), ("G", "CONSTANT", _number(_F8)),
        (0x80, "PROTO", _number(_U1)), (0x81, "NEWOBJ", _nothing), (0x82, "EXT", _number(_U1)), (0x83, "EXT", _number(_U2)),
        (0x84, "EXT", _number(_I4)), (0x85, "TUPLE1", _nothing), (0x86, "TUPLE2", _nothing), (0x87, "TUPLE3", _nothing),
        (0x88, "CONSTANT", lambda _: True), (0x89, "CONSTANT", lambda _: False), (0x8A, "CONSTANT", _long(_U1)),
        (0x8B, "CONSTANT", _long(_I4)), ("B", "CONSTANT", _counted(_U4, False)), ("C", "CONSTANT", _counted(_U1, False)),
        (0x8C, "CONSTANT", _counted(_U1, True)), (0x8D, "CONSTANT", _counted(_U8, True)),
        (0x8E, "CONSTANT", _counted(_U8, False)), (0x8F, "EMPTY_LIST", _nothing), (0x90, "APPENDS", _nothing),
        (0x91, "LIST", _nothing), (0x92, "NEWOBJ_EX", _nothing), (0x93, "STACK_GLOBAL", _nothing), (0x94, "MEMOIZE", _nothing),
        (0x95, "FRAME", _number(_U8)), (0x96, "CONSTANT", _counted(_U8, False)), (0x97, "BUFFER", _nothing),
        (0x98, "NOTHING", _nothing),
    )
}  # fmt: skip
"""What each instruction does, and how its argument is read."""

_CALLS: Final = frozenset(["REDUCE", "OBJ", "INST", "NEWOBJ", "NEWOBJ_EX", "BUILD"])
FEW: Final = 2_000
"""Instructions: bytes that are none break off after a handful."""


def reaches_a_call(source: Source, at: int) -> bool:
    """Whether bytes that are to be data could be instructions of a pickle, up to one that calls."""
    cursor = Cursor(source, at)
    try:
        for _ in range(FEW):
            name, read = ARGUMENTS.get(cursor.take(1)[0], ("STOP", _nothing))
            if name == "STOP":
                return False
            if name in _CALLS:
                return True
            read(cursor)
    except Malformed:
        return False
    return True
