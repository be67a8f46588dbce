"""fs-verity's digest, against what its own tool says: ``fsverity digest --compact`` of fsverity-utils 1.5."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.crypto.verity import VerityDigest

VECTORS = {
    0: "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95",
    1: "b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551",
    4_095: "5f4953aad672b0188023d6cd6fbce9d09508eb7dad165b6298ce0086bc1e72db",
    4_096: "13e9b8848ae484a36acb3f3cac0ceb2f7601e96633d15c92f9bd3dd44e492157",
    4_097: "b0d074abef4d544404facfab6ba242f6a8ccbde90f1325cd286f3c8aa8d0f8aa",
    524_288: "d82861203d50ae9b60948504a704f35f5118bd229aeb1a22d6dae47b1767c4c4",
    524_289: "4dc6905041c9c4ee73e13b53f63f5d289c46da359b664a965ead7f8cc4d799d4",
    532_480: "e060417b6c739360b5984d8c8348eb4be79289f29fc035df2b1fb7f9aba10292",
    67_108_864: "196650e8bd05f8516c0ede56deeb4d1ff2be9809dc2d827261db4a7773957567",
    67_108_865: "acba6554fbff4e8b2fc0361086b9e8ed6afbbd3196ade159c0f3e2bf9ecb2ed1",
}


def content(size: int) -> bytes:
    """0, 1, … 250, 0, 1, …"""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def digest(*pieces: bytes) -> str:
    found = VerityDigest()
    for one in pieces:
        found.update(one)
    return found.hexdigest()


@pytest.mark.parametrize("size", VECTORS)
def test_it_is_what_the_tool_says(size: int) -> None:
    assert digest(content(size)) == VECTORS[size]


@given(st.lists(st.integers(0, 4096 * 130), max_size=8))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    whole = content(4096 * 130)
    edges = [0, *sorted(cuts), len(whole)]
    assert digest(*(whole[start:end] for start, end in pairwise(edges))) == VECTORS[len(whole)]
