"""The Merkle tree against published vectors and against the RFC's definition, written out naively."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trees import node_of

from wardstead.crypto import merkle
from wardstead.kernel.errors import IntegrityError

# The reference tree of Certificate Transparency (RFC 6962): eight leaf inputs and the root of each prefix, as published in
# github.com/transparency-dev/merkle, testonly/constants.go (commit 582a6ad), originally google/certificate-transparency.
LEAF_INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(bytes.fromhex(text)) for text in LEAF_INPUTS]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word (over leaf hashes)."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def tree_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots_come_out(size: int) -> None:
    assert merkle.tree_root(size, node_of(LEAVES)).hex() == ROOTS[size]


@given(st.integers(0, 300))
def test_the_root_is_that_of_the_definition_and_of_the_frontier(size: int) -> None:
    leaves, frontier = tree_of(size), merkle.Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert merkle.tree_root(size, node_of(leaves)) == naive_root(leaves) == frontier.root()


@given(st.data())
def test_an_inclusion_proof_verifies_and_nothing_else_does(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 200))
    index = data.draw(st.integers(0, size - 1))
    leaves = tree_of(size)
    root = naive_root(leaves)
    proof = merkle.inclusion_proof(index, size, node_of(leaves))
    merkle.verify_inclusion(leaves[index], index, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index)) if size > 1 else size
    wrong = [
        (leaves[index], other, size, proof, root),
        (merkle.leaf_hash(b"another"), index, size, proof, root),
        (leaves[index], index, size, [*proof, root], root),
        (leaves[index], index, size, proof, merkle.EMPTY_ROOT),
        (leaves[index], size, size, proof, root),
        (leaves[index], -1, size, proof, root),
        (leaves[index], index, 0, proof, root),
    ]
    wrong += [(leaves[index], index, size, proof[:-1], root)] if proof else []
    for arguments in wrong:
        with pytest.raises(IntegrityError):
            merkle.verify_inclusion(*arguments)


@given(st.data())
def test_a_consistency_proof_verifies_and_nothing_else_does(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 200))
    old = data.draw(st.integers(1, new))
    leaves = tree_of(new)
    roots = naive_root(leaves[:old]), naive_root(leaves)
    proof = merkle.consistency_proof(old, new, node_of(leaves))
    merkle.verify_consistency(old, new, proof, *roots)
    forked = naive_root([merkle.leaf_hash(b"another"), *leaves[1:old]])
    wrong = [
        (old, new, proof, forked, roots[1]),
        (old, new, proof, roots[0], merkle.EMPTY_ROOT),
        (old, new, [*proof, roots[0]], *roots),
        (new + 1, new, proof, *roots),
        (-1, new, proof, *roots),
    ]
    wrong += [(old, new, proof[:-1], *roots), (old, new, [b"short", *proof[1:]], *roots)] if proof else []
    wrong += [(old, new, [], *roots)] if old < new else []
    for arguments in wrong:
        with pytest.raises(IntegrityError):
            merkle.verify_consistency(*arguments)


def test_every_pair_of_sizes_up_to_40_is_consistent() -> None:
    leaves = tree_of(40)
    for new in range(41):
        for old in range(new + 1):
            proof = merkle.consistency_proof(old, new, node_of(leaves))
            merkle.verify_consistency(old, new, proof, naive_root(leaves[:old]), naive_root(leaves[:new]))


def test_the_empty_tree_takes_the_empty_proof_alone() -> None:
    merkle.verify_consistency(0, 3, [], merkle.EMPTY_ROOT, naive_root(tree_of(3)))
    for proof, old_root in (([merkle.EMPTY_ROOT], merkle.EMPTY_ROOT), ([], naive_root(tree_of(1)))):
        with pytest.raises(IntegrityError):
            merkle.verify_consistency(0, 3, proof, old_root, naive_root(tree_of(3)))


def test_a_proof_of_a_leaf_that_is_not_there_is_not_made() -> None:
    with pytest.raises(IntegrityError):
        merkle.inclusion_proof(3, 3, node_of(tree_of(3)))
    with pytest.raises(IntegrityError):
        merkle.consistency_proof(4, 3, node_of(tree_of(3)))
