"""What a Go program says of itself: the module that it was built from, and those that are compiled into it.

Source: the Go sources' debug/buildinfo (an inline header since Go 1.18) and runtime/debug.ParseBuildInfo.
"""

from __future__ import annotations

import re
from typing import Final

from wardstead.supply.packages.package import Package
from wardstead.supply.ports import Malformed

MAGIC: Final = b"\xff Go buildinf:"
_HEADER: Final = 32
_INLINE: Final = 2
_SENTINEL: Final = 16
_LONGEST: Final = 4 << 20
_VERSION_FLAG: Final = re.compile(r"-X[ =']*\S*version\.Version=v?([0-9][0-9A-Za-z.+-]*)")
_RELEASE: Final = re.compile(r"go(\d+\.\d+(?:\.\d+)?)")


def modules(block: bytes, file: str) -> list[Package]:
    """The modules of the program whose build information begins at ``block``. Raises ``Malformed``."""
    if not block.startswith(MAGIC) or len(block) < _HEADER:
        raise Malformed("no build information of Go")
    if not block[15] & _INLINE:
        raise Malformed("it was built by a Go of before 1.18, whose build information is not read")
    compiler, at = _string(block, _HEADER)
    listed, _ = _string(block, at)
    text = listed[_SENTINEL:-_SENTINEL].decode("utf-8", "replace")
    found = (
        [Package("Go", "stdlib", release[1], file)] if (release := _RELEASE.match(compiler.decode("ascii", "replace"))) else []
    )
    return found + _listed(text, file)


def _listed(text: str, file: str) -> list[Package]:
    """``mod``, ``dep`` and ``=>`` (what replaces the one before), each with path and version."""
    found: list[Package] = []
    said = _VERSION_FLAG.search(text)
    for line in text.splitlines():
        kind, *rest = line.split("\t")
        if kind not in ("mod", "dep", "=>") or len(rest) < 2:
            continue
        name, version = rest[0], rest[1].removeprefix("v")
        if (kind == "mod" and version.startswith("(devel)")) or (kind == "mod" and not version):
            version = said[1] if said is not None else ""
        if kind == "=>" and found:
            found.pop()
        found.append(Package("Go", name, version, file))
    return found


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """A length as a varint, and as many bytes."""
    length = shift = 0
    while True:
        if at >= len(block) or shift > 28:
            raise Malformed("its build information ends too early")
        byte = block[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    if length > _LONGEST or at + length > len(block):
        raise Malformed("its build information is longer than there is")
    return block[at : at + length], at + length
