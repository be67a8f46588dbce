"""Where HDF5 keeps links and attributes when they are many or long: fractal heaps, and version 2 B-trees of what is in them.

Source: HDF5 File Format Specification 3.0, III.A.2 (B-trees), III.G (fractal heaps), and what the library itself counts.
Heaps that are compressed are not read: a group may have one, and no program known here makes one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from wardstead.supply.ports import Malformed, Source
from wardstead.supply.sources import exactly, unpack

NOWHERE: Final = (1 << 64) - 1
_DEEPEST: Final = 16
_LONGEST: Final = 32 << 20
_PREFIX: Final = 10
"""Of a tree's node: a mark, a version, a type, and a checksum at its end."""
LINKS: Final = {5: 4, 6: 8}
"""Where in a record the place in the heap stands, by the tree's type: by name, and by age."""
ATTRIBUTES: Final = {8: 0, 9: 0}
_SMALLEST: Final = {1: 24, 5: 11, 6: 15, 8: 17, 9: 13}
"""How many bytes a record has at least."""
_FLAGS: Final = 8
"""Where in an attribute's record its message's flags stand."""
_SHARED: Final = 2
_HUGE: Final = 1
Count = Callable[[int], None]
"""Told of each part, by where it is; raises ``Malformed`` where there are too many."""


class Kept(NamedTuple):
    """What a heap keeps: a message's bytes, and where in the file they stand."""

    data: bytes
    at: int


class Heap:
    """A fractal heap: rows of blocks, each row's twice as large as those of the last. An offset leads through all of them."""

    def __init__(self, source: Source, at: int, count: Count) -> None:
        """``at``: where its header begins. Raises ``Malformed``."""
        self._source = source
        self._count = count
        if source.read(at, 5) != b"FRHP\0":
            raise Malformed("a heap is none", at)
        self._id_bytes, filters, _, longest = unpack(source, "<HHBI", at + 5)
        if filters:
            raise Malformed("a heap is compressed, which is not followed", at)
        (self._huge,) = unpack(source, "<Q", at + 22)
        self._width, self._smallest, largest, bits = unpack(source, "<HQQH", at + 110)
        self._places: dict[bytes, tuple[int, int]] | None = None
        self._root, self._rows = unpack(source, "<QH", at + 132)
        sides = (self._width, self._smallest, largest)
        if not all(one > 0 and not one & (one - 1) for one in sides) or largest < self._smallest or bits > 64:
            raise Malformed("a heap has blocks of a size that cannot be", at)
        self._direct_rows = largest.bit_length() - self._smallest.bit_length() + 2
        self._offset_bytes = -(-bits // 8)
        self._length_bytes = min(-(-(largest.bit_length() - 1) // 8), _bytes_for(longest))

    def kept(self, place: bytes, at: int) -> Kept:
        """What is kept under an id; ``at``: where that stands. Raises ``Malformed``."""
        if len(place) < self._id_bytes or not place or place[0] >> 6:
            raise Malformed("a place in a heap is none", at)
        kind = place[0] >> 4 & 3
        if kind == 0:
            return self._managed(place, at)
        if kind == _HUGE:
            return self._far(place, at)
        if kind == 2 and self._id_bytes <= 17:
            return Kept(place[1 : 2 + (place[0] & 15)], at)
        raise Malformed("a place in a heap is of a kind that is not read", at)

    def _managed(self, place: bytes, at: int) -> Kept:
        offset = int.from_bytes(place[1 : 1 + self._offset_bytes], "little")
        start = 1 + self._offset_bytes
        length = int.from_bytes(place[start : start + self._length_bytes], "little")
        block, size, row_count = self._root, self._smallest, self._rows
        for _ in range(_DEEPEST):
            self._count(block)
            if not row_count:
                if self._source.read(block, 4) != b"FHDB" or offset + length > size:
                    raise Malformed("a heap's block is none", block)
                return Kept(exactly(self._source, block + offset, length), block + offset)
            block, offset, size, row_count = self._child(block, offset, row_count)
        raise Malformed("a heap nests without end", at)

    def _child(self, block: int, offset: int, row_count: int) -> tuple[int, int, int, int]:
        """Which block below an indirect one an offset lies in, the offset there, that block's size, and how many rows it has."""
        if self._source.read(block, 4) != b"FHIB":
            raise Malformed("a heap's block is none", block)
        row_bytes = self._smallest * self._width
        row = 0 if offset < row_bytes else (offset // row_bytes).bit_length()
        if row >= row_count:
            raise Malformed("a heap's object lies outside of it", block)
        size = self._smallest << max(0, row - 1)
        column, inner = divmod(offset - (row_bytes << (row - 1) if row else 0), size)
        entry = block + 13 + self._offset_bytes + 8 * (row * self._width + column)
        (child,) = unpack(self._source, "<Q", entry)
        rows = 0 if row < self._direct_rows else size.bit_length() - row_bytes.bit_length() + 1
        if row >= self._direct_rows and rows < 1:
            raise Malformed("a heap's rows cannot be", block)
        return child, inner, size, rows

    def _far(self, place: bytes, at: int) -> Kept:
        """What is too long for a block lies by itself, and a tree says where."""
        if self._id_bytes >= 17:
            start, length = (int.from_bytes(place[one : one + 8], "little") for one in (1, 9))
            return self._alone(start, length, at)
        if self._places is None:
            listed = records(self._source, self._huge, (1,), self._count)
            self._places = {record[16:24]: struct.unpack("<QQ", record[:16]) for record, _ in listed}
        found = self._places.get(place[1 : min(9, self._id_bytes)].ljust(8, b"\0"))
        if found is None:
            raise Malformed("a heap lacks what is looked for", at)
        return self._alone(*found, at)

    def _alone(self, start: int, length: int, at: int) -> Kept:
        if length > _LONGEST:
            raise Malformed(f"an object of a heap has more than {_LONGEST:,} bytes", at)
        return Kept(exactly(self._source, start, length), start)


def dense(source: Source, heap: int, trees: tuple[int, ...], places: Mapping[int, int], count: Count) -> Iterator[Kept]:
    """All links or attributes of an object (``places``: of which): each that one of its trees lists. Raises ``Malformed``.

    By name and by age, since programs go by either, and what is behind the one need not be behind the other.
    """
    found: Heap | None = None
    for tree in trees:
        if tree == NOWHERE:
            continue
        kind = exactly(source, tree + 5, 1)[0]
        for record, at in records(source, tree, tuple(places), count):
            if places is ATTRIBUTES and record[_FLAGS] & _SHARED:
                raise Malformed("what an object says lies elsewhere (a shared message)", at)
            found = found or Heap(source, heap, count)
            yield found.kept(record[places[kind] :], at)


def records(source: Source, at: int, kinds: tuple[int, ...], count: Count) -> Iterator[tuple[bytes, int]]:
    """Every record of a version 2 B-tree, and where it stands. Raises ``Malformed``."""
    if source.read(at, 5) != b"BTHD\0":
        raise Malformed("a heap's tree is none", at)
    kind, node_bytes, size, depth = unpack(source, "<BIHH", at + 5)
    root, root_count = unpack(source, "<QH", at + 16)
    if kind not in kinds or not _SMALLEST[kind] <= size <= node_bytes - _PREFIX or depth > _DEEPEST:
        raise Malformed("a heap's tree is of a kind that is not read", at)
    if root_count:
        yield from _Tree(source, node_bytes, size, depth, count).node(root, root_count, depth)


class _Tree:
    """How wide the numbers are that a node has of its children: as many bytes as the most that they can be needs."""

    def __init__(self, source: Source, node_bytes: int, size: int, depth: int, count: Count) -> None:
        self._source = source
        self._size = size
        self._count = count
        most = all_below = (node_bytes - _PREFIX) // size
        self._own = _bytes_for(most)
        self._below = [0]
        for level in range(1, depth + 1):
            pointer = 8 + self._own + self._below[level - 1]
            most = (node_bytes - _PREFIX - pointer) // (size + pointer)
            if most < 1:
                raise Malformed("a heap's tree has nodes that hold nothing")
            all_below = (most + 1) * all_below + most
            self._below.append(_bytes_for(all_below))

    def node(self, at: int, record_count: int, depth: int) -> Iterator[tuple[bytes, int]]:
        if self._source.read(at, 4) != (b"BTIN" if depth else b"BTLF"):
            raise Malformed("a node of a heap's tree is none", at)
        place = at + 6
        for _ in range(record_count):
            self._count(place)
            yield exactly(self._source, place, self._size), place
            place += self._size
        if depth:
            for _ in range(record_count + 1):
                self._count(place)
                (child,) = unpack(self._source, "<Q", place)
                below = int.from_bytes(exactly(self._source, place + 8, self._own), "little")
                yield from self.node(child, below, depth - 1)
                place += 8 + self._own + self._below[depth - 1]


def _bytes_for(number: int) -> int:
    return max(1, -(-number.bit_length() // 8))
