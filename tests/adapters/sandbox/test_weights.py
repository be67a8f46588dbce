"""What is hashed is what is served."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from wardstead.adapters.artifacts import verity
from wardstead.adapters.sandbox.weights import held_file, sealed_copy
from wardstead.crypto.verity import VerityDigest
from wardstead.isolation.posture import Kept
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
        for take in (sealed_copy, lambda *given: held_file(*given).descriptor) * 50:
            try:
                fd = take(file, hashlib.sha256(good).hexdigest())
            except IntegrityError:
                continue
            assert os.pread(fd, len(good) + 1, 0) == good
            os.close(fd)
    finally:
        stop.set()
        swapping.join()


CONTENT = b"weights" * 1000


def by_verity(content: bytes) -> str:
    digest = VerityDigest()
    digest.update(content)
    return digest.hexdigest()


class Kernel:
    """Answers in the kernel's place, of one file. ``turned``: what it read, once it is asked to keep the file."""

    def __init__(self, measured: str = "", refuses: str = "", turned: str = "") -> None:
        self.digest, self.refuses, self.turned = measured, refuses, turned

    def measured(self, _file: object) -> str:
        return self.digest

    def make_unchangeable(self, _file: object) -> str:
        self.digest = self.digest if self.refuses else self.turned
        return self.refuses


def held_by(kernel: Kernel, file: Path, monkeypatch: pytest.MonkeyPatch, *, expected: bytes = CONTENT) -> tuple[Kept, str]:
    monkeypatch.setattr(verity, "measured", kernel.measured)
    monkeypatch.setattr(verity, "make_unchangeable", kernel.make_unchangeable)
    held = held_file(file, hashlib.sha256(expected).hexdigest(), by_verity(expected))
    os.close(held.descriptor)
    return held.kept, held.why


@pytest.fixture
def file(tmp_path: Path) -> Path:
    one = tmp_path / "w"
    one.write_bytes(CONTENT)
    return one


def test_a_file_that_is_not_kept_yet_is_from_now_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert held_by(Kernel(turned=by_verity(CONTENT)), file, monkeypatch) == (Kept.VERITY, "")


def test_a_file_that_changed_between_our_look_and_the_kernels_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IntegrityError):
        held_by(Kernel(turned=by_verity(b"evil")), file, monkeypatch)


def test_where_the_kernel_keeps_it_nothing_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"what the kernel would not give out")
    assert held_by(Kernel(measured=by_verity(CONTENT)), file, monkeypatch) == (Kept.VERITY, "")


def test_another_file_that_the_kernel_keeps_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"evil")
    with pytest.raises(IntegrityError):
        held_by(Kernel(measured=by_verity(b"evil"), turned=by_verity(b"evil")), file, monkeypatch)


def test_without_fs_verity_it_is_hashed_and_said_why(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert held_by(Kernel(refuses="there is none"), file, monkeypatch) == (Kept.HASHED, "there is none")


def test_an_admission_without_a_digest_by_fs_verity_asks_the_kernel_nothing(file: Path) -> None:
    held = held_file(file, hashlib.sha256(CONTENT).hexdigest())
    os.close(held.descriptor)
    assert held.kept is Kept.HASHED
    assert "add it anew" in held.why
    file.write_bytes(b"still ours to change")


def test_this_kernel_keeps_a_file_or_says_why_not(file: Path) -> None:
    expected = hashlib.sha256(CONTENT).hexdigest()
    held = held_file(file, expected, by_verity(CONTENT))
    os.close(held.descriptor)
    if held.kept is Kept.HASHED:
        assert "fs-verity" in held.why
        return
    with pytest.raises(PermissionError):
        file.write_bytes(b"evil")
    again = held_file(file, "no digest of anything", by_verity(CONTENT))
    os.close(again.descriptor)
    assert again.kept is Kept.VERITY
