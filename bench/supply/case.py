"""One example: a file or a folder, and whether it should be refused."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """``files`` by name. ``links``: names and where these symbolic links lead. ``rules``: which of the scanner's it breaks."""

    family: str
    name: str
    harmful: bool
    files: dict[str, bytes]
    links: tuple[tuple[str, str], ...] = ()
    rules: frozenset[str] = frozenset()

    def write(self, folder: Path) -> Path:
        """Lay it out below ``folder``; the path that a scanner is given."""
        root = folder / f"{self.family}-{self.name}"
        root.mkdir(parents=True)
        for name, data in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name, target in self.links:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(target)
        return root


def text(data: str) -> bytes:
    """Short for what is written most."""
    return data.encode()
