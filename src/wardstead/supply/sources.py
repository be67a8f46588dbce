"""Sources made of other sources, and bounded reading from any."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from wardstead.supply.ports import Malformed, Source

TEXT_BYTES: Final = 8 << 20
"""Of a text (a configuration, a template, a program) more is not read: no model needs it."""
BLOCK: Final = 1 << 18
UNPACKED_BYTES: Final = 1 << 34
"""What one compressed stream may unpack to."""
SETTLED_BYTES: Final = 32 << 20
"""What unpacks to no more is held in memory while it is looked at."""
RATIO: Final = 1100
"""Deflate reaches 1,032 to one at most; what claims more is a bomb of another kind."""
_WINDOW: Final = 1 << 16
_AGAIN: Final = 4
"""How often a compressed stream is unpacked from its beginning, to go back in it."""


class Memory:
    """Bytes that are here already."""

    def __init__(self, data: bytes, name: str) -> None:
        """``name``: what a person knows it by."""
        self._data = data
        self.name = name
        self.size = len(data)
        self.exact = True

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        return self._data[offset : offset + length]


class Window:
    """A part of another source."""

    def __init__(self, source: Source, start: int, size: int, name: str) -> None:
        """``size`` bytes from ``start``; what lies beyond the other's end is not there."""
        self._source = source
        self._start = start
        self.size = max(0, min(size, source.size - start))
        self.exact = source.exact
        self.name = name

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        return self._source.read(self._start + offset, max(0, min(length, self.size - offset)))


class Unpacker(Protocol):
    """What ``zlib.decompressobj`` and its like give."""

    def decompress(self, data: bytes, max_length: int = ...) -> bytes:
        """At most ``max_length`` bytes more."""
        ...


class Unpacked:
    """What a compressed source unpacks to, as far as it is read: forward in windows, back by beginning again."""

    def __init__(
        self, source: Source, make: Callable[[], Any], name: str, errors: tuple[type[Exception], ...], *, ratio: int = RATIO
    ) -> None:
        """``make``: a fresh ``Unpacker``; ``errors``: what it raises over what it cannot unpack; ``ratio``: its most."""
        self._source = source
        self._make = make
        self._errors = errors
        self.name = name
        self.size = min(UNPACKED_BYTES, source.size * ratio)
        self.exact = False
        self._begun = 0
        self._begin()

    def _begin(self) -> None:
        if self._begun > _AGAIN:
            raise Malformed("it would have to be unpacked again and again to be read")
        self._begun += 1
        self._unpacker = self._make()
        self._taken = 0
        self._at = 0
        self._block = b""
        self._over = False

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        if offset < self._at:
            self._begin()
        parts: list[bytes] = []
        while length > 0:
            here = offset - self._at
            if here < len(self._block):
                part = self._block[here : here + length]
                parts.append(part)
                offset += len(part)
                length -= len(part)
            elif not self._next():
                break
        return b"".join(parts)

    def settled(self) -> Source:
        """All of it in memory where it is small, so that it can be read in any order; else itself."""
        data = self.read(0, SETTLED_BYTES + 1)
        return Memory(data, self.name) if len(data) <= SETTLED_BYTES else self

    def _next(self) -> bool:
        """The next block, behind a part of those before; whether there is one."""
        block = b""
        while not block and not self._over:
            if self._at > UNPACKED_BYTES:
                raise Malformed(f"it unpacks to more than {UNPACKED_BYTES:,} bytes", rule="bomb")
            try:
                block = self._more()
            except self._errors as error:
                raise Malformed(f"it cannot be unpacked: {type(error).__name__}", self._taken) from None
        kept = self._block[-BLOCK:]
        self._at += len(self._block) - len(kept)
        self._block = kept + block
        return bool(block)

    def _more(self) -> bytes:
        waiting = getattr(self._unpacker, "unconsumed_tail", b"")
        needs = not waiting and getattr(self._unpacker, "needs_input", True)
        given = waiting
        if needs:
            given = self._source.read(self._taken, BLOCK)
            self._taken += len(given)
        block: bytes = self._unpacker.decompress(given, BLOCK)
        if getattr(self._unpacker, "eof", False):
            self._follow()
        elif needs and not given and not block:
            raise Malformed("it ends before what is packed in it does", self._taken)
        return block

    def _follow(self) -> None:
        """A stream is over: gzip, bzip2 and xz files may hold several, one after another."""
        rest: bytes = getattr(self._unpacker, "unused_data", b"")
        self._taken -= len(rest)
        while (block := self._source.read(self._taken, BLOCK)) and not any(block):
            self._taken += len(block)  # padding
        if not block:
            self._over = True
            return
        self._taken += len(block) - len(block.lstrip(b"\0"))
        self._unpacker = self._make()


def exactly(source: Source, offset: int, length: int) -> bytes:
    """``length`` bytes. Raises ``Malformed`` where the source ends before."""
    data = source.read(offset, length)
    if len(data) != length:
        raise Malformed("it ends in the middle", source.size)
    return data


def unpack(source: Source, form: str, offset: int) -> tuple[Any, ...]:
    """Numbers, as ``struct`` has them. Raises ``Malformed`` where the source ends before."""
    return struct.unpack(form, exactly(source, offset, struct.calcsize(form)))


def text_of(source: Source, limit: int = TEXT_BYTES) -> str:
    """A whole text. Raises ``Malformed`` where it is longer than is read, or none."""
    data = source.read(0, limit + 1)
    if len(data) > limit:
        raise Malformed(f"it is longer than the {limit:,} bytes that are read of a text")
    try:
        return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("it is no text", error.start) from None


def blocks(source: Source, start: int = 0, end: int | None = None, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
    """The source from ``start`` on, block by block with its place; each begins ``overlap`` bytes before the last one's end."""
    end = source.size if end is None else min(end, source.size)
    while start < end:
        block = source.read(start, min(BLOCK, end - start))
        if not block:
            return
        yield start, block
        if start + len(block) >= end:
            return
        start += max(1, len(block) - overlap)


class Cursor:
    """Reads a source from its beginning to its end, and can leap over what does not matter."""

    def __init__(self, source: Source, at: int = 0) -> None:
        """``at``: the byte to begin with."""
        self._source = source
        self._block = b""
        self._start = at
        self._next = 0

    @property
    def at(self) -> int:
        """The byte that comes next."""
        return self._start + self._next

    def take(self, length: int) -> bytes:
        """Raises ``Malformed`` where the source ends before."""
        until = self._next + length
        if until <= len(self._block):
            data = self._block[self._next : until]
            self._next = until
            return data
        at = self.at
        self._block = self._source.read(at, max(length, _WINDOW))
        self._start, self._next = at, length
        if len(self._block) < length:
            raise Malformed("it ends in the middle", at + len(self._block))
        return self._block[:length]

    def line(self, limit: int) -> bytes:
        """Up to the next line feed, which is left out. Raises ``Malformed`` where none comes within ``limit``."""
        at = self.at
        data = b""
        while (found := data.find(b"\n")) < 0:
            if len(data) > limit:
                raise Malformed(f"a line has more than {limit:,} bytes", at)
            more = self._source.read(at + len(data), max(256, len(data)))
            if not more:
                raise Malformed("it ends in the middle", at + len(data))
            data += more
        self.leap(at + found + 1)
        return data[:found]

    def leap(self, to: int) -> None:
        """Go on at another byte."""
        here = to - self._start
        if 0 <= here <= len(self._block):
            self._next = here
        else:
            self._block, self._start, self._next = b"", to, 0

    def unpack(self, form: struct.Struct) -> Any:
        """One number."""
        return form.unpack(self.take(form.size))[0]
