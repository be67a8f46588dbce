"""Merkle trees over leaves in memory."""

from __future__ import annotations

from collections.abc import Sequence

from wardstead.crypto.merkle import Node, perfect_root


def node_of(leaves: Sequence[bytes]) -> Node:
    """A ``node`` function over leaf hashes."""

    def node(level: int, index: int) -> bytes:
        return perfect_root(leaves[index << level : (index + 1) << level])

    return node
