"""Zip files from strangers: no entry is unpacked before it is bounded, and no byte of the archive serves two entries."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from .reading import Path, Reading, encrypted, name_of, too_large, unreadable, unsupported

_BLOCK = 1 << 18
_LOCAL_HEADER = 30


class Zip:
    """An archive whose directory was checked."""

    def __init__(self, reading: Reading, data: bytes, path: Path) -> None:
        """Raises ``Problem``."""
        self._reading, self._path = reading, path
        try:
            self._file = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OverflowError, UnicodeError, NotImplementedError) as error:
            raise unreadable(f"its zip directory is broken ({type(error).__name__})", path) from None
        self.entries = [one for one in self._file.infolist() if not one.is_dir()]
        if len(self.entries) > reading.limits.members:
            raise too_large(f"it holds more than {reading.limits.members} files", path)
        self._by_name = {one.filename: one for one in self.entries}
        self._check()

    def _check(self) -> None:
        # Overlapping entries (Fifield, "A better zip bomb", WOOT 2019) let a few bytes unpack a thousand times.
        end = 0
        for one in sorted(self.entries, key=lambda one: one.header_offset):
            if one.header_offset < end:
                raise too_large("its entries overlap: the same bytes would be unpacked several times", self._path)
            end = one.header_offset + _LOCAL_HEADER + one.compress_size
        if sum(one.file_size for one in self.entries) > self._reading.limits.expanded:
            raise too_large(f"it unpacks to more than {self._reading.limits.expanded} bytes", self._path)

    @property
    def comments(self) -> str:
        """What is written beside the files."""
        found = [self._file.comment, *(one.comment for one in self.entries)]
        return "\n".join(one.decode("utf-8", "replace") for one in found if one.strip())

    @property
    def names(self) -> list[str]:
        """The entries' names, in the order of the directory."""
        return list(self._by_name)

    def require_unique_names(self) -> None:
        """Raises ``Problem`` where two entries share a name: programs disagree on which of them counts (ECMA-376-2, 6.2.2)."""
        if len({one.filename.casefold() for one in self.entries}) != len(self.entries):
            raise unreadable("two of its parts have the same name", self._path)

    def find(self, name: str) -> str:
        """The name of the entry that programs take for ``name``: case does not count (ECMA-376-2, 6.2.2). Empty: none."""
        if name in self._by_name:
            return name
        return next((one for one in self._by_name if one.casefold() == name.casefold()), "")

    def has(self, name: str) -> bool:
        """Whether there is such an entry."""
        return name in self._by_name

    def read(self, name: str) -> bytes:
        """An entry's bytes. Raises ``Problem``: too many, encrypted, broken."""
        return self._read(self._by_name[name])

    def _read(self, entry: zipfile.ZipInfo) -> bytes:
        path = (*self._path, name_of(entry.filename))
        if entry.flag_bits & 0x1:
            raise encrypted(path)
        out = io.BytesIO()
        try:
            with self._file.open(entry) as file:
                while block := file.read(_BLOCK):
                    out.write(block)
                    if out.tell() > self._reading.room():
                        break
        except NotImplementedError:
            raise unsupported("its compression is not known", path, "Pack it anew as an ordinary zip file") from None
        except (zipfile.BadZipFile, EOFError, ValueError, OSError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
            raise unreadable(f"it cannot be unpacked ({type(error).__name__})", path) from None
        self._reading.expanded(out.tell(), entry.compress_size, path)
        return out.getvalue()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every entry's name and bytes, one at a time; of two with the same name, both."""
        for entry in self.entries:
            yield entry.filename, self._read(entry)
