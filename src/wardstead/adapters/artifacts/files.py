"""Model files and folders: opened once, hashed and looked at through one descriptor, and never followed out of their folder."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from wardstead.supply.ports import Malformed

_BLOCK: Final = 1 << 20
Progress = Callable[[int], None]


_DIGEST: Final = re.compile(rb'"sha256:([0-9a-f]{64})"')
_MANIFEST: Final = 1 << 20
_LAYERS: Final = 1000


class OpenFile:
    """A ``Source`` over a regular file."""

    def __init__(self, path: Path, name: str) -> None:
        """Raises ``OSError``. ``name``: what a person knows it by."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise OSError(0, "only regular files are read", str(path))
        self.name = name
        self.size = status.st_size
        self.exact = True
        self._status = status

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        os.close(self._fd)

    @property
    def descriptor(self) -> int:
        """To hand to another process: it can only be read."""
        return self._fd

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        try:
            return os.pread(self._fd, length, offset)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "no such place"
            raise Malformed(f"it cannot be read: {why}", offset, rule="unreadable") from None

    def digest(self, progress: Progress) -> str:
        """SHA-256 of the whole, in hexadecimal. Raises ``Malformed`` where it cannot be read."""
        found, block, at = hashlib.sha256(), memoryview(bytearray(_BLOCK)), 0
        try:
            while count := os.preadv(self._fd, [block], at):
                found.update(block[:count])
                at += count
                progress(count)
        except OSError as error:
            raise Malformed(f"it cannot be read: {error.strerror}", at, rule="unreadable") from None
        return found.hexdigest()

    def changed(self) -> bool:
        """Whether somebody wrote to it since it was opened."""
        now, before = os.fstat(self._fd), self._status
        return (now.st_size, now.st_mtime_ns, now.st_ctime_ns) != (before.st_size, before.st_mtime_ns, before.st_ctime_ns)


class Entry(NamedTuple):
    """Something in a folder. ``problem``: the rule that its being there breaks, and why; it is not read then."""

    path: Path
    name: str
    size: int = 0
    problem: tuple[str, str] | None = None


def entries(root: Path) -> Iterator[Entry]:
    """The file itself, or all that is below a folder, in order. Raises ``OSError`` where ``root`` cannot be looked at.

    A manifest in an Ollama store is its model: the blobs that it names come with it.
    A link is followed where it leads to a file in the folder, or to a blob beside a Hugging Face snapshot.
    """
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        store = _store(root)
        yield Entry(root, root.absolute().relative_to(store).as_posix() if store is not None else root.name, status.st_size)
        if store is not None:
            for one in _named_by(root):
                yield _entry(store / "blobs" / f"sha256-{one}", store, [store.resolve()])
        return
    allowed = [root.resolve(), *_blobs(root)]
    for at, folders, names in os.walk(root, onerror=_refuse):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if Path(at, one).is_symlink())]):
            yield _entry(Path(at, name), root, allowed)


def _store(manifest: Path) -> Path | None:
    """The Ollama store (``manifests/HOST/NAMESPACE/MODEL/TAG`` beside ``blobs``) that a manifest is of."""
    above = [one for one in manifest.absolute().parents if one.name == "manifests"]
    return next((one.parent for one in above if (one.parent / "blobs").is_dir()), None)


def _named_by(manifest: Path) -> list[str]:
    """The digests in a manifest, each once."""
    with manifest.open("rb") as file:
        return [one.decode() for one in dict.fromkeys(_DIGEST.findall(file.read(_MANIFEST)))][:_LAYERS]


def _blobs(root: Path) -> list[Path]:
    """Where the links of a snapshot (``models--x--y/snapshots/REVISION``) lead to."""
    parents = root.resolve().parents
    return [one / "blobs" for one in parents[:3] if (one / "blobs").is_dir() and (one / "snapshots").is_dir()]


def _refuse(error: OSError) -> None:
    raise error


def _entry(path: Path, root: Path, allowed: list[Path]) -> Entry:
    name = path.relative_to(root).as_posix()
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = path.resolve(strict=True)
            if not any(target.is_relative_to(one) for one in allowed):
                return Entry(path, name, 0, ("link-outside", "it is a link to something that is not in the folder"))
            if target.is_dir():
                return Entry(path, name, 0, ("link-outside", "it is a link to a folder"))
            mode = target.stat().st_mode
        if not stat.S_ISREG(mode):
            return Entry(path, name, 0, ("special-file", "it is no regular file"))
        return Entry(path, name, path.stat().st_size)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "it leads nowhere"
        return Entry(path, name, 0, ("link-outside" if path.is_symlink() else "unreadable", why))
