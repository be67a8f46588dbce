"""The verifier against the probes of transparency-dev/merkle: proofs that hold, and every corruption of them that they name.

Facts from github.com/transparency-dev/merkle, proof/verify_test.go (commit 02194e9): which leaves and sizes, the hashes of the
proofs, and the list of corruptions. Leaves there count from 1, here from 0. Where ours is stricter, it says so.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.crypto.test_merkle import LEAVES, ROOTS
from tests.trees import node_of

from wardstead.crypto import merkle
from wardstead.kernel.errors import IntegrityError

SOME = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")
EMPTY = merkle.EMPTY_ROOT
A, B, C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
D, E, F = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
)
G = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = [
    (0, 1, []),
    (0, 8, [A, B, C]),
    (5, 8, [D, E, F]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", B, D]),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, [A, B, C]),
    (6, 8, [G, E, F]),
    (2, 5, [B, D]),
    (6, 7, [G, "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f", F]),
]

Proof = list[bytes]


def root(size: int) -> bytes:
    return bytes.fromhex(ROOTS[size])


def flipped(proof: Proof, bit: int) -> Iterator[Proof]:
    for number, one in enumerate(proof):
        yield [*proof[:number], bytes([one[0] ^ bit]) + one[1:], *proof[number + 1 :]]


@pytest.mark.parametrize(("index", "size", "hashes"), INCLUSION)
def test_the_published_inclusion_proofs_are_made_and_verify(index: int, size: int, hashes: list[str]) -> None:
    proof = [bytes.fromhex(one) for one in hashes]
    assert merkle.inclusion_proof(index, size, node_of(LEAVES)) == proof
    merkle.verify_inclusion(LEAVES[index], index, size, proof, root(size))


@pytest.mark.parametrize(("index", "size", "hashes"), INCLUSION)
def test_no_corruption_of_a_published_inclusion_proof_verifies(index: int, size: int, hashes: list[str]) -> None:
    proof, leaf, top = [bytes.fromhex(one) for one in hashes], LEAVES[index], root(size)
    wrong = [
        (leaf, index - 1, size, proof, top),
        (leaf, index + 1, size, proof, top),
        (leaf, index ^ 2, size, proof, top),
        (leaf, index, size * 2, proof, top),
        (leaf, index, size // 2, proof, top),
        (b"WrongLeaf", index, size, proof, top),
        (leaf, index, size, proof, EMPTY),
        (leaf, index, size, proof, SOME),
        *((leaf, index, size, [*proof, extra], top) for extra in (b"", top)),
        *((leaf, index, size, [extra, *proof], top) for extra in (b"", top)),
        *((leaf, index, size, one, top) for one in flipped(proof, 8)),
    ]
    wrong += [(leaf, index, size, proof[:-1], top)] if proof else []
    wrong += [(leaf, index, size, [proof[0], SOME, *proof[1:]], top)] if len(proof) > 1 else []
    for arguments in wrong:
        with pytest.raises(IntegrityError):
            merkle.verify_inclusion(*arguments)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (0, 1), (1, 0), (2, 1)])
@pytest.mark.parametrize(("leaf", "top"), [(SOME, b""), (b"", EMPTY), (SOME, EMPTY), (b"", b"")])
def test_nothing_is_in_an_empty_or_another_tree(index: int, size: int, leaf: bytes, top: bytes) -> None:
    with pytest.raises(IntegrityError):
        merkle.verify_inclusion(leaf, index, size, [], top)


@pytest.mark.parametrize(("old", "new", "hashes"), CONSISTENCY)
def test_the_published_consistency_proofs_are_made_and_verify(old: int, new: int, hashes: list[str]) -> None:
    proof = [bytes.fromhex(one) for one in hashes]
    assert merkle.consistency_proof(old, new, node_of(LEAVES)) == proof
    merkle.verify_consistency(old, new, proof, root(old), root(new))


@pytest.mark.parametrize(("old", "new", "hashes"), CONSISTENCY[1:])
def test_no_corruption_of_a_published_consistency_proof_verifies(old: int, new: int, hashes: list[str]) -> None:
    proof, first, second = [bytes.fromhex(one) for one in hashes], root(old), root(new)
    wrong = [
        (old - 1, new, proof, first, second),
        (old + 1, new, proof, first, second),
        (old ^ 2, new, proof, first, second),
        (old, new * 2, proof, first, second),
        (old, new // 2, proof, first, second),
        (old, new, proof, b"WrongRoot", second),
        (old, new, proof, first, b"WrongRoot"),
        (old, new, proof, second, first),
        (old, new, [], first, second),
        *((old, new, [*proof, extra], first, second) for extra in (b"", first, second)),
        *((old, new, [extra, *proof], first, second) for extra in (b"", first, second, proof[0])),
        (old, new, proof[:-1], first, second),
        *((old, new, one, first, second) for one in flipped(proof, 16)),
    ]
    for arguments in wrong:
        with pytest.raises(IntegrityError):
            merkle.verify_consistency(*arguments)


@pytest.mark.parametrize(
    ("old", "new", "first", "second", "proof"),
    [
        (0, 0, SOME, EMPTY, []),
        (1, 1, SOME, EMPTY, []),
        (1, 0, SOME, EMPTY, []),
        (2, 1, SOME, EMPTY, []),
        (1, 2, SOME, EMPTY, []),
        (0, 0, EMPTY, SOME, []),
        (1, 1, EMPTY, SOME, []),
        (0, 0, EMPTY, EMPTY, [EMPTY]),
        (0, 1, EMPTY, EMPTY, [EMPTY]),
        (1, 1, EMPTY, EMPTY, [EMPTY]),
        (0, 1, SOME, EMPTY, []),  # stricter than there: the root of the empty tree is known
    ],
)
def test_trivial_pairs_take_no_wrong_root_and_no_proof(old: int, new: int, first: bytes, second: bytes, proof: Proof) -> None:
    with pytest.raises(IntegrityError):
        merkle.verify_consistency(old, new, proof, first, second)
