"""Archives and compressed files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable
from typing import Final

from .reading import Path, Reading, name_of, unreadable
from .zip_input import Zip

_BLOCK: Final = 1 << 18
_OPEN: Final[dict[str, Callable[[io.BytesIO], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]]] = {
    "gz": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}


def read_zip(reading: Reading, archive: Zip, path: Path, depth: int) -> None:
    """Every file, what is written beside them, and their names."""
    reading.add(path, archive.comments, "archive comment", "comments of the archive")
    reading.add(path, "\n".join(name_of(name) for name in archive.names), "names", "names of the files")
    for name, data in archive.files():
        reading.inside(data, (*path, name_of(name)), depth)


def read_tar(reading: Reading, data: bytes, path: Path, depth: int) -> None:
    """Every regular file; links and devices are names only."""
    names = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for entry in archive:
                names.append(name_of(entry.name) + (f" -> {name_of(entry.linkname)}" if entry.linkname else ""))
                if not entry.isfile():
                    reading.member(path)
                    continue
                inner = (*path, name_of(entry.name))
                # A sparse file claims any size without holding it.
                reading.expanded(entry.size, 0 if entry.issparse() else entry.size, inner)
                file = archive.extractfile(entry)
                reading.inside(file.read() if file is not None else b"", inner, depth)
    except (tarfile.TarError, EOFError, ValueError, OSError, OverflowError) as error:
        raise unreadable(f"it is a broken tar archive ({type(error).__name__})", path) from None
    reading.add(path, "\n".join(names), "names", "names of the files")


def read_compressed(reading: Reading, data: bytes, path: Path, depth: int, kind: str) -> None:
    """A compressed file, or several after one another as these formats allow."""
    out = io.BytesIO()
    try:
        with _OPEN[kind](io.BytesIO(data)) as file:
            while block := file.read(_BLOCK):
                out.write(block)
                if out.tell() > reading.room():
                    break
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise unreadable(f"it cannot be unpacked ({type(error).__name__})", path) from None
    reading.expanded(out.tell(), len(data), path)
    reading.inside(out.getvalue(), (*path, _inner_name(path[-1], kind)), depth)


def _inner_name(name: str, kind: str) -> str:
    stem, dot, ending = name.rpartition(".")
    if dot and ending.lower() == "tgz":
        return f"{stem}.tar"
    return stem if dot and ending.lower() == kind else "content"
