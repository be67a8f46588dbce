"""Only regular files are read, and never more than a limit."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from wardstead.bootstrap.reading import read_bounded, read_regular, read_text
from wardstead.kernel.errors import CallerError, ConfigurationError


def test_a_regular_file_is_read_up_to_the_limit_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", 5, CallerError) == b"12345"
    with pytest.raises(CallerError, match="too large") as caught:
        read_regular(tmp_path / "link", 4, CallerError)
    assert caught.value.where == str(tmp_path / "link")


def test_a_file_that_says_to_be_empty_and_is_not_is_bounded_too() -> None:
    with pytest.raises(CallerError, match="too large"):
        read_regular(Path("/proc/self/status"), 10, CallerError)
    assert read_bounded(io.BytesIO(b"12345"), "standard input", 5, CallerError) == b"12345"
    with pytest.raises(CallerError, match="too large") as caught:
        read_bounded(io.BytesIO(b"123456"), "standard input", 5, CallerError)
    assert caught.value.where == "standard input"


@pytest.mark.parametrize(("name", "kind"), [("pipe", "named pipe"), ("zero", "character device"), ("folder", "folder")])
def test_what_has_no_end_is_not_opened(tmp_path: Path, name: str, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigurationError, match=kind) as caught:
        read_text(tmp_path / name)
    assert str(tmp_path / name) in caught.value.where


def test_what_is_not_there_or_not_text_is_said_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_text(tmp_path / "none")
    (tmp_path / "file").write_bytes(b"a\r\nb\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8") as caught:
        read_text(tmp_path / "file")
    assert caught.value.why == "byte 4"
    (tmp_path / "file").write_bytes(b"a\r\nb\n")
    assert read_text(tmp_path / "file") == "a\nb\n"
