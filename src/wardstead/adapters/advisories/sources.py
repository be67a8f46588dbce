"""Where advisories come from: archives and folders of records, read one record at a time."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, NamedTuple

from wardstead.supply.ports import Malformed

_MOST: Final = 2_000_000
_LONGEST: Final = 16 << 20
_UNPACKED: Final = 1 << 30


class Record(NamedTuple):
    """One file: its name, its folder's, its bytes, and the day that it bears."""

    name: str
    folder: str
    content: bytes
    day: date


def records(path: Path) -> Iterator[Record]:
    """The ``.json`` and ``.yaml`` files of a ZIP archive, or of a folder and all below it. Raises ``Malformed``, ``OSError``."""
    yield from _in_folder(path) if path.is_dir() else _in_archive(path)


def _in_archive(path: Path) -> Iterator[Record]:
    try:
        with zipfile.ZipFile(path) as archive:
            for number, one in enumerate(archive.infolist()):
                if number >= _MOST:
                    raise Malformed(f"it holds more than {_MOST:,} records")
                if one.is_dir() or not one.filename.endswith((".json", ".yaml", ".yml")):
                    continue
                with archive.open(one) as file:
                    content = file.read(_LONGEST + 1)
                yield _record(one.filename, content, _day(one))
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Malformed(f"it is no ZIP archive that can be read: {error}") from None


def _day(one: zipfile.ZipInfo) -> date:
    try:
        return date(*one.date_time[:3])
    except ValueError:
        return date(1980, 1, 1)


def _in_folder(path: Path) -> Iterator[Record]:
    for at, folders, names in os.walk(path, onerror=_refuse):
        folders.sort()
        for name in sorted(one for one in names if one.endswith((".json", ".yaml", ".yml"))):
            file = Path(at, name)
            if not file.is_file() or file.is_symlink():
                continue
            with file.open("rb") as opened:
                content = opened.read(_LONGEST + 1)
            day = datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
            yield _record(file.relative_to(path).as_posix(), content, day, folder=Path(at).name)


def _record(name: str, content: bytes, day: date, *, folder: str = "") -> Record:
    if len(content) > _LONGEST:
        raise Malformed(f"{name} is longer than {_LONGEST:,} bytes")
    return Record(name, folder or (name.split("/")[-2] if "/" in name else ""), content, day)


def _refuse(error: OSError) -> None:
    raise error


def content(path: Path) -> bytes:
    """A file's bytes, unpacked where it is compressed by gzip. Raises ``Malformed`` and ``OSError``."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as opened:
            found = opened.read(_UNPACKED + 1)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Malformed(f"it cannot be unpacked: {error}") from None
    if len(found) > _UNPACKED:
        raise Malformed(f"it is longer than {_UNPACKED:,} bytes")
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file; empty for a folder."""
    if path.is_dir():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
