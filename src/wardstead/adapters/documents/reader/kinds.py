"""Which reader reads what. Each is imported for the document that needs it: a process reads one."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from .reading import Path, Problem, Reading, encrypted, too_large, unreadable, unsupported
from .sniffing import contradiction, sniff

if TYPE_CHECKING:
    from .zip_input import Zip

_READERS = {
    "pdf": ("pdf", "read"), "html": ("html", "read"), "eml": ("mail", "read_eml"), "ole": ("mail", "read_ole"),
    "rtf": ("rtf", "read"), "text": ("plain", "read"), "tar": ("archives", "read_tar"),
}  # fmt: skip
"""Module and function for each kind."""
_OFFICE = {"document": "docx", "workbook": "xlsx", "presentation": "pptx"}
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, struct.error)
"""What the libraries raise over a file that is not as they expect it: bugs of theirs, for us a broken file."""
_NEXT_STEPS = {
    "image": "Send its text, or a description",
    "7z archive": "Pack it anew as zip", "rar archive": "Pack it anew as zip", "zstd archive": "Pack it anew as gzip or zip",
}  # fmt: skip


def read(reading: Reading, data: bytes, path: Path, depth: int) -> str:
    """Read a document and all that is inside it; what it is. Raises ``Problem``.

    Inside another document, what there is no reader for gives a warning: nothing of it goes on.
    """
    kind = sniff(data, path[-1])
    if not data:
        return "empty"
    try:
        kind = _read(reading, kind, data, path, depth)
    except Problem as problem:
        if problem.code != "unsupported" or depth == 0:
            raise
        reading.warn(path, f"it was not read: {problem.what}")
    except _BROKEN as error:
        raise unreadable(f"it is broken ({type(error).__name__})", path) from None
    except (RecursionError, MemoryError):
        raise too_large("it nests too deeply, or needs too much memory", path) from None
    said = contradiction(kind, path[-1])
    if said:
        reading.warn(path, said)
    if kind not in {"zip", "docx", "xlsx", "pptx", "odf", "epub"} and b"PK\x05\x06" in data[-65557:]:
        reading.warn(path, "it is a zip archive as well, which was not read")
    return kind


def _read(reading: Reading, kind: str, data: bytes, path: Path, depth: int) -> str:
    if kind == "zip":
        return _read_zip(reading, data, path, depth)
    if kind in {"gz", "bz2", "xz"}:
        from . import archives

        archives.read_compressed(reading, data, path, depth, kind)
    elif kind in _READERS:
        _reader(*_READERS[kind])(reading, data, path, depth)
        return "msg" if kind == "ole" else kind
    else:
        what = "images are not read" if kind == "image" else f"there is no reader for it ({kind})"
        raise unsupported(what, path, _NEXT_STEPS.get(kind, "Send it as text, PDF or a current Office file"))
    return kind


def _reader(module: str, function: str = "read") -> Callable[..., None]:
    found: Callable[..., None] = getattr(importlib.import_module(f".{module}", __package__), function)
    return found


def _read_zip(reading: Reading, data: bytes, path: Path, depth: int) -> str:
    from .zip_input import Zip

    archive = Zip(reading, data, path)
    mimetype = archive.read("mimetype").strip() if archive.has("mimetype") else b""
    if mimetype:
        archive.require_unique_names()
    if mimetype == b"application/epub+zip":
        if archive.has("META-INF/encryption.xml") and archive.has("META-INF/rights.xml"):
            raise encrypted(path)
        _reader("epub")(reading, archive, path, depth)
        return "epub"
    if mimetype.startswith(b"application/vnd.oasis.opendocument"):
        _read_odf(reading, archive, path, depth)
        return "odf"
    if archive.find("[Content_Types].xml"):
        from .ooxml import main_part

        archive.require_unique_names()
        main, root = main_part(archive, path)
        if root in _OFFICE:
            _reader(_OFFICE[root])(reading, archive, path, depth, main)
            return _OFFICE[root]
    _reader("archives", "read_zip")(reading, archive, path, depth)
    return "zip"


def _read_odf(reading: Reading, archive: Zip, path: Path, depth: int) -> None:
    from . import odf

    manifest = "META-INF/manifest.xml"
    if archive.has(manifest) and odf.encrypted(archive.read(manifest), path):
        raise encrypted(path)
    odf.read(reading, archive, path, depth)
