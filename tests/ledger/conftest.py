"""A key ring in memory."""

from __future__ import annotations

import os

import pytest

from wardstead.crypto.keyring import KeyEncryptionKey, KeyRing, SubjectKey, new_kek
from wardstead.crypto.roots import only

ROOT = bytes(range(32))


class _Memory:
    def __init__(self) -> None:
        self._kek = new_kek(ROOT, 1, os.urandom)
        self._keys: dict[str, SubjectKey] = {}

    def current_kek(self) -> KeyEncryptionKey:
        return self._kek

    def kek(self, epoch: int) -> KeyEncryptionKey:
        return self._kek

    def find(self, subject: str) -> SubjectKey | None:
        return self._keys.get(subject)

    def add(self, key: SubjectKey) -> SubjectKey:
        return self._keys.setdefault(key.subject, key)

    def reserve(self, uses: int, most: int) -> int:
        return 0

    def era(self) -> int:
        return 0


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(only(ROOT), _Memory(), os.urandom)
