"""Protocol Buffers by their wire format (protobuf.dev, Encoding): fields by number, without the messages' definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from wardstead.supply.ports import Malformed, Source
from wardstead.supply.sources import Cursor

_MOST: Final = 20_000_000
_LONGEST: Final = 10
TEXT: Final = 4096


class Field(NamedTuple):
    """A field: its number, its value where it is a number, and where its bytes are where it has some."""

    number: int
    value: int
    start: int
    length: int


class Budget:
    """Of fields, for a whole file."""

    def __init__(self) -> None:
        self.left = _MOST


def fields(source: Source, start: int, end: int, budget: Budget) -> Iterator[Field]:
    """The fields of a message that lies from ``start`` to ``end``. Raises ``Malformed`` where it is none."""
    cursor = Cursor(source, start)
    while cursor.at < end:
        budget.left -= 1
        if budget.left < 0:
            raise Malformed(f"it has more than {_MOST:,} fields", cursor.at)
        at = cursor.at
        key = _number(cursor)
        number, kind = key >> 3, key & 7
        value, length = 0, 0
        if kind == 0:
            value = _number(cursor)
        elif kind == 1:
            length = 8
        elif kind == 2:
            length = _number(cursor)
        elif kind == 5:
            length = 4
        else:
            raise Malformed("a field is of a kind that does not exist", at)
        begin = cursor.at
        if not number or begin + length > end:
            raise Malformed("a field ends behind its message", at)
        cursor.leap(begin + length)
        yield Field(number, value, begin, length)


def text_at(source: Source, field: Field) -> str:
    """A field's text, cut to what is looked at."""
    return source.read(field.start, min(field.length, TEXT)).decode("utf-8", "replace")


def _number(cursor: Cursor) -> int:
    value = 0
    for shift in range(0, 7 * _LONGEST, 7):
        byte = cursor.take(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise Malformed("a number has no end", cursor.at)
