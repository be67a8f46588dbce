"""The Merkle tree of RFC 6962 section 2.1, with the proofs and verification algorithms of RFC 9162 section 2.1.

Everything is a function of ``node``: where to get the hash of a perfect subtree from. ``node(level, index)`` covers the
leaves ``[index << level, (index + 1) << level)``; tiles or a cache can stand behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from wardstead.kernel.errors import IntegrityError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""(level, index) to the hash of that perfect subtree."""


def leaf_hash(data: bytes) -> bytes:
    """``SHA-256(0x00 || data)`` (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """``SHA-256(0x01 || left || right)`` (RFC 6962 section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def perfect_parts(start: int, end: int) -> list[tuple[int, int]]:
    """(level, index) of the largest perfect subtrees that cover ``[start, end)``, from left to right."""
    parts = []
    while start < end:
        fits = (end - start).bit_length() - 1
        level = min(fits, (start & -start).bit_length() - 1) if start else fits
        parts.append((level, start >> level))
        start += 1 << level
    return parts


def _range_root(start: int, end: int, node: Node) -> bytes:
    """The root over ``[start, end)``, whose start RFC 6962 keeps aligned: perfect subtrees, folded from the right."""
    parts = [node(*part) for part in perfect_parts(start, end)]
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def tree_root(size: int, node: Node) -> bytes:
    """The root of the tree of the first ``size`` leaves."""
    return _range_root(0, size, node) if size else EMPTY_ROOT


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """``PATH(index, D[size])`` of RFC 9162 section 2.1.3.1. Raises ``IntegrityError`` when the leaf is not in the tree."""
    if not 0 <= index < size:
        raise IntegrityError(f"leaf {index} is not in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """``PROOF(old, D[new])`` of RFC 9162 section 2.1.4.1; empty from the empty tree. Raises ``IntegrityError`` if it shrank."""
    if not 0 <= old <= new:
        raise IntegrityError(f"a tree of {new} does not extend one of {old}")
    if old == 0:
        return []
    start, end, path = 0, new, []
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    if start:
        path.append(_range_root(start, end, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2. Raises ``IntegrityError`` unless ``leaf`` stands at ``index`` of the tree with that root."""
    if not 0 <= index < size:
        raise IntegrityError(f"leaf {index} is not in a tree of {size}")
    _check_hashes(leaf, root, *proof)
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            raise IntegrityError("the inclusion proof is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = node_hash(r, p)
        fn >>= 1
        sn >>= 1
    if sn or r != root:
        raise IntegrityError("the inclusion proof does not lead to the root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """RFC 9162 section 2.1.4.2. Raises ``IntegrityError`` unless the new tree extends the old one.

    The RFC leaves ``old == 0`` and ``old == new`` to the caller; here both take the empty proof and nothing else.
    """
    if not 0 <= old <= new:
        raise IntegrityError(f"a tree of {new} does not extend one of {old}")
    _check_hashes(old_root, new_root, *proof)
    if old in (0, new):
        if proof or (old == new and old_root != new_root) or (old == 0 and old_root != EMPTY_ROOT):
            raise IntegrityError("the consistency proof does not fit an empty or unchanged tree")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise IntegrityError("the consistency proof is too short")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise IntegrityError("the consistency proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = node_hash(sr, c)
        fn >>= 1
        sn >>= 1
    if sn or fr != old_root or sr != new_root:
        raise IntegrityError("the consistency proof does not connect the two roots")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise IntegrityError("a proof holds something that is not a SHA-256 hash")


class Frontier:
    """The right edge of a growing tree: one hash per set bit of its size. Appends in O(1) amortised, root in O(log n)."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        """The empty tree."""
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self._peaks.pop(), carry)
            size >>= 1
        self._peaks.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root
