"""What is hashed is what is served."""

from __future__ import annotations

import hashlib
import os
import threading
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


def test_a_file_that_is_swapped_in_a_tight_loop_is_served_as_admitted_or_not_at_all(tmp_path: Path) -> None:
    good, evil = b"good" * 50_000, b"evil" * 50_000
    file, fresh, stop = tmp_path / "w", tmp_path / "fresh", threading.Event()
    file.write_bytes(good)

    def swap() -> None:
        while not stop.is_set():
            for content in (evil, good):
                fresh.write_bytes(content)
                fresh.replace(file)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for take in (sealed_copy, held_file) * 50:
            try:
                fd = take(file, hashlib.sha256(good).hexdigest())
            except IntegrityError:
                continue
            assert os.pread(fd, len(good) + 1, 0) == good
            os.close(fd)
    finally:
        stop.set()
        swapping.join()
