"""What was compiled is loaded again, and only by who compiled it."""

from __future__ import annotations

import errno
from pathlib import Path

import hyperscan
import pytest

from wardstead.adapters.compiled import CompiledFolder
from wardstead.inspection.patterns.scanning import Scanner

EXPRESSIONS = {1: "abc[0-9]{3}", 2: "def"}


class Counted(CompiledFolder):
    """Counts what had to be compiled."""

    puts = 0

    def put(self, name: str, data: bytes) -> None:
        self.puts += 1
        super().put(name, data)


def scanner(folder: Path, key: bytes = b"k" * 32, expressions: dict[int, str] | None = None) -> tuple[list[int], int]:
    kept = Counted(folder, key)
    found = Scanner(EXPRESSIONS if expressions is None else expressions, kept=kept).hits(b"xx abc123 def")
    return sorted(found), kept.puts


def test_what_was_compiled_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "compiled"
    assert scanner(folder) == ([1, 2], 1)
    assert scanner(folder) == ([1, 2], 0)
    assert scanner(folder, expressions={1: "abc"}) == ([1], 1)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}


def test_with_another_key_it_is_compiled_anew(tmp_path: Path) -> None:
    scanner(tmp_path)
    assert scanner(tmp_path, b"x" * 32) == ([1, 2], 1)


@pytest.mark.parametrize("at", [0, 31, 32, 100, -1])
def test_a_file_that_was_changed_is_compiled_anew(tmp_path: Path, at: int) -> None:
    scanner(tmp_path)
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    assert scanner(tmp_path) == ([1, 2], 1)
    assert scanner(tmp_path) == ([1, 2], 0)


def test_a_file_under_another_name_is_not_taken_for_it(tmp_path: Path) -> None:
    scanner(tmp_path, expressions={1: "nothing"})
    (file,) = tmp_path.iterdir()
    scanner(tmp_path)
    (other,) = set(tmp_path.iterdir()) - {file}
    other.write_bytes(file.read_bytes())
    assert scanner(tmp_path) == ([1, 2], 1)


def test_what_the_engine_refuses_is_compiled_anew(tmp_path: Path) -> None:
    scanner(tmp_path)
    (file,) = tmp_path.iterdir()
    kept = CompiledFolder(tmp_path, b"k" * 32)
    kept.put(file.name, b"of another version")
    with pytest.raises(hyperscan.error):
        hyperscan.loadb(b"of another version", hyperscan.HS_MODE_BLOCK)
    assert scanner(tmp_path) == ([1, 2], 1)


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert scanner(tmp_path / "file" / "compiled") == ([1, 2], 1)


def test_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardstead.adapters.compiled._MOST_FILES", 2)
    for number in range(5):
        scanner(tmp_path, expressions={1: f"abc{number}"})
    assert len(list(tmp_path.iterdir())) == 2


def test_what_could_not_be_written_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    CompiledFolder(tmp_path, b"k" * 32).put("name", b"data")
    assert list(tmp_path.iterdir()) == []
