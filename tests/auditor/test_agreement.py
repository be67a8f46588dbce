"""Four implementations agree on every proof: the product's, the witness's, the verifier's, and the RFC written out."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.auditor.reference import Tree
from tests.trees import node_of

from wardstead.auditor import verify, witness
from wardstead.crypto import merkle
from wardstead.ledger.tiles import TileId, append_leaves, node_from

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
LARGE = 1_000_000 if DEEP else 3_000


def leaves_of(size: int, seed: int) -> list[bytes]:
    drawn = random.Random(seed)
    return [drawn.randbytes(32) for _ in range(size)]


def agree_on_inclusion(tree: Tree, node: merkle.Node, index: int, size: int) -> None:
    root, proof = tree.mth(0, size), tree.path(index, 0, size)
    assert merkle.tree_root(size, node) == root
    assert merkle.inclusion_proof(index, size, node) == proof
    merkle.verify_inclusion(tree.leaves[index], index, size, proof, root)
    assert verify.root_by_path(tree.leaves[index], index, size, proof) == root


def agree_on_consistency(tree: Tree, node: merkle.Node, old: int, new: int) -> None:
    roots, proof = (tree.mth(0, old), tree.mth(0, new)), tree.proof(old, new)
    assert merkle.consistency_proof(old, new, node) == proof
    merkle.verify_consistency(old, new, proof, *roots)
    assert witness.extends(old, roots[0], new, roots[1], proof)
    if old:
        assert verify.roots_by_proof(old, new, roots[0], proof) == roots


def agree_on_slices(tree: Tree, node: merkle.Node, first: int, stop: int, size: int) -> None:
    forest = verify.Forest()
    ours = [merkle.perfect_parts(0, first), [(0, one) for one in range(first, stop)], merkle.perfect_parts(stop, size)]
    assert [level for level, _ in ours[0]] == verify.heights(0, first)
    assert [level for level, _ in ours[2]] == verify.heights(stop, size)
    for parts in ours:
        for level, index in parts:
            forest.add(level, node(level, index))
    assert forest.size == size
    assert forest.root() == tree.mth(0, size)


@given(st.data())
def test_they_agree_on_random_trees(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    leaves = leaves_of(size, data.draw(st.integers(0, 9)))
    tree, node = Tree(leaves), node_of(leaves)
    agree_on_inclusion(tree, node, data.draw(st.integers(0, size - 1)), size)
    old = data.draw(st.integers(0, size))
    agree_on_consistency(tree, node, old, size)
    agree_on_slices(tree, node, old, data.draw(st.integers(old, size)), size)


def test_they_agree_on_a_large_tree_that_is_kept_in_tiles() -> None:
    leaves = leaves_of(LARGE, 1)
    tiles: dict[TileId, bytes] = {}
    read = lambda level, index: tiles.get((level, index), b"")  # noqa: E731
    for start in range(0, LARGE, 1000):
        tiles.update(append_leaves(start, leaves[start : start + 1000], read))
    tree, node, drawn = Tree(leaves), node_from(read), random.Random(2)
    for _ in range(300 if DEEP else 50):
        old, new = sorted(drawn.sample(range(1, LARGE + 1), 2))
        agree_on_inclusion(tree, node, drawn.randrange(new), new)
        agree_on_consistency(tree, node, old, new)
        stop = min(new, old + drawn.randrange(300))
        agree_on_slices(tree, node, old, stop, new)
    agree_on_inclusion(tree, node, LARGE - 1, LARGE)


@pytest.mark.parametrize("size", range(1, 34))
def test_no_other_path_of_any_length_leads_to_the_root(size: int) -> None:
    leaves = leaves_of(size, 3)
    tree = Tree(leaves)
    for index in range(size):
        path = tree.path(index, 0, size)
        for wrong in (path[:-1] if path else [bytes(32)], [*path, bytes(32)], [bytes(32), *path]):
            with pytest.raises(verify.Malformed):
                verify.root_by_path(leaves[index], index, size, wrong)
