"""Tar archives by the standard library, with an end to what they may make it unpack, list or keep."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Self

from wardstead.supply.ports import Malformed

_LEAST_UNPACKED: Final = 4 << 30
_RATIO: Final = 100
"""Layers of images unpack to two to five times what they are."""
_MOST_MEMBERS: Final = 4_000_000
_LONGEST_NOTE: Final = 1 << 20
_NOTES: Final = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)
"""What the library reads into memory as a whole, whatever its header says of its size."""


class Allowance:
    """What is left of what one image may take: all its layers together."""

    def __init__(self, packed_bytes: int) -> None:
        """``packed_bytes``: how large it is."""
        self._most = max(_LEAST_UNPACKED, packed_bytes * _RATIO)
        self._bytes = self._most
        self._members = _MOST_MEMBERS

    def take(self, size: int, members: int = 0) -> None:
        """Raises ``Malformed`` where it is more than is left."""
        self._bytes -= size
        self._members -= members
        if self._bytes < 0:
            raise Malformed(f"it unpacks to more than {self._most:,} bytes, {_RATIO} times what it is", rule="bomb")
        if self._members < 0:
            raise Malformed(f"it holds more than {_MOST_MEMBERS:,} files", rule="bomb")


class _Header(tarfile.TarInfo):
    """One that makes nobody read without end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As the library has it. Raises ``Malformed`` for what it would take into memory, however long that is."""
        made = super().frombuf(buf, encoding, errors)
        if made.type in _NOTES and made.size > _LONGEST_NOTE:
            raise Malformed(f"a header is longer than {_LONGEST_NOTE:,} bytes", rule="bomb")
        if made.type == tarfile.GNUTYPE_SPARSE:
            raise Malformed("a file with holes of the older kind is in it, which is not read")
        return made


def is_tar(path: Path) -> bool:
    """Whether it is an archive, be it one that cannot be read to its end. Raises ``OSError``."""
    try:
        opened(path=path).close()
    except (RecursionError, Malformed):
        return True  # which is said when it is read
    except (tarfile.TarError, EOFError):
        return False
    return True


def opened(*, path: Path | None = None, file: IO[bytes] | None = None) -> tarfile.TarFile:
    """The archive at a path, or in an open file. Raises what ``tarfile.open`` does, and ``Malformed``."""
    return tarfile.open(path, fileobj=file, tarinfo=_Header)


def members(files: tarfile.TarFile, allowance: Allowance) -> Iterator[tarfile.TarInfo]:
    """Each member, before what follows it is unpacked. Raises ``Malformed``."""
    at = 0
    for one in files:
        allowance.take(files.offset - at, members=1)
        at = files.offset
        yield one
