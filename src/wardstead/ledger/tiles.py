"""Tiles: the tree cut into pieces of height 8 (https://c2sp.org/tlog-tiles), so that a proof reads a handful of rows.

Tile ``(level, index)`` holds up to 256 hashes, those of the perfect subtrees of height ``8 * level`` from number
``256 * index`` on. A tile only ever grows; a partial one is a prefix of what it becomes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wardstead.crypto.merkle import HASH_SIZE, Node, perfect_root
from wardstead.kernel.errors import IntegrityError

HEIGHT = 8
WIDTH = 1 << HEIGHT

TileId = tuple[int, int]
"""(level, index)."""
TileReader = Callable[[int, int], bytes]
"""(level, index) to the tile's hashes, one after the other; empty when there is no such tile."""
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])/(?P<groups>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class TileRequest:
    """A resource of the tree by its path: ``width`` hashes of a tile, or as many entries where ``level`` is ``None``."""

    level: int | None
    index: int
    width: int


def parse_tile_path(path: str) -> TileRequest | None:
    """What ``tile/<L>/<N>[.p/<W>]`` or ``tile/entries/<N>[.p/<W>]`` asks for; ``None`` when it is no such path."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    index, width = int(match["groups"].replace("/", "").replace("x", "")), int(match["width"] or WIDTH)
    if _groups(index) != match["groups"] or (match["width"] and width >= WIDTH):
        return None
    return TileRequest(None if match["level"] == "entries" else int(match["level"]), index, width)


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """``tile/<L>/<N>[.p/<W>]``, with N in groups of three digits, all but the last with an ``x``."""
    return f"tile/{level}/{_groups(index)}{_partial(width)}"


def _groups(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return "/".join(groups)


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes that tile holds in a tree of ``size``; 0 when it has no such tile."""
    return min(max((size >> (HEIGHT * level)) - WIDTH * index, 0), WIDTH)


def count_tiles(size: int) -> int:
    """How many tiles a tree of ``size`` has."""
    count = 0
    while size:
        count += -(-size // WIDTH)
        size //= WIDTH
    return count


def split_hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[i : i + HASH_SIZE] for i in range(0, len(tile), HASH_SIZE)]


def node_from(read: TileReader) -> Node:
    """A Merkle ``node`` function over stored tiles. It raises ``IntegrityError`` when a tile lacks what the tree needs."""

    def node(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        start = (first % WIDTH) * HASH_SIZE
        end = start + (HASH_SIZE << height)
        tile = read(tile_level, first // WIDTH)
        if len(tile) < end:
            raise IntegrityError("a tile of the tree is missing or cut", where=tile_path(tile_level, first // WIDTH))
        return perfect_root(split_hashes(tile[start:end]))

    return node


def append_leaves(size: int, leaves: Sequence[bytes], read: TileReader) -> dict[TileId, bytes]:
    """The tiles that change, whole, when ``leaves`` follow a tree of ``size``."""
    changed: dict[TileId, bytes] = {}
    level, fresh = 0, list(leaves)
    while fresh:
        index, present = divmod(size >> (HEIGHT * level), WIDTH)
        tile = read(level, index) if present else b""
        if len(tile) != present * HASH_SIZE:
            raise IntegrityError("the last tile does not fit the size of the tree", where=tile_path(level, index))
        hashes, fresh = [*split_hashes(tile), *fresh], []
        for start in range(0, len(hashes), WIDTH):
            piece = hashes[start : start + WIDTH]
            changed[level, index + start // WIDTH] = b"".join(piece)
            if len(piece) == WIDTH:
                fresh.append(perfect_root(piece))
        level += 1
    return changed
