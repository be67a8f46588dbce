"""Which packages a folder, a file or a container's image holds. Nothing is run, followed out of it, or unpacked to disk."""

from __future__ import annotations

import itertools
import lzma
import os
import re
import sqlite3
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec

from wardstead.adapters.artifacts.bounded_tars import Allowance, is_tar, members, opened
from wardstead.supply.packages import go_programs, listed, rpm_headers
from wardstead.supply.packages.package import Package
from wardstead.supply.packages.servers import is_program, program
from wardstead.supply.ports import Malformed

_LONGEST_LIST: Final = 128 << 20
_LONGEST_PROGRAM: Final = 4 << 30
_BLOCK: Final = 4 << 20
_BUILD_INFORMATION: Final = 5 << 20
_MOST_PACKAGES: Final = 200_000
_MOST_STEPS: Final = 2_000
"""Of a hundred thousand of SQLite's instructions each."""
_BROKEN: Final = (
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    KeyError,
    ValueError,
    RecursionError,
    Malformed,
)
_SKIPPED: Final = frozenset({".git", "__pycache__", "proc", "sys", "dev"})
_SYSTEM: Final = "the system's"
"""In place of the distribution, until it is known which it is."""
_RELEASE: Final = re.compile(r"(^|.*/)(etc|usr/lib)/os-release")
_DPKG: Final = re.compile(r"(^|.*/)var/lib/dpkg/(status|status\.d/[^/]+)")
_APK: Final = re.compile(r"(^|.*/)lib/apk/db/installed")
_RPM: Final = re.compile(r"(^|.*/)(var/lib|usr/lib/sysimage|usr/share)/rpm/rpmdb\.sqlite")
_OLD_RPM: Final = re.compile(r"(^|.*/)var/lib/rpm/Packages(\.db)?")


class Unread(NamedTuple):
    """A file that lists packages, or may hold some, and could not be read."""

    file: str
    why: str
    rule: str = "unreadable"


Held = Package | Unread


class _Release(NamedTuple):
    distribution: str


def inventory(root: Path) -> list[Held]:
    """Everything below a folder, in a file, or in an image that ``docker save`` wrote. Raises ``OSError``."""
    if stat.S_ISDIR(root.stat().st_mode):
        closed: list[OSError] = []
        found = [one for path in _files(root, closed) for one in _of_file(path, path.relative_to(root).as_posix())]
        return _settled([*found, *(Unread(str(one.filename), one.strerror or "it cannot be read") for one in closed)])
    if is_tar(root):
        return _settled(_of_image(root))
    return _settled(_of_file(root, root.as_posix(), named=True))


def _settled(found: Iterable[Held | _Release]) -> list[Held]:
    """Each once, the system's packages under their distribution."""
    every = dict.fromkeys(found)
    release = next((one.distribution for one in every if isinstance(one, _Release)), "an unnamed distribution")
    return [
        msgspec.structs.replace(one, ecosystem=release) if isinstance(one, Package) and one.ecosystem == _SYSTEM else one
        for one in every
        if not isinstance(one, _Release)
    ]


def _files(root: Path, closed: list[OSError]) -> Iterator[Path]:
    """``closed``: where it is noted which folders could not be looked into."""
    for at, folders, names in os.walk(root, onerror=closed.append):
        folders[:] = sorted(one for one in folders if one not in _SKIPPED)
        yield from (Path(at, name) for name in sorted(names))


def _of_file(path: Path, name: str, *, named: bool = False) -> Iterator[Held | _Release]:
    """``named``: a person named it, so it is read whatever it is called."""
    with suppress(FileNotFoundError):
        try:
            if (named or not path.is_symlink() or _RELEASE.fullmatch(name)) and path.is_file():
                mode = path.stat().st_mode
                if named or _is_list(name) or mode & 0o111:
                    with path.open("rb") as file:
                        yield from _of_open(file, name, path.stat().st_size)
        except OSError as error:
            yield Unread(name, error.strerror or "it cannot be read")


def _is_list(name: str) -> bool:
    return listed.parser_of(name) is not None or any(one.fullmatch(name) for one in (_RELEASE, _DPKG, _APK, _RPM, _OLD_RPM))


def _of_open(file: IO[bytes], name: str, size: int) -> Iterator[Held | _Release]:
    try:
        if not _is_list(name):
            yield from _program(file, name)
            return
        yield from _listed(_whole(file, size), name)
    except Malformed as error:
        yield Unread(name, error.what)


def _whole(file: IO[bytes], size: int) -> bytes:
    if size > _LONGEST_LIST:
        raise Malformed(f"it is longer than {_LONGEST_LIST:,} bytes")
    return file.read(_LONGEST_LIST)


def _listed(content: bytes, name: str) -> Iterator[Held | _Release]:
    if _RPM.fullmatch(name):
        yield from _rpm(content, name)
        return
    if _OLD_RPM.fullmatch(name):
        raise Malformed("RPM's databases of before RPM 4.16 are not read")
    text = content.decode("utf-8", "replace")
    if _RELEASE.fullmatch(name):
        yield _Release(listed.distribution(text))
    elif _DPKG.fullmatch(name):
        yield from listed.packages_of(lambda text, file: listed.dpkg_status(text, file, _SYSTEM), text, name)
    elif _APK.fullmatch(name):
        yield from listed.packages_of(lambda text, file: listed.apk_installed(text, file, _SYSTEM), text, name)
    elif (parse := listed.parser_of(name)) is not None:
        yield from listed.packages_of(parse, text, name)


def _rpm(content: bytes, name: str) -> Iterator[Package]:
    connection = sqlite3.connect(":memory:")
    steps = itertools.count(1)
    connection.set_progress_handler(lambda: next(steps) > _MOST_STEPS, 100_000)
    try:
        connection.deserialize(content)
        # It may be a view, which has rows without end, or takes without end to have none.
        for number, (blob,) in enumerate(connection.execute("SELECT blob FROM Packages")):
            if number >= _MOST_PACKAGES or not isinstance(blob, bytes):
                raise Malformed("it is no database of RPM: it lists what is no package, or too many")
            yield rpm_headers.package(blob, name, _SYSTEM)
    except sqlite3.Error as error:
        raise Malformed(f"it is no database of RPM: {error}") from None
    finally:
        connection.close()


def _program(file: IO[bytes], name: str) -> Iterator[Package]:
    """The modules of a Go program, and llama.cpp with its build; of another program nothing is known."""
    block = file.read(_BLOCK)
    if not block.startswith(b"\x7fELF"):
        return
    if is_program(name):
        # As a whole: to go back in a layer is to unpack it anew.
        block += file.read(_LONGEST_LIST)
        yield program(block, name)
    read = 0
    while block and read < _LONGEST_PROGRAM:
        if (at := block.find(go_programs.MAGIC)) >= 0 and _begins(block, at):
            yield from go_programs.modules(block[at:] + file.read(_BUILD_INFORMATION), name)
            return
        read += len(block)
        tail = block[-32:]
        following = file.read(_BLOCK)
        block = tail + following if following else b""


def _begins(block: bytes, at: int) -> bool:
    """The mark itself, and not the text by which Go's own tools look for it: behind it come the size of a pointer and flags."""
    return at + 16 > len(block) or block[at + 14] in (0, 4, 8)


def _of_image(path: Path) -> Iterator[Held | _Release]:
    """The files of an image's layers, one upon another, as they would lie there when it runs."""
    try:
        with opened(path=path) as image:
            allowance = Allowance(path.stat().st_size)
            for manifest in _manifests(image):
                held: dict[str, list[Held | _Release]] = {}
                for layer in manifest:
                    try:
                        _lay(_member(image, layer), held, allowance)
                    except _BROKEN as error:
                        yield _unread(f"{path.name}: {layer}", error)
                yield from (one for every in held.values() for one in every)
    except _BROKEN as error:
        yield _unread(path.name, error)


def _unread(file: str, error: Exception) -> Unread:
    if isinstance(error, Malformed):
        return Unread(file, error.what, "bomb" if error.rule == "bomb" else "unreadable")
    return Unread(file, f"it is no image that can be read: {error}")


def _member(image: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        member = image.extractfile(name)
    except KeyError:
        member = None
    if member is None:
        raise Malformed(f"{name} is missing: write images with docker save, or name the folder of their files")
    return member


class _Manifest(msgspec.Struct):
    Layers: list[str]


def _manifests(image: tarfile.TarFile) -> list[list[str]]:
    member = _member(image, "manifest.json")
    try:
        return [one.Layers for one in msgspec.json.decode(member.read(_LONGEST_LIST), type=list[_Manifest])]
    except msgspec.DecodeError as error:
        raise Malformed(f"its manifest cannot be read: {error}") from None


def _lay(layer: IO[bytes], held: dict[str, list[Held | _Release]], allowance: Allowance) -> None:
    """Lay one layer upon what is there; ``.wh.NAME`` takes NAME away (OCI image layer specification, whiteouts)."""
    with opened(file=layer) as files:
        for one in members(files, allowance):
            name = one.name.removeprefix("./").lstrip("/")
            folder, _, last = name.rpartition("/")
            if last.startswith(".wh."):
                _remove(f"{folder}/" if last == ".wh..wh..opq" else f"{folder}/{last[4:]}".lstrip("/"), held)
                continue
            held.pop(name, None)
            if one.isfile() and (_is_list(name) or one.mode & 0o111) and (file := files.extractfile(one)) is not None:
                if one.issparse():
                    allowance.take(one.size)
                held[name] = list(_of_open(file, name, one.size))
        _require_end(files)


def _require_end(files: tarfile.TarFile) -> None:
    """The library takes a broken header for an archive's end, and what follows it would not be missed."""
    assert files.fileobj is not None
    files.fileobj.seek(files.offset)
    if any(files.fileobj.read(tarfile.BLOCKSIZE)):
        raise Malformed("it is broken in the middle, and what follows is not known")


def _remove(path: str, held: dict[str, list[Held | _Release]]) -> None:
    for name in [one for one in held if one == path or one.startswith(path.rstrip("/") + "/")]:
        del held[name]
