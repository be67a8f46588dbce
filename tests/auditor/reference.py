"""RFC 6962 section 2.1 written out: what the others are held against. Slow, recursive, and nothing is shared with them."""

from __future__ import annotations

import hashlib
from functools import cached_property, lru_cache


def half(n: int) -> int:
    """The largest power of two smaller than ``n``."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Tree:
    """A tree over leaf hashes."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.mth = lru_cache(maxsize=None)(self._mth)

    @cached_property
    def size(self) -> int:
        return len(self.leaves)

    def _mth(self, start: int, end: int) -> bytes:
        if start == end:
            return hashlib.sha256().digest()
        if end - start == 1:
            return self.leaves[start]
        k = start + half(end - start)
        return hashlib.sha256(b"\x01" + self.mth(start, k) + self.mth(k, end)).digest()

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        """PATH(m, D[start:end]), ``m`` counted from ``start``."""
        if end - start == 1:
            return []
        k = half(end - start)
        if m < k:
            return [*self.path(m, start, start + k), self.mth(start + k, end)]
        return [*self.path(m - k, start + k, end), self.mth(start, start + k)]

    def proof(self, m: int, n: int) -> list[bytes]:
        """PROOF(m, D[n])."""
        return self.subproof(m, 0, n, known=True) if m > 0 else []

    def subproof(self, m: int, start: int, end: int, *, known: bool) -> list[bytes]:
        """SUBPROOF(m, D[start:end], b)."""
        n = end - start
        if m == n:
            return [] if known else [self.mth(start, end)]
        k = half(n)
        if m <= k:
            return [*self.subproof(m, start, start + k, known=known), self.mth(start + k, end)]
        return [*self.subproof(m - k, start + k, end, known=False), self.mth(start, start + k)]
