"""A package's header in RPM's database: tags, each with where its value lies.

Source: the RPM sources' header format (an index of 16-byte entries, then the data, both big-endian).
"""

from __future__ import annotations

import struct
from typing import Final

from wardstead.supply.packages.package import Package
from wardstead.supply.ports import Malformed

_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_MOST: Final = 1 << 16


def package(blob: bytes, file: str, ecosystem: str) -> Package:
    """The package that a header describes, in the form ``epoch:version-release``. Raises ``Malformed``."""
    try:
        count, size = struct.unpack_from(">II", blob)
        if count > _MOST or len(blob) < 8 + 16 * count + size:
            raise Malformed("a package's header is shorter than it says")
        data, tags = 8 + 16 * count, {}
        for at in range(8, data, 16):
            tag, _, offset, _ = struct.unpack_from(">IIII", blob, at)
            tags[tag] = data + offset
        name, version, release = (_string(blob, tags[one]) for one in (_NAME, _VERSION, _RELEASE))
        epoch = f"{struct.unpack_from('>I', blob, tags[_EPOCH])[0]}:" if _EPOCH in tags else ""
    except (struct.error, KeyError, ValueError):
        raise Malformed("a package's header cannot be read") from None
    return Package(ecosystem, name, f"{epoch}{version}-{release}", file)


def _string(blob: bytes, at: int) -> str:
    return blob[at : blob.index(b"\0", at)].decode()
