"""What is hashed is what is served."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from wardstead.adapters.sandbox.weights import held_file, sealed_copy
from wardstead.kernel.errors import IntegrityError


def test_a_sealed_copy_cannot_be_changed_by_anybody(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_bytes(b"weights")
    fd = sealed_copy(file, hashlib.sha256(b"weights").hexdigest())
    try:
        file.write_bytes(b"others")
        assert os.read(fd, 100) == b"weights"
        with pytest.raises(PermissionError):
            os.pwrite(fd, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_bytes(b"tampered")
    expected = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(IntegrityError):
        sealed_copy(file, expected)
    with pytest.raises(IntegrityError):
        held_file(file, expected)
