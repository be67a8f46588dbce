"""The file of a backup: a signed head that anybody can read, and an encrypted archive that its key alone opens.

``head (4096 bytes: a signed note, filled up with line feeds) || age(tar)``. Without us it opens with
``tail -c +4097 FILE | age -d -i KEY | tar x``.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import BinaryIO, Final

from wardstead.adapters.backup.age import Identity, decrypt, encrypt
from wardstead.adapters.store.engine.durable_file import sync_folder
from wardstead.kernel.errors import IntegrityError, WardsteadError

HEAD: Final = 4096
ANOTHER: Final = "take it out of the folder, or name the file that is meant"
_BLOCK: Final = 1 << 20
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup: its path in the deployment folder, and its bytes in pieces, ``size`` in all."""

    name: str
    size: int
    mtime: float
    blocks: Iterable[bytes]


def file_member(name: str, path: Path) -> Member:
    """A file as it lies."""
    found = path.stat()
    return Member(name, found.st_size, found.st_mtime, _blocks(path))


def bytes_member(name: str, data: bytes, mtime: float) -> Member:
    """Bytes that are at hand."""
    return Member(name, len(data), mtime, (data,))


def write_backup(
    path: Path, recipients: Sequence[str], members: Iterable[Member], head: Callable[[str, int], str], progress: Progress
) -> None:
    """Write it beside, sync, read it back, rename. ``head(digest, size)`` of the encrypted archive is the signed note."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "r+b") as file:
            file.write(bytes(HEAD))
            sink = _Hashing(file)
            encrypt(_Pieces(_archive(members, progress)), sink, recipients)
            note = head(sink.hash.hexdigest(), sink.size).encode()
            if len(note) > HEAD:
                raise IntegrityError("the head of the backup is too long")
            file.seek(0)
            file.write(note + b"\n" * (HEAD - len(note)))
            file.flush()
            os.fsync(file.fileno())
        if digest_of(beside) != (sink.hash.hexdigest(), sink.size):
            raise IntegrityError("the disk gives back another backup than was written", where=str(beside))
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def read_head(path: Path) -> str:
    """The signed note. Raises ``IntegrityError`` where there is none."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    try:
        note = head.decode().rstrip("\n") + "\n"
    except UnicodeDecodeError:
        note = ""
    if len(head) != HEAD or "\n\n" not in note:
        raise IntegrityError("this is no backup, or its head was altered", where=str(path), next_step=ANOTHER)
    return note


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and size of the encrypted archive."""
    with path.open("rb") as file:
        file.seek(HEAD)
        found = sha256()
        while block := file.read(_BLOCK):
            found.update(block)
        return found.hexdigest(), file.tell() - HEAD


def unpack(path: Path, identities: Sequence[Identity], folder: Path, renamed: Mapping[str, str] | None = None) -> None:
    """Lay its files into ``folder``, which is empty; those in ``renamed`` by another name.

    Raises ``IntegrityError``, ``CallerError``; then remove what is there.
    """
    reading, writing = os.pipe()
    failed: list[WardsteadError | OSError] = []

    def produce() -> None:
        with os.fdopen(writing, "wb") as sink, path.open("rb") as source:
            source.seek(HEAD)
            try:
                decrypt(source, sink, identities)
            except (WardsteadError, OSError) as error:
                failed.append(error)

    thread = Thread(target=produce)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as source:
            _extract(source, folder, renamed or {})
            while source.read(_BLOCK):  # what decrypts must come to its end, or it is not known to be whole
                pass
    except tarfile.TarError as error:
        failed.append(IntegrityError("the archive in the backup is none", why=str(error)))
    finally:
        thread.join()
    if failed:
        raise failed[0]


def _extract(source: BinaryIO, folder: Path, renamed: Mapping[str, str]) -> None:
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for info in archive:
            name = str(_inside(info))
            target = folder / renamed.get(name, name)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            content = archive.extractfile(info)
            if content is None:
                raise IntegrityError("the archive in the backup holds something else than files")
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                shutil.copyfileobj(content, file, _BLOCK)
                file.flush()
                os.fsync(file.fileno())
            os.utime(target, (info.mtime, info.mtime))


def _inside(info: tarfile.TarInfo) -> PurePosixPath:
    name = PurePosixPath(info.name)
    if not info.isreg() or name.is_absolute() or not name.parts or ".." in name.parts:
        raise IntegrityError("the archive in the backup holds what leads out of it")
    return name


def _archive(members: Iterable[Member], progress: Progress) -> Iterator[bytes]:
    for one in members:
        info = tarfile.TarInfo(one.name)
        info.size, info.mtime, info.mode = one.size, one.mtime, 0o600
        yield info.tobuf(tarfile.PAX_FORMAT)
        given = 0
        for block in one.blocks:
            given += len(block)
            progress(len(block))
            yield block
        if given != one.size:
            raise IntegrityError("a file changed while it was backed up", where=one.name, next_step="try again")
        yield bytes(-one.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


class _Pieces:
    """What a generator gives, as a file that is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        given, self._left = self._left[:size], self._left[size:]
        return bytes(given)


class _Hashing:
    """Writes to a file, and knows what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.hash, self.size = file, sha256(), 0

    def write(self, data: bytes, /) -> int:
        self.hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
