"""Tiles hold the tree, however it was appended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trees import node_of

from wardstead.crypto.merkle import inclusion_proof, leaf_hash, tree_root, verify_inclusion
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.tiles import TileId, TileReader, append_leaves, node_from, tile_path

LEAVES = [leaf_hash(i.to_bytes(4, "big")) for i in range(1500)]


def reader(tiles: dict[TileId, bytes]) -> TileReader:
    return lambda level, index: tiles.get((level, index), b"")


def grown(cuts: list[int]) -> tuple[int, dict[TileId, bytes]]:
    tiles: dict[TileId, bytes] = {}
    size = 0
    for count in cuts:
        tiles.update(append_leaves(size, LEAVES[size : size + count], reader(tiles)))
        size += count
    return size, tiles


@given(st.lists(st.integers(0, 400), max_size=3))
def test_the_tree_does_not_depend_on_how_it_grew(cuts: list[int]) -> None:
    size, tiles = grown(cuts)
    assert tiles == grown([size])[1]
    node = node_from(reader(tiles))
    root = tree_root(size, node)
    assert root == tree_root(size, node_of(LEAVES[:size]))
    for index in {0, size // 2, size - 1} if size else ():
        verify_inclusion(LEAVES[index], index, size, inclusion_proof(index, size, node), root)


def test_a_missing_tile_is_named() -> None:
    _, tiles = grown([600])
    del tiles[0, 1]
    node = node_from(reader(tiles))
    with pytest.raises(IntegrityError, match="tile/0/001"):
        inclusion_proof(300, 600, node)
    with pytest.raises(IntegrityError, match="tile/0/002"):
        append_leaves(601, LEAVES[:1], reader(tiles))


def test_paths_are_those_of_the_specification() -> None:
    # c2sp.org/tlog-tiles: index 1234067 is encoded as x001/x234/067.
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(1, 0, 4) == "tile/1/000.p/4"
