"""HDF5 (File Format Specification 3.0), as Keras writes it: objects, their links and attributes, and the configuration in those.

Read by structure, without the library: an external link or an external data file opens another file when somebody reads on.
PyTables' files are HDF5, too: there, attributes may be pickles.
"""

from __future__ import annotations

import struct
from typing import Final

from wardstead.supply.formats import keras_config
from wardstead.supply.formats.hdf5_heaps import ATTRIBUTES, LINKS, NOWHERE, dense
from wardstead.supply.formats.json_input import parse_json
from wardstead.supply.ports import Inner, Malformed, Seen, Source, Steps
from wardstead.supply.sources import Memory, exactly, unpack

MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_MOST: Final = 200_000
_MOST_TEXT: Final = 32 << 20
_CONFIGS: Final = frozenset({"model_config", "training_config"})
_SHARED: Final = 2
_VARIABLE: Final = 9
"""A type's class: of values that lie in a global heap."""
_LOOKED_AT: Final = frozenset({0x02, 0x06, 0x07, 0x08, 0x0C, 0x11, 0x15})
"""Messages that matter; types and filters may be shared."""


def begins_later(source: Source) -> bool:
    """Whether a file of HDF5 begins behind something else: the library looks for its mark at 512, 1,024, 2,048 … as well."""
    at = 512
    while at < source.size:
        if source.read(at, len(MAGIC)) == MAGIC:
            return True
        at *= 2
    return False


def behind(_source: Source) -> Steps:
    """A file of HDF5 behind something else, whose places count from where it begins: it is not followed."""
    yield Seen("polyglot", "a file of HDF5 begins behind something else")


def check(source: Source) -> Steps:
    """What is wrong with it."""
    yield from _File(source).check()


class _File:
    """One file: what is still to be looked at, and how often something was."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = _MOST
        self._seen: set[int] = set()
        self._waiting: list[int] = []

    def check(self) -> Steps:
        """From the root on."""
        source, version = self._source, exactly(self._source, 8, 1)[0]
        if version in {0, 1}:
            if exactly(source, 13, 2) != b"\x08\x08":
                raise Malformed("its addresses have not 64 bits", 13)
            start = 24 if version == 0 else 28
            self._waiting.append(unpack(source, "<Q", start + 40)[0])
        elif version in {2, 3}:
            if exactly(source, 9, 2) != b"\x08\x08":
                raise Malformed("its addresses have not 64 bits", 9)
            self._waiting.append(unpack(source, "<Q", 36)[0])
        else:
            raise Malformed(f"its version {version} does not exist", 8)
        while self._waiting:
            at = self._waiting.pop()
            if at not in self._seen and at != NOWHERE:
                self._seen.add(at)
                yield from self._object(at)

    def _count(self, at: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise Malformed(f"it has more than {_MOST:,} parts", at)

    def _object(self, at: int) -> Steps:
        """The messages of an object's header."""
        if self._source.read(at, 4) == b"OHDR":
            flags = exactly(self._source, at + 5, 1)[0]
            begin = at + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            size = int.from_bytes(exactly(self._source, begin, width), "little")
            yield from self._messages(begin + width, size, 6 if flags & 4 else 4)
        else:
            version, _, _, _, size = unpack(self._source, "<BBHII", at)
            if version != 1:
                raise Malformed("an object's header is none", at)
            yield from self._messages(at + 16, size, 8)

    def _messages(self, at: int, size: int, head: int) -> Steps:
        chunks = [(at, size)]
        while chunks:
            at, size = chunks.pop()
            end = at + size
            while at + head <= end:
                self._count(at)
                kind, length, flags = unpack(self._source, "<HHB" if head == 8 else "<BHB", at)
                data = at + head
                if flags & _SHARED and kind in _LOOKED_AT:
                    raise Malformed("what an object says lies elsewhere (a shared message)", at)
                if data + length > end:
                    break
                if kind == 0x10:
                    start, more = unpack(self._source, "<QQ", data)
                    chunks.append((start, more) if head == 8 else (start + 4, more - 8))
                    if len(chunks) > 1000:
                        raise Malformed("a header goes on without end", at)
                else:
                    yield from self._message(kind, data, length)
                at = data + length

    def _message(self, kind: int, at: int, length: int) -> Steps:
        if kind == 0x11:
            tree, heap = unpack(self._source, "<QQ", at)
            self._tree(tree, heap, 0)
        elif kind in {0x02, 0x15}:
            yield from self._in_heap(kind, at)
        elif kind == 0x06:
            yield from self._link(exactly(self._source, at, length), at)
        elif kind == 0x07:
            yield Seen("config-path", "its data are in another file (external storage)", at)
        elif kind == 0x08 and self._source.read(at, 2) == b"\x04\x03":
            yield Seen("config-path", "its data are put together from other files (virtual storage)", at)
        elif kind == 0x0C:
            yield from self._attribute(exactly(self._source, at, length), at)

    def _in_heap(self, kind: int, at: int) -> Steps:
        """Links or attributes that lie in a heap, if not in messages (Link Info, Attribute Info)."""
        flags = exactly(self._source, at + 1, 1)[0]
        place = at + 2 + ((8 if kind == 0x02 else 2) if flags & 1 else 0)
        heap, *trees = unpack(self._source, "<3Q" if flags & 2 else "<2Q", place)
        if heap == NOWHERE:
            return
        is_link = kind == 0x02
        for one in dense(self._source, heap, tuple(trees), LINKS if is_link else ATTRIBUTES, self._count):
            yield from self._link(one.data, one.at) if is_link else self._attribute(one.data, one.at)

    def _tree(self, at: int, heap: int, depth: int) -> None:
        """A group of the older kind: its names lie in nodes of a tree."""
        if depth > 20 or self._source.read(at, 4) != b"TREE":
            raise Malformed("a group's tree is none", at)
        level, count = unpack(self._source, "<xBH", at + 4)
        for number in range(count):
            self._count(at)
            (child,) = unpack(self._source, "<Q", at + 24 + 8 + number * 16)
            if level:
                self._tree(child, heap, depth + 1)
                continue
            if self._source.read(child, 4) != b"SNOD":
                raise Malformed("a group's node is none", child)
            (entries,) = unpack(self._source, "<H", child + 6)
            for entry in range(entries):
                self._count(child)
                self._waiting.append(unpack(self._source, "<Q", child + 8 + entry * 40 + 8)[0])

    def _link(self, data: bytes, at: int) -> Steps:
        if len(data) < 4:
            return
        flags, place = data[1], 2
        kind = 0
        if flags & 8:
            kind, place = data[place], place + 1
        place += (8 if flags & 4 else 0) + (1 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        name_bytes = int.from_bytes(data[place : place + width], "little")
        place += width + name_bytes
        if kind == 0 and len(data) >= place + 8:
            self._waiting.append(struct.unpack_from("<Q", data, place)[0])
        elif kind == 64:
            file = data[place + 3 :].split(b"\0", 1)[0].decode("utf-8", "replace")
            yield Seen("config-path", f"a link leads into another file: {file[:80]!r}", at)

    def _attribute(self, data: bytes, at: int) -> Steps:
        if len(data) < 8:
            return
        version = data[0]
        name_bytes, type_bytes, space_bytes = struct.unpack_from("<3H", data, 2)
        place = 9 if version == 3 else 8
        unit = 8 if version == 1 else 1
        name = data[place : place + name_bytes].split(b"\0", 1)[0].decode("utf-8", "replace")
        start = place + _padded(name_bytes, unit)
        kind = data[start : start + 2]
        value = data[start + _padded(type_bytes, unit) + _padded(space_bytes, unit) :]
        if kind[:1] and kind[0] & 15 == _VARIABLE and (name in _CONFIGS or kind[1] & 15 == 1) and len(value) == 16:
            length, place, index = struct.unpack("<IQI", value)
            value = self._heap(length, place, index) if length else b""
        value = value.rstrip(b"\0 ")
        if name in _CONFIGS:
            try:
                yield from keras_config.check_tree(parse_json(value.decode("utf-8"))[0])
            except UnicodeDecodeError:
                raise Malformed(f"its {name} is no text", at) from None
        elif name == "PSEUDOATOM" and value == b"object":
            yield Seen(
                "packed", "each of its values is a pickle (an array of objects, as PyTables has them), which is not read", at
            )
        elif value.endswith(b"."):
            yield Inner(Memory(value, f"{self._source.name} > attribute {name[:80]!r}"), "maybe-pickle")

    def _heap(self, length: int, at: int, index: int) -> bytes:
        """An object of a global heap."""
        if self._source.read(at, 4) != b"GCOL" or length > _MOST_TEXT:
            raise Malformed("a heap is none", at)
        end = at + unpack(self._source, "<Q", at + 8)[0]
        at += 16
        while at + 16 <= end:
            self._count(at)
            number, _, _, size = unpack(self._source, "<HHIQ", at)
            if number == index:
                return exactly(self._source, at + 16, min(size, length))
            if not number:
                break
            at += 16 + -(-size // 8) * 8
        raise Malformed("a heap lacks what is looked for", at)


def _padded(size: int, unit: int) -> int:
    return -(-size // unit) * unit
